/**
 * The Store port: everything that outlives the process. Adapters (sqlite/, and one per further database) pass the
 * contract suite in test/contract/ and never import each other.
 *
 * What every adapter promises:
 * - `execute` loads the aggregate, asks the decider what it needs, lets it decide and writes events, snapshot,
 *   projections and outbox in ONE transaction. It settles only when that commit is on disk.
 * - A refusal that the decider returns is committed with its events and debits, then rejects with `FailureError`.
 * - A command that throws rolls back alone.
 * - An answer that the decision wants kept is written in the same transaction. Of commands under one scope that come at
 *   the same time, all but one see what the first has kept.
 * - Sequences of an aggregate have neither gap nor twin; the snapshot equals the fold of the events, as long as none of
 *   them was pruned. It is what commands load, so that they need no event of before.
 * - A full queue rejects with OVERLOADED and has executed nothing; a database that cannot take writes rejects with
 *   STORE_UNAVAILABLE.
 */
import type { AggregateType, Command, ReplyOf } from "../verification/aggregates.ts";
import type { ClaimKey, OutboxEntry } from "../verification/decider.ts";
import type { Environment, EventOrigin } from "../verification/environment.ts";
import type { OrganizationState } from "../verification/organization.ts";
import type { ServiceAccountState } from "../verification/service-account.ts";
import type { UserState } from "../verification/user/state.ts";
import type {
  AccessTokenPage,
  AccessTokenQuery,
  OrganizationPage,
  OrganizationQuery,
  ServiceAccountPage,
  ServiceAccountQuery,
  TokenUse,
} from "./access-query.ts";
import type {
  DeliveryAttempt,
  DeliveryChange,
  DeliveryHistory,
  DeliveryKind,
  DeliveryPage,
  DeliveryQuery,
  PendingState,
  Suppression,
  SuppressionPage,
  SuppressionQuery,
} from "./deliveries.ts";
import type { EventPage, EventQuery } from "./event-query.ts";
import type { ReturnedCode } from "./kept-codes.ts";
import type { UserPage, UserQuery } from "./user-query.ts";

export type { DeliveryState, PendingState } from "./deliveries.ts";

export interface Store {
  /**
   * @param returned the code that the caller asks for, with a command that has an idempotency key: it is sealed and kept
   * @throws FailureError for refusals, overload and an unavailable database
   */
  execute<C extends Command>(command: C, env: Environment, returned?: ReturnedCode): Promise<ReplyOf<C>>;

  /** Takes up to `count` due deliveries under a lease; see the state machine in mail/dispatcher.ts. */
  claimDeliveries(count: number, nowMs: number, leaseUntilMs: number): Promise<ClaimedDelivery[]>;
  /** Writes how claimed deliveries went. A settlement whose lease was lost is ignored and counted as stale. */
  settleDeliveries(settlements: readonly Settlement[], env: Environment): Promise<{ readonly stale: number }>;
  /** When the next delivery is due, in milliseconds since the Unix epoch; undefined when none is pending. */
  nextDeliveryDueMs(): Promise<number | undefined>;

  /** What people do to deliveries. @throws FailureError for refusals, see DeliveryChange */
  changeDelivery(change: DeliveryChange, nowMs: number): Promise<void>;
  findDelivery(deliveryId: string): Promise<DeliveryHistory | undefined>;
  /** @throws FailureError QUERY_TIMED_OUT past the query's deadline */
  listDeliveries(query: DeliveryQuery): Promise<DeliveryPage>;
  findSuppression(organizationId: string, address: string): Promise<Suppression | undefined>;
  /** @throws FailureError QUERY_TIMED_OUT past the query's deadline */
  listSuppressions(query: SuppressionQuery): Promise<SuppressionPage>;

