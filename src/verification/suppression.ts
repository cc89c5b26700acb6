/** Addresses that take no mail: what came back for good, or was called unwanted, and which calls that refuses. */
import { checkPermission } from "./caller.ts";
import type { FactKey, Facts } from "./decider.ts";
import type { Environment } from "./environment.ts";
import { failure, type Failure } from "./failures.ts";

/** A bounce of one organization's mail says nothing to another: neither learns of the other's readers. */
export interface SuppressionKey {
  readonly organizationId: string;
  readonly address: string;
}

/**
 * An address as it is compared: the case of its domain does not matter, that of the rest does (RFC 5321 section 2.4).
 */
export function addressKey(address: string): string {
  const at = address.lastIndexOf("@");
  return address.slice(0, at + 1) + address.slice(at + 1).toLowerCase();
}

/** One text for each suppression. */
export function suppressionText({ organizationId, address }: SuppressionKey): string {
  return `${organizationId}:${addressKey(address)}`;
}

/** What `checkSuppression` looks at. */
export function suppressionNeed(organizationId: string, address: string): FactKey {
  return { kind: "suppression", suppression: { organizationId, address } };
}

/**
 * Whether a mail to the address may be queued.
 *
 * @returns the failure that refuses it, or undefined; PERMISSION_DENIED for an override by somebody who may not write
 */
export function checkSuppression(key: SuppressionKey, facts: Facts, env: Environment): Failure | undefined {
  if (!facts.isSuppressed(key)) return undefined;
  if (env.allowsSuppressed !== true) return failure("ADDRESS_SUPPRESSED");
  return checkPermission(env.caller, "user.write", { organizationId: key.organizationId }, "not allowed");
}
