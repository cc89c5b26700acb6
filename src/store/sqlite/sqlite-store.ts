/** The Store on one SQLite file: writes through one thread with group commit, point reads at once, lists on a thread. */
import type { Database, Statement } from "better-sqlite3";
import type { AggregateStates, AggregateType, Command, ReplyOf } from "../../verification/aggregates.ts";
import type { ClaimKey } from "../../verification/decider.ts";
import type { Environment } from "../../verification/environment.ts";
import type { OrganizationState } from "../../verification/organization.ts";
import type { ServiceAccountState } from "../../verification/service-account.ts";
import type { UserState } from "../../verification/user/state.ts";
import type { CommitMeter } from "../../observability/meters.ts";
import {
  PENDING_DELIVERIES_COUNTED,
  type AccessTokenRecord,
  type ClaimedDelivery,
  type Commit,
  type KeyUse,
  type MaintenanceTask,
  type PendingState,
  type RecordedEvent,
  type SealedInboxMail,
  type Settlement,
  type Store,
  type StoreFigures,
  type UserHold,
} from "../store.ts";
import { addressKey } from "../../verification/suppression.ts";
import type {
  AccessTokenPage,
  AccessTokenQuery,
  OrganizationPage,
  OrganizationQuery,
  ServiceAccountPage,
  ServiceAccountQuery,
} from "../access-query.ts";
import type {
  DeliveryChange,
  DeliveryHistory,
  DeliveryPage,
  DeliveryQuery,
  DeliveryRecord,
  Suppression,
  SuppressionPage,
  SuppressionQuery,
} from "../deliveries.ts";
import type { EventPage, EventQuery } from "../event-query.ts";
import { recordedEvent, type EventRow } from "../event-row.ts";
import type { UserPage, UserQuery } from "../user-query.ts";
import type { ReturnedCode } from "../kept-codes.ts";
import { AccessTokenCache } from "./access-token-cache.ts";
import type { BatchCode } from "./batch-codes.ts";
import { openForReading } from "./connection.ts";
import { DELIVERY_COLUMNS } from "./delivery-list-sql.ts";
import { prepareTimeline, readTimeline } from "./delivery-log.ts";
import { Checkpointer } from "./checkpointer.ts";
import { EVENT_COLUMNS } from "./event-columns.ts";
import { GroupCommit } from "./group-commit.ts";
import { readKeyUses } from "./key-uses.ts";
import { ListReader } from "./list-reader.ts";
import { acquireLock, type Lock } from "./lock.ts";
import { readPrunedPosition } from "./old-events.ts";
import { SUPPRESSION_COLUMNS } from "./suppression-table.ts";

export interface SqliteStoreOptions {
  /** The database file; made when missing. Its lock stands beside it as `<path>.lock`. */
  readonly path: string;
  /** Writes that may wait for their batch before further ones are answered OVERLOADED. Default 8,192. */
  readonly maxWaitingWrites?: number;
  /** Learns of every transaction. */
  readonly meter?: CommitMeter;
}

export class SqliteStore implements Store {
  /** The lock keeps other processes out. */
  readonly hearsEveryCommit = true;
  readonly failed: Promise<Error>;
  readonly #lock: Lock;
  readonly #writes: GroupCommit;
  readonly #checkpointer: Checkpointer;
  readonly #reader: Database;
  readonly #lists: ListReader;
  readonly #statements: ReturnType<typeof prepare>;
  readonly #accessTokens = new AccessTokenCache((hash) => this.#loadAccessToken(hash));
  readonly #listeners: Set<(commit: Commit) => void>;

  private constructor(
    path: string,
    lock: Lock,
    writes: GroupCommit,
    checkpointer: Checkpointer,
    listeners: Set<(commit: Commit) => void>,
  ) {
    this.#lock = lock;
    this.#writes = writes;
    this.#checkpointer = checkpointer;
    this.#listeners = listeners;
    this.#reader = openForReading(path);
    this.#lists = new ListReader(path);
    this.#statements = prepare(this.#reader);
    this.failed = writes.failed;
    listeners.add(({ changedAccess }) => {
      if (changedAccess === true) this.#accessTokens.forget();
    });
  }