  findUser(userId: string): Promise<UserState | undefined>;
  /**
   * A look at a user by somebody who acts on it next, and must not be overtaken by an answer: the mail with the user's
   * code is handed over. Until `release` or `untilMs`, a command on that user which was committed after the look, or a
   * cancellation of a mail with that user's code, is
   * answered only after `committed` told of it here, or the hold is over: the first on a store that hears every commit,
   * the second on others, where answers wait for it.
   *
   * @param lost is called when the hold ends by anything but `release`; not on stores that hear every commit
   * @param deliveryId what is handed over: the look tells who has cancelled it
   * @throws FailureError STORE_UNAVAILABLE also when others held the user all the time
   */
  holdUser(userId: string, lost: () => void, deliveryId?: string): Promise<UserHold>;
  findOrganization(organizationId: string): Promise<OrganizationState | undefined>;
  findServiceAccount(serviceAccountId: string): Promise<ServiceAccountState | undefined>;
  /** Id of the aggregate that holds the claim. */
  findClaim(claim: ClaimKey): Promise<string | undefined>;
  /**
   * Revoked and expired ones too: access/personal-access-tokens.ts tells which are good.
   *
   * @param hash SHA-256 of the token, base64url
   */
  findAccessToken(hash: string): Promise<AccessTokenRecord | undefined>;
  /** @throws FailureError QUERY_TIMED_OUT past the query's deadline */
  listOrganizations(query: OrganizationQuery): Promise<OrganizationPage>;
  /** @throws FailureError QUERY_TIMED_OUT past the query's deadline */
  listServiceAccounts(query: ServiceAccountQuery): Promise<ServiceAccountPage>;
  /** @throws FailureError QUERY_TIMED_OUT past the query's deadline */
  listAccessTokens(query: AccessTokenQuery): Promise<AccessTokenPage>;
  /** @throws FailureError QUERY_TIMED_OUT past the query's deadline */
  listUsers(query: UserQuery): Promise<UserPage>;
  /** Events in commit order, those after `afterPosition`, at most `limit`. */
  readEvents(afterPosition: number, limit: number): Promise<RecordedEvent[]>;
  /** Position of the last event; 0 when there is none. */
  lastPosition(): Promise<number>;
  /** Position of the last event that was pruned; 0 when none was. Beyond it every event is there. */
  prunedPosition(): Promise<number>;
  /** Events that pass filters, in pages that may be short; see EventPage. */
  listEvents(query: EventQuery): Promise<EventPage>;

  /** Whether `committed` tells of every commit before it is answered: nobody else writes this database. */
  readonly hearsEveryCommit: boolean;
  /** Calls the listener after each commit, before any of its commands is answered; returns what ends that. */
  committed(listener: (commit: Commit) => void): () => void;

  /** Keeps a small value beside the data, such as the fingerprint of the key. */
  setMetadata(key: string, value: string, when: "always" | "if absent"): Promise<string>;
  getMetadata(key: string): Promise<string | undefined>;

  /** The dev inbox, newest first. Bodies are sealed by the caller. */
  addInboxMail(mail: SealedInboxMail): Promise<void>;
  listInboxMails(limit: number): Promise<SealedInboxMail[]>;
  findInboxMail(deliveryId: string): Promise<SealedInboxMail | undefined>;
  /** Replaces how a mail is sealed; a mail that is no longer there stays away. */
  resealInboxMail(deliveryId: string, sealed: string): Promise<void>;

  /**
   * Every key that something was made with, and until when that can be used. Looks at every user, which takes a few
   * seconds per million: for commands that have the database to themselves.
   *
   * @param onProgress told now and then how many users were looked at
   */
  keyUses(onProgress?: (users: number) => void): Promise<KeyUse[]>;

  maintain(task: MaintenanceTask): Promise<void>;

  /** For monitoring; cheap enough to be asked every few seconds, whatever the backlog. */
  figures(): Promise<StoreFigures>;

  /** Whether writes succeed; asked by health checks. */
  isHealthy(): boolean;
  /** Resolves with the reason when durability is in doubt and the process has to end. */
  readonly failed: Promise<Error>;
  /** Finishes what is queued, then closes. */
  close(): Promise<void>;
}

/**
 * A task is done in pieces of a few milliseconds, each a transaction of its own, so that calls get their turn in between,
 * and a process that dies leaves whole pieces: the task, given again, goes on. Where several instances share a database,
 * all of them may be given the same task at the same time.
 */
export type MaintenanceTask =
  /** Removes counters that are over. */
  | { readonly kind: "pruneBuckets"; readonly nowMs: number }
  /** Removes answers kept for repetitions that are over. */
  | { readonly kind: "pruneReplies"; readonly nowMs: number }
  /**
   * Removes deliveries that came to their end before that time (sent, failed, cancelled, expired, bounced), with their
   * timelines and their copies in the dev inbox. Those that have not stay, however old. What is suppressed stays so.
   */
  | { readonly kind: "pruneDeliveries"; readonly endedBeforeMs: number }
  /**
   * Removes events recorded before that time, from the first on and up to the first that is younger. The last event of each
   * aggregate stays, until another follows it: so `lastPosition` never falls, and sequences go on. With the first event that
   * goes, in the same transaction, `prunedPosition` rises.
   */
  | { readonly kind: "pruneEvents"; readonly recordedBeforeMs: number }
  /** Erases the personal data of users who were deleted before that time; see docs/security.md for what that is. */
  | { readonly kind: "eraseUsers"; readonly removedBeforeMs: number; readonly nowMs: number }
  /** Notes when tokens were used; of several times for one, the last holds. Unknown tokens are passed over. */
  | { readonly kind: "recordTokenUses"; readonly uses: readonly TokenUse[] };

