/**
 * Given events, when a command, then a decision: a scenario plays the store for one aggregate. A decision that looks at
 * a fact that `needs` did not name throws. It applies what was decided, and keeps claims and buckets as a store would.
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
  type ReplyToKeep,
} from "../../../src/verification/decider.ts";
import type { Environment, Policy } from "../../../src/verification/environment.ts";
import { failureCatalogue, failureMessage } from "../../../src/verification/failures.ts";
import { DEFAULT_ORGANIZATION_SETTINGS } from "../../../src/verification/organization-settings.ts";
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
    const facts = this.#facts(this.decider.needs(this.state, command, env));
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
    return unlessOver(this.buckets.get(bucket), nowMs);
  }

  #facts(asked: readonly FactKey[]): Facts {
    const loaded = new Set(asked.map(textOf));
    const look = <Value>(key: FactKey, value: Value): Value => {
      if (!loaded.has(textOf(key))) throw new Error(`${textOf(key)} is looked at, but not in needs`);
      return value;
    };
    return {
      claimHolder: (claim) => look({ kind: "claim", claim }, this.claims.get(claimText(claim))),
      organization: (organizationId) =>
        look({ kind: "organization", organizationId }, this.organizations.get(organizationId)),
      serviceAccount: (serviceAccountId) =>
        look({ kind: "serviceAccount", serviceAccountId }, this.serviceAccounts.get(serviceAccountId)),
      owners: (organizationId) =>
        look({ kind: "owners", organizationId }, this.owners.get(organizationId) ?? ["another-owner"]),
      isSuppressed: (suppression) =>
        look({ kind: "suppression", suppression }, this.suppressions.has(suppressionText(suppression))),
      bucket: (bucket, nowMs) => look({ kind: "bucket", bucket }, this.#bucket(bucket, nowMs)),
      reply: (scope, nowMs) => look({ kind: "reply", scope }, unlessOver(this.replies.get(scope), nowMs)),
    };
  }
}

function textOf(key: FactKey): string {
  switch (key.kind) {
    case "claim":
      return `claim ${claimText(key.claim)}`;
    case "suppression":
      return `suppression ${suppressionText(key.suppression)}`;
    default:
      return Object.values(key).join(" ");
  }
}

function unlessOver<Row extends { readonly expiresAtMs: number }>(row: Row | undefined, nowMs: number) {
  return row === undefined || row.expiresAtMs <= nowMs ? undefined : row;
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
