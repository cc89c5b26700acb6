/**
 * Given events, when a command, then a decision: a scenario plays the store for one aggregate. It shows a decision only
 * the facts that `needs` asked for, applies what was decided, and keeps claims and buckets as a store would.
 */
import { aggregateOf, type Command } from "../../../src/verification/aggregates.ts";
import type { Caller } from "../../../src/verification/caller.ts";
import {
  claimText,
  type AggregateHead,
  type BucketUse,
  type Decider,
  type Decision,
  type DomainEvent,
  type FactKey,
  type Facts,
  type KeptReply,
  type ReplyToKeep,
} from "../../../src/verification/decider.ts";
import type { Environment, Policy } from "../../../src/verification/environment.ts";
import { failureCatalogue, failureMessage } from "../../../src/verification/failures.ts";
import {
  DEFAULT_ORGANIZATION_SETTINGS,
  type OrganizationSettings,
} from "../../../src/verification/organization-settings.ts";
import type { ServiceAccountState } from "../../../src/verification/service-account.ts";
import { suppressionText } from "../../../src/verification/suppression.ts";
import { newCode } from "./new-code.ts";

export const ORG = "org1";
export const OTHER_ORG = "org2";

/** When the given events were recorded, and when commands come unless a test says otherwise. */
export const RECORDED_AT = Date.UTC(2026, 10, 22, 9);
export const NOW = RECORDED_AT + 60_000;

export const POLICY: Policy = {
  codeTtlMs: 3_600_000,
  maxAttemptsPerClient: 3,
  maxAttemptsPerCode: 5,
  maxFailuresPerDay: 20,
  liveCodes: 1,
  defaultUrlTemplate: "https://verify.example/verify?code={{.Code}}&orgId={{.OrgID}}&userId={{.UserID}}",
  links: { allowedHosts: undefined },
};

type Principal = Extract<Caller, { kind: "principal" }>;

function principal(userId: string, ...grants: Principal["grants"]): Principal {
  return { kind: "principal", userId, organizationId: ORG, grants };
}

export const CALLERS = {
  iamOwner: principal("admin", { permissions: ["user.read", "user.write", "user.delete"] }),
  orgOwner: principal("admin", {
    permissions: ["user.read", "user.write", "user.delete"],
    organizationId: ORG,
  }),
  orgOwnerElsewhere: principal("admin", {
    permissions: ["user.read", "user.write", "user.delete"],
    organizationId: OTHER_ORG,
  }),
  reader: principal("admin", { permissions: ["user.read"] }),
  withoutGrants: principal("admin"),
  self: principal("user1"),
  selfManager: principal("user1", { permissions: ["user.self.delete"] }),
  selfWithWrite: principal("user1", { permissions: ["user.write"] }),
  anonymous: { kind: "anonymous" },
  system: { kind: "system" },
} as const satisfies Record<string, Caller>;

export interface Setting {
  readonly caller?: Caller;
  readonly nowMs?: number;
  readonly policy?: Partial<Policy>;
  readonly allowsSuppressed?: boolean;
  /** IP address that the call comes from. */
  readonly clientAddress?: string;
  /** What the request says of languages. */
  readonly acceptLanguage?: string;
}

export class Scenario<State extends AggregateHead, C extends Command, Event extends DomainEvent, Reply> {
  readonly decider: Decider<State, C, Event, Reply>;
  state: State;
  readonly events: Event[] = [];
  /** Those there are, with their settings. */
  readonly organizations = new Map([
    [ORG, DEFAULT_ORGANIZATION_SETTINGS],
    [OTHER_ORG, DEFAULT_ORGANIZATION_SETTINGS],
  ]);
  readonly serviceAccounts = new Map<string, ServiceAccountState>();
  /** By organization, "" for all; where nothing is set, there is one whom no test is about. */
  readonly owners = new Map<string, readonly string[]>();
  readonly claims = new Map<string, string>();
  readonly buckets = new Map<string, BucketUse>();
  /** By `suppressionText`. */
  readonly suppressions = new Set<string>();
  /** By scope. */
  readonly replies = new Map<string, ReplyToKeep>();

  constructor(decider: Decider<State, C, Event, Reply>, past: readonly Event[] = []) {
    this.decider = decider;
    this.state = decider.initial;
    this.record(past, RECORDED_AT);
  }