export interface StoreFigures {
  /** Writes that wait for their transaction. */
  readonly waitingWrites: number;
  /** Deliveries that have not come to an end. The counts together stop at `PENDING_DELIVERIES_COUNTED`. */
  readonly pendingDeliveries: Readonly<Record<PendingState, number>>;
}

export const PENDING_DELIVERIES_COUNTED = 100_000;

export interface Commit {
  /** Position of the last event of the commit. */
  readonly position: number;
  /** Whether the commit queued mail. */
  readonly queuedMail: boolean;
  /** Ids of the users that its commands changed; what became of mails does not count. */
  readonly changedUsers: readonly string[];
  /** Deliveries that somebody cancelled while they were being sent. */
  readonly cancelRequests: readonly CancelRequest[];
  /** Whether mails were taken from the dev inbox: those of users who are erased, and old ones. Absent: they were not. */
  readonly erasedMails?: boolean;
  /** Whether it changed service accounts or access tokens. Only stores that hear every commit say so. */
  readonly changedAccess?: boolean;
}

/** A user as it was found, and leave to act on that for a moment. */
export interface UserHold {
  readonly user: UserState | undefined;
  /**
   * Who cancelled the delivery while it was being sent; undefined where nobody did, and where every commit is heard of
   * before it is answered.
   */
  readonly cancelledBy?: string | undefined;
  /** Later nobody may act on it any more, on the clock of `monotonicNowMs`. */
  readonly untilMs: number;
  /** Says that it was acted on, or will not be. May be called again. */
  release(): void;
}

export interface CancelRequest {
  readonly deliveryId: string;
  readonly by: string;
}

export interface RecordedEvent {
  /** Place in the log of all events, increasing in commit order. */
  readonly position: number;
  readonly aggregateType: AggregateType;
  readonly aggregateId: string;
  readonly sequence: number;
  readonly type: string;
  readonly payload: object;
  readonly createdAtMs: number;
  readonly organizationId: string;
  /** Who caused it: a principal's id, "anonymous", or "system". */
  readonly editor: string;
  /** Absent where nothing is known of a request. */
  readonly origin?: EventOrigin;
}

export interface AccessTokenRecord {
  readonly tokenId: string;
  readonly hash: string;
  /** The token works before this time, in milliseconds since the Unix epoch. Null: it does not expire. */
  readonly expiresAtMs: number | null;
  /** Null: it is not revoked. */
  readonly revokedAtMs: number | null;
  readonly serviceAccountId: string;
  readonly serviceAccount: ServiceAccountState;
}

/** A notice has no code and no link, a test mail no user either: these are "". */
export interface ClaimedDelivery extends Omit<OutboxEntry, "kind" | "newAddress"> {
  readonly kind: DeliveryKind;
  /** Masked; "" for all but notices. */
  readonly newAddress: string;
  /** Fences the settlement: a later claim has another lease. */
  readonly leaseId: string;
  /** 1 for the first try. */
  readonly attempt: number;
  readonly queuedAtMs: number;
  /** Who cancelled it during an attempt that never came to its end; null when nobody did. */
  readonly cancelRequestedBy: string | null;
}

export interface Settlement {
  readonly deliveryId: string;
  readonly leaseId: string;
  /** What was tried, for the timeline. Absent where nothing was handed over; then only an end has an entry. */
  readonly tried?: DeliveryAttempt;
  /** A retry or a release of a delivery that somebody cancelled meanwhile ends it as cancelled. */
  readonly outcome:
    | { readonly state: "sent" }
    /** As if it had not been claimed: due at once, and no try more. */
    | { readonly state: "released" }
    | { readonly state: "retrying"; readonly retryAtMs: number; readonly problem: string }
    | { readonly state: "failed" | "cancelled" | "expired"; readonly problem: string };
}

export interface KeyUse {
  readonly keyId: string;
  /**
   * When the last code under the key expires, be it live, used, superseded or in a queued mail: what is submitted is
   * compared with all of them. Or, where that is later, when the last answer is over that is kept with a code. In
   * milliseconds since the Unix epoch, and perhaps past; undefined when there is none.
   */
  readonly codesUntilMs: number | undefined;
  /** Mails in the dev inbox, which do not expire. */
  readonly inboxMails: number;
}

export interface SealedInboxMail {
  readonly deliveryId: string;
  readonly receivedAtMs: number;
  readonly sealed: string;
}
