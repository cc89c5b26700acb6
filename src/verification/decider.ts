/**
 * The shape of an event-sourced aggregate.
 *
 * A store loads the aggregate's state and calls `decide`, with the rows outside the aggregate that the rule looks at as
 * `Facts`. A store that cannot answer for a row at once asks `needs` before, and loads the rows that it names; nothing else
 * is looked at. What comes back is data: events to append, rows to write, and the outcome. A refusal is an outcome, not an
 * exception: a wrong code appends its event, pays its debit and answers an error in one commit. Both functions are pure
 * but for what they ask `Facts`, so a store may run them next to the data and run them again after a conflict.
 */
import type { Environment } from "./environment.ts";
import type { Failure } from "./failures.ts";
import type { OrganizationSettings } from "./organization-settings.ts";
import type { ServiceAccountState } from "./service-account.ts";
import type { SuppressionKey } from "./suppression.ts";
import type { Details } from "./user/commands.ts";

/** What every aggregate's state starts with. */
export interface AggregateHead {
  /** Number of events so far; 0 for an aggregate that does not exist. */
  readonly sequence: number;
  /** Milliseconds since the Unix epoch of the first and the last event. */
  readonly createdAtMs: number;
  readonly changedAtMs: number;
  /** The organization that owns the aggregate; "" while it does not exist. */
  readonly organizationId: string;
}

/** Of an aggregate that never had an event. */
export const UNKNOWN_HEAD: AggregateHead = {
  sequence: 0,
  createdAtMs: 0,
  changedAtMs: 0,
  organizationId: "",
};

/** An event as decided: its type and payload, before it has a place in the log. */
export interface DomainEvent {
  readonly type: string;
  readonly payload: object;
}

/** Where and when an event was recorded. */
export interface EventPlace {
  readonly sequence: number;
  readonly createdAtMs: number;
  readonly organizationId: string;
}

/** A row outside the aggregate that a rule looks at. */
export type FactKey =
  | { readonly kind: "claim"; readonly claim: ClaimKey }
  | { readonly kind: "organization"; readonly organizationId: string }
  | { readonly kind: "serviceAccount"; readonly serviceAccountId: string }
  | { readonly kind: "owners"; readonly organizationId: string }
  | { readonly kind: "bucket"; readonly bucket: string }
  | { readonly kind: "suppression"; readonly suppression: SuppressionKey }
  | { readonly kind: "reply"; readonly scope: string };

/** A value that only one aggregate may hold: a username, or the id of a subject (user or service account). */
export interface ClaimKey {
  readonly scope: "username" | "subject";
  readonly value: string;
}

/** Each answers at once, undefined for what there is not. */
export interface Facts {
  /** @returns the id of the aggregate that holds it */
  claimHolder(claim: ClaimKey): string | undefined;
  /** @returns what it is set to */
  organization(organizationId: string): OrganizationSettings | undefined;
  /** @returns also one that is removed */
  serviceAccount(serviceAccountId: string): ServiceAccountState | undefined;
  /** Ids of its active owners; of those who own all organizations for "", see last-owner.ts. */
  owners(organizationId: string): readonly string[];
  /** Whether the address takes no mail. */
  isSuppressed(suppression: SuppressionKey): boolean;
  /** @returns undefined for a counter that is over, too */
  bucket(bucket: string, nowMs: number): BucketUse | undefined;
  /** The answer that is kept under the scope. @returns undefined for one that is over, too */
  reply(scope: string, nowMs: number): KeptReply | undefined;
}

/** The success of a call with an Idempotency-Key; see user/idempotency.ts. */
export interface KeptReply {
  /** SHA-256 of the request that it answers, base64url. */
  readonly fingerprint: string;
  readonly userId: string;
  readonly details: Details;
  /** The code that the caller got, sealed; null where it got none. */
  readonly sealedCode: string | null;
}

export interface ReplyToKeep extends KeptReply {
  /** SHA-256 of principal, method and key, base64url. */
  readonly scope: string;
  /** From when on the same call is a new one, milliseconds since the Unix epoch. */
  readonly expiresAtMs: number;
}

export interface BucketUse {
  /** The sum of the debits. */
  readonly used: number;
  /** When the bucket is empty again, milliseconds since the Unix epoch. */
  readonly expiresAtMs: number;
}

export function claimText({ scope, value }: ClaimKey): string {
  return `${scope}:${value}`;
}

/** Takes or gives back a claim. Taking a claim that another aggregate holds is a bug of the decision: look first. */
export interface ClaimChange extends ClaimKey {
  readonly action: "take" | "release";
}

/** Raises a counter. */
export interface Debit {
  readonly bucket: string;
  readonly amount: number;
  /** When the counter is forgotten; of a counter that runs already, the first debit's time holds. */
  readonly expiresAtMs: number;
}

/** A mail to be sent, written in the transaction of what it is about. */
export interface OutboxEntry {
  /**
   * "code": carries a code; "notice": tells an old address that there is a new one, see user/address-notice.ts. A notice
   * has neither code nor link: `codeId`, `urlTemplate` and `sealedCode` are "". Default: "code".
   */
  readonly kind?: "code" | "notice";
  readonly deliveryId: string;
  readonly codeId: string;
  readonly userId: string;
  readonly organizationId: string;
  readonly recipient: string;
  readonly urlTemplate: string;
  readonly sealedCode: string;
  readonly acceptLanguage: string;
  /** When it is of no use any more, milliseconds since the Unix epoch. */
  readonly expiresAtMs: number;
  /** Of a notice: the new address, masked. Default: "". */
  readonly newAddress?: string;
}

export type Outcome<Reply> =
  | { readonly ok: true; readonly reply: Reply }
  | { readonly ok: false; readonly failure: Failure };

export interface Decision<Event, Reply> {
  readonly events: readonly Event[];
  readonly outbox: readonly OutboxEntry[];
  readonly debits: readonly Debit[];
  readonly claims: readonly ClaimChange[];
  /** The answer that repetitions of the call get. */
  readonly keep?: ReplyToKeep;
  /** The owner of a new aggregate; later events belong to the owner that the first one named. */
  readonly organizationId?: string;
  readonly outcome: Outcome<Reply>;
}

export interface Decider<State extends AggregateHead, Command, Event extends DomainEvent, Reply> {
  readonly initial: State;
  evolve(state: State, event: Event, place: EventPlace): State;
  needs(state: State, command: Command, env: Environment): readonly FactKey[];
  decide(state: State, facts: Facts, command: Command, env: Environment): Decision<Event, Reply>;
}

const NOTHING = { events: [], outbox: [], debits: [], claims: [] };

/** Refuses, changing nothing unless `extra` says so. */
export function refuse<Event, Reply>(
  why: Failure,
  extra: Partial<Decision<Event, Reply>> = {},
): Decision<Event, Reply> {
  return { ...NOTHING, ...extra, outcome: { ok: false, failure: why } };
}

export function accept<Event, Reply>(
  reply: Reply,
  extra: Partial<Decision<Event, Reply>> = {},
): Decision<Event, Reply> {
  return { ...NOTHING, ...extra, outcome: { ok: true, reply } };
}

/** The head after one more event. */
export function advance(head: AggregateHead, place: EventPlace): AggregateHead {
  return {
    sequence: place.sequence,
    createdAtMs: head.sequence === 0 ? place.createdAtMs : head.createdAtMs,
    changedAtMs: place.createdAtMs,
    organizationId: place.organizationId,
  };
}
