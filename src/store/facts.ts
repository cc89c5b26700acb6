/** What a decision asks for, gathered from wherever a store keeps it. */
import {
  claimText,
  type BucketUse,
  type ClaimKey,
  type FactKey,
  type Facts,
  type KeptReply,
} from "../verification/decider.ts";
import type { OrganizationSettings } from "../verification/organization-settings.ts";
import type { OrganizationState } from "../verification/organization.ts";
import type { ServiceAccountState } from "../verification/service-account.ts";
import { suppressionText, type SuppressionKey } from "../verification/suppression.ts";

/** Each answers at once, undefined for what there is not. */
export interface FactSource {
  /** @returns the id of the aggregate that holds it */
  claimHolder(claim: ClaimKey): string | undefined;
  organization(organizationId: string): OrganizationState | undefined;
  serviceAccount(serviceAccountId: string): ServiceAccountState | undefined;
  /** Ids of its active owners; of those who own all organizations for "". */
  owners(organizationId: string): readonly string[];
  isSuppressed(suppression: SuppressionKey): boolean;
  /** @returns undefined for one that is over, too */
  reply(scope: string, nowMs: number): KeptReply | undefined;
  /** @returns undefined for one that is over, too */
  bucket(bucket: string, nowMs: number): BucketUse | undefined;
}

/** @param nowMs milliseconds since the Unix epoch */
export function gatherFacts(keys: readonly FactKey[], source: FactSource, nowMs: number): Facts {
  const claims = new Map<string, string>();
  const organizations = new Map<string, OrganizationSettings>();
  const serviceAccounts = new Map<string, ServiceAccountState>();
  const owners = new Map<string, readonly string[]>();
  const buckets = new Map<string, BucketUse>();
  const suppressions = new Set<string>();
  const replies = new Map<string, KeptReply>();
  for (const key of keys) {
    switch (key.kind) {
      case "claim":
        put(claims, claimText(key.claim), source.claimHolder(key.claim));
        break;
      case "organization":
        put(organizations, key.organizationId, source.organization(key.organizationId)?.settings);
        break;
      case "serviceAccount":
        put(serviceAccounts, key.serviceAccountId, source.serviceAccount(key.serviceAccountId));
        break;
      case "owners":
        owners.set(key.organizationId, source.owners(key.organizationId));
        break;
      case "suppression":
        if (source.isSuppressed(key.suppression)) suppressions.add(suppressionText(key.suppression));
        break;
      case "reply":
        put(replies, key.scope, source.reply(key.scope, nowMs));
        break;
      case "bucket":
        put(buckets, key.bucket, source.bucket(key.bucket, nowMs));
        break;
    }
  }
  return { claims, organizations, serviceAccounts, owners, buckets, suppressions, replies };
}

function put<Value>(facts: Map<string, Value>, key: string, value: Value | undefined): void {
  if (value !== undefined) facts.set(key, value);
}