  /** @throws LockedError when another process serves this database; Error when it cannot be opened or is newer */
  static async open({ path, maxWaitingWrites, meter }: SqliteStoreOptions): Promise<SqliteStore> {
    const lock = acquireLock(`${path}.lock`);
    const listeners = new Set<(commit: Commit) => void>();
    try {
      const checkpointer = new Checkpointer(path);
      const writes = await GroupCommit.open({
        path,
        onLogPages: (logPages) => checkpointer.committed(logPages),
        ...(maxWaitingWrites !== undefined && { maxWaitingTasks: maxWaitingWrites }),
        ...(meter !== undefined && { meter }),
        onCommit: (commit) => {
          for (const listener of listeners) listener(commit);
        },
      });
      return new SqliteStore(path, lock, writes, checkpointer, listeners);
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  execute<C extends Command>(command: C, env: Environment, returned?: ReturnedCode): Promise<ReplyOf<C>> {
    const key = "idempotency" in command ? command.idempotency : undefined;
    if (returned === undefined || key === undefined) {
      return this.#writes.submit({ kind: "execute", command, env }) as Promise<ReplyOf<C>>;
    }
    const code: BatchCode = { ...returned, key: { ...key } };
    const keyed = { ...command, idempotency: code.key };
    return this.#writes.submit({ kind: "execute", command: keyed, env }, code) as Promise<ReplyOf<C>>;
  }

  async claimDeliveries(count: number, nowMs: number, leaseUntilMs: number): Promise<ClaimedDelivery[]> {
    return (await this.#writes.submit({ kind: "claim", count, nowMs, leaseUntilMs })) as ClaimedDelivery[];
  }

  async settleDeliveries(settlements: readonly Settlement[], env: Environment): Promise<{ stale: number }> {
    return (await this.#writes.submit({ kind: "settle", settlements, env })) as { stale: number };
  }

  nextDeliveryDueMs(): Promise<number | undefined> {
    const row = this.#statements.nextDue.get() as { due: number | null };
    return Promise.resolve(row.due ?? undefined);
  }

  async changeDelivery(change: DeliveryChange, nowMs: number): Promise<void> {
    await this.#writes.submit({ kind: "changeDelivery", change, nowMs });
  }

  /** In one transaction, so that the timeline fits the state. */
  findDelivery(deliveryId: string): Promise<DeliveryHistory | undefined> {
    const { delivery: select, timeline } = this.#statements;
    const history = this.#reader.transaction(() => {
      const found = select.get(deliveryId) as (DeliveryRecord & { row: number }) | undefined;
      if (found === undefined) return undefined;
      const { row, ...delivery } = found;
      return { delivery, timeline: readTimeline(timeline, row) };
    })();
    return Promise.resolve(history);
  }

  listDeliveries(query: DeliveryQuery): Promise<DeliveryPage> {
    return this.#lists.list("deliveries", query);
  }

  findSuppression(organizationId: string, address: string): Promise<Suppression | undefined> {
    const row = this.#statements.suppression.get(organizationId, addressKey(address));
    return Promise.resolve(row as Suppression | undefined);
  }

  listSuppressions(query: SuppressionQuery): Promise<SuppressionPage> {
    return this.#lists.list("suppressions", query);
  }

  findUser(userId: string): Promise<UserState | undefined> {
    return Promise.resolve(this.#find("user", userId));
  }

  /** Every commit is told of before it is answered: nobody has to wait for the holder. */
  holdUser(userId: string): Promise<UserHold> {
    return Promise.resolve({ user: this.#find("user", userId), untilMs: Infinity, release() {} });
  }

  findOrganization(organizationId: string): Promise<OrganizationState | undefined> {
    return Promise.resolve(this.#find("organization", organizationId));
  }

  findServiceAccount(serviceAccountId: string): Promise<ServiceAccountState | undefined> {
    return Promise.resolve(this.#find("service_account", serviceAccountId));
  }

  findClaim({ scope, value }: ClaimKey): Promise<string | undefined> {
    const row = this.#statements.claim.get(scope, value) as { aggregate_id: string } | undefined;
    return Promise.resolve(row?.aggregate_id);
  }

  findAccessToken(hash: string): Promise<AccessTokenRecord | undefined> {
    return Promise.resolve(this.#accessTokens.find(hash));
  }

  listOrganizations(query: OrganizationQuery): Promise<OrganizationPage> {
    return this.#lists.list("organizations", query);
  }

  listServiceAccounts(query: ServiceAccountQuery): Promise<ServiceAccountPage> {
    return this.#lists.list("serviceAccounts", query);
  }

  listAccessTokens(query: AccessTokenQuery): Promise<AccessTokenPage> {
    return this.#lists.list("accessTokens", query);
  }

  listUsers(query: UserQuery): Promise<UserPage> {
    return this.#lists.list("users", query);
  }

  readEvents(afterPosition: number, limit: number): Promise<RecordedEvent[]> {
    const rows = this.#statements.events.all(afterPosition, limit) as EventRow[];
    return Promise.resolve(rows.map(recordedEvent));
  }

  lastPosition(): Promise<number> {
    return Promise.resolve(this.#statements.lastPosition.get() as number);
  }

  prunedPosition(): Promise<number> {
    return Promise.resolve(readPrunedPosition(this.#statements.metadata));
  }

  listEvents(query: EventQuery): Promise<EventPage> {
    return this.#lists.list("events", query);
  }

  committed(listener: (commit: Commit) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async setMetadata(key: string, value: string, when: "always" | "if absent"): Promise<string> {
    const task = { kind: "setMetadata", key, value, onlyIfAbsent: when === "if absent" } as const;
    return (await this.#writes.submit(task)) as string;
  }

  getMetadata(key: string): Promise<string | undefined> {
    const row = this.#statements.metadata.get(key) as { value: string } | undefined;
    return Promise.resolve(row?.value);
  }

  async addInboxMail(mail: SealedInboxMail): Promise<void> {
    await this.#writes.submit({ kind: "addInboxMail", mail });
  }

  listInboxMails(limit: number): Promise<SealedInboxMail[]> {
    return Promise.resolve(this.#statements.inbox.all(limit) as SealedInboxMail[]);
  }

  findInboxMail(deliveryId: string): Promise<SealedInboxMail | undefined> {
    return Promise.resolve(this.#statements.inboxMail.get(deliveryId) as SealedInboxMail | undefined);
  }

  async resealInboxMail(deliveryId: string, sealed: string): Promise<void> {
    await this.#writes.submit({ kind: "resealInboxMail", deliveryId, sealed });
  }

  keyUses(onProgress?: (users: number) => void): Promise<KeyUse[]> {
    return readKeyUses(this.#reader, onProgress);
  }

  async maintain(task: MaintenanceTask): Promise<void> {
    // Each part is a task of its own: other writes get their turn in between.
    while ((await this.#writes.submit({ kind: "maintain", task })) === true);
  }

  figures(): Promise<StoreFigures> {
    const pendingDeliveries = this.#statements.pending.get(PENDING_DELIVERIES_COUNTED) as Record<
      PendingState,
      number
    >;
    return Promise.resolve({ waitingWrites: this.#writes.waitingTasks, pendingDeliveries });
  }

  isHealthy(): boolean {
    return this.#writes.isHealthy;
  }

  async close(): Promise<void> {
    await this.#writes.drain();
    // The writer goes last: only the last connection folds the log into the database file and removes it.
    await this.#lists.close();
    this.#reader.close();
    // Before the writer, who as the last one to close the database leaves no log behind.
    await this.#checkpointer.close();
    await this.#writes.close();
    this.#lock.release();
  }

  #loadAccessToken(hash: string): AccessTokenRecord | undefined {
    const row = this.#statements.accessToken.get(hash) as
      | Omit<AccessTokenRecord, "serviceAccount">
      | undefined;
    const serviceAccount = row && this.#find("service_account", row.serviceAccountId);
    return row && serviceAccount && { ...row, serviceAccount };
  }

  #find<Type extends AggregateType>(type: Type, id: string): AggregateStates[Type] | undefined {
    const row = this.#statements.aggregate.get(type, id) as { state: string } | undefined;
    return row && (JSON.parse(row.state) as AggregateStates[Type]);
  }
}

function prepare(
  database: Database,
): Record<
  | "aggregate"
  | "claim"
  | "accessToken"
  | "nextDue"
  | "pending"
  | "delivery"
  | "timeline"
  | "suppression"
  | "events"
  | "lastPosition"
  | "metadata"
  | "inbox"
  | "inboxMail",
  Statement
> {
  return {
    aggregate: database.prepare("SELECT state FROM aggregates WHERE type = ? AND id = ?"),
    claim: database.prepare("SELECT aggregate_id FROM claims WHERE scope = ? AND value = ?"),
    accessToken: database.prepare(
      `SELECT hash, token_id AS tokenId, service_account_id AS serviceAccountId, expires_at_ms AS expiresAtMs,
         revoked_at_ms AS revokedAtMs
       FROM access_tokens WHERE hash = ?`,
    ),
    nextDue: database.prepare("SELECT min(due_at_ms) AS due FROM outbox WHERE due_at_ms IS NOT NULL"),
    pending: database.prepare(
      `SELECT count(*) FILTER (WHERE state = 'queued') AS queued, count(*) FILTER (WHERE state = 'sending') AS sending,
         count(*) FILTER (WHERE state = 'retrying') AS retrying
       FROM (SELECT state FROM outbox WHERE due_at_ms IS NOT NULL LIMIT ?)`,
    ),
    delivery: database.prepare(`SELECT id AS row, ${DELIVERY_COLUMNS} FROM outbox WHERE delivery_id = ?`),
    timeline: prepareTimeline(database),
    suppression: database.prepare(
      `SELECT ${SUPPRESSION_COLUMNS} FROM suppressions WHERE organization_id = ? AND address_key = ?`,
    ),
    events: database.prepare(
      `SELECT ${EVENT_COLUMNS} FROM events WHERE position > ? ORDER BY position LIMIT ?`,
    ),
    lastPosition: database.prepare("SELECT coalesce(max(position), 0) FROM events").pluck(),
    metadata: database.prepare("SELECT value FROM metadata WHERE key = ?"),
    inbox: database.prepare(
      `SELECT delivery_id AS deliveryId, received_at_ms AS receivedAtMs, sealed FROM inbox ORDER BY id DESC LIMIT ?`,
    ),
    inboxMail: database.prepare(
      `SELECT delivery_id AS deliveryId, received_at_ms AS receivedAtMs, sealed FROM inbox WHERE delivery_id = ?`,
    ),
  };
}