  when(
    command: C,
    {
      caller = CALLERS.iamOwner,
      nowMs = NOW,
      policy = {},
      allowsSuppressed = false,
      clientAddress = "",
      acceptLanguage = "",
    }: Setting = {},
  ): Decision<Event, Reply> {
    const codes = this.events.filter(({ type }) => type === "user.human.email.code.added").length;
    const env: Environment = {
      nowMs,
      caller,
      policy: { ...POLICY, ...policy },
      newCode: newCode(codes + 1),
      newNotice: { deliveryId: "notice", acceptLanguage },
      allowsSuppressed,
      clientAddress,
    };
    const facts = this.#facts(this.decider.needs(this.state, command, env), nowMs);
    const decision = this.decider.decide(this.state, facts, command, env);
    this.record(decision.events, nowMs, decision.organizationId);
    for (const { action, ...claim } of decision.claims) {
      const text = claimText(claim);
      if (action === "release") this.claims.delete(text);
      else if (this.claims.has(text)) throw new Error(`${text} is taken twice`);
      else this.claims.set(text, aggregateOf(command).id);
    }
    for (const { bucket, amount, expiresAtMs } of decision.debits) {
      const running = this.#bucket(bucket, nowMs) ?? { used: 0, expiresAtMs };
      this.buckets.set(bucket, { ...running, used: running.used + amount });
    }
    if (decision.keep !== undefined) this.replies.set(decision.keep.scope, decision.keep);
    return decision;
  }

  record(
    events: readonly Event[],
    createdAtMs: number,
    owner: string = this.state.organizationId || ORG,
  ): void {
    for (const event of events) {
      const place = { sequence: this.state.sequence + 1, createdAtMs, organizationId: owner };
      this.state = this.decider.evolve(this.state, event, place);
      this.events.push(event);
    }
  }

  #bucket(bucket: string, nowMs: number): BucketUse | undefined {
    const row = this.buckets.get(bucket);
    return row === undefined || row.expiresAtMs <= nowMs ? undefined : row;
  }

  #facts(asked: readonly FactKey[], nowMs: number): Facts {
    const claims = new Map<string, string>();
    const organizations = new Map<string, OrganizationSettings>();
    const serviceAccounts = new Map<string, ServiceAccountState>();
    const owners = new Map<string, readonly string[]>();
    const buckets = new Map<string, BucketUse>();
    const suppressions = new Set<string>();
    const replies = new Map<string, KeptReply>();
    for (const key of asked) {
      if (key.kind === "bucket") {
        const row = this.#bucket(key.bucket, nowMs);
        if (row !== undefined) buckets.set(key.bucket, row);
      } else if (key.kind === "organization") {
        const settings = this.organizations.get(key.organizationId);
        if (settings !== undefined) organizations.set(key.organizationId, settings);
      } else if (key.kind === "serviceAccount") {
        const account = this.serviceAccounts.get(key.serviceAccountId);
        if (account !== undefined) serviceAccounts.set(key.serviceAccountId, account);
      } else if (key.kind === "owners") {
        owners.set(key.organizationId, this.owners.get(key.organizationId) ?? ["another-owner"]);
      } else if (key.kind === "reply") {
        const row = this.replies.get(key.scope);
        if (row !== undefined && row.expiresAtMs > nowMs) replies.set(key.scope, row);
      } else if (key.kind === "suppression") {
        const text = suppressionText(key.suppression);
        if (this.suppressions.has(text)) suppressions.add(text);
      } else {
        const text = claimText(key.claim);
        const holder = this.claims.get(text);
        if (holder !== undefined) claims.set(text, holder);
      }
    }
    return { claims, organizations, serviceAccounts, owners, buckets, suppressions, replies };
  }
}

/** A decision with its failure as the wire shows it: `<code>: <text> (<id>)`. */
export function told<Event, Reply>({ outcome, ...changes }: Decision<Event, Reply>) {
  return { ...changes, outcome: outcome.ok ? outcome.reply : wireError(outcome.failure) };
}

export function wireError(failure: Parameters<typeof failureMessage>[0]): string {
  return `${failureCatalogue[failure.name].code}: ${failureMessage(failure)}`;
}

/** What `told` says of a decision that changes only what is listed. */
export function only(outcome: unknown, changes: Partial<Decision<DomainEvent, unknown>> = {}) {
  return { events: [], outbox: [], debits: [], claims: [], ...changes, outcome };
}

export function reply(sequence: number, { changedAtMs = NOW, returnsCode = false } = {}) {
  return { details: { sequence, changedAtMs, resourceOwner: ORG }, returnsCode };
}
