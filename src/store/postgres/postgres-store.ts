/**
 * The Store on PostgreSQL, for any number of instances.
 *
 * Commands go through group commit; what the outbox, the inbox and the operator write has transactions of its own. Point
 * reads by id share trips, lists have connections set aside. Nothing is cached: whatever an instance reads, it reads from
 * the database after it was asked.
 *
 * The promise of durability is PostgreSQL's: nothing here ends the process. A database that is away makes this store
 * refuse, until it is back.
 */
import type { AggregateStates, AggregateType, Command, ReplyOf } from "../../verification/aggregates.ts";
import type { ClaimKey } from "../../verification/decider.ts";
import type { Environment } from "../../verification/environment.ts";
import { FailureError } from "../../verification/failures.ts";
import type { OrganizationState } from "../../verification/organization.ts";
import type { ServiceAccountState } from "../../verification/service-account.ts";
import type { UserState } from "../../verification/user/state.ts";
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
import { sealedCodeAt, type ReturnedCode } from "../kept-codes.ts";
import type { UserPage, UserQuery } from "../user-query.ts";
import { ClaimRegister } from "./claim-register.ts";
import { CommitFeed, type OwnCommit } from "./commit-feed.ts";
import { Database, type Transaction } from "./database.ts";
import { changeDelivery } from "./delivery-changes.ts";
import { DELIVERY_COLUMNS } from "./delivery-list-sql.ts";
import { readTimeline } from "./delivery-log.ts";
import { refusalOf, storeUnavailable, troubleOf } from "./errors.ts";
import { EVENT_COLUMNS } from "./event-columns.ts";
import { GroupCommit } from "./group-commit.ts";
import { addInboxMail, findInboxMail, listInboxMails, resealInboxMail } from "./inbox-table.ts";
import { readKeyUses } from "./key-uses.ts";
import { Lists } from "./lists.ts";
import { maintainPart, type MaintainedPart } from "./maintenance.ts";
import { PRUNED_THROUGH } from "./old-events.ts";
import { DEFAULTS, type PostgresStoreOptions } from "./options.ts";
import { claimDeliveries, settle } from "./outbox.ts";
import { SELECT_HEAD } from "./positions.ts";
import { withRetries } from "./retry.ts";
import { migrate, refuseUnmigrated } from "./schema.ts";
import type { Statement } from "./session.ts";
import { SharedLookup } from "./shared-lookup.ts";
import { isStorable } from "./sql-text.ts";
import { findSuppression } from "./suppression-table.ts";
import { refuseUnfinishedMove } from "./unfinished-move.ts";
import { UserHolds } from "./user-holds.ts";

const READ_DELIVERY_TIMEOUT_MS = 3_000;
const NOTHING_HAPPENED: OwnCommit = { positions: undefined, queuedMail: false, changedUsers: [] };

const SELECT_AGGREGATES: Statement = {
  name: "select_aggregates",
  text: "SELECT id, state FROM aggregates WHERE type = $1 AND id = ANY($2)",
};
const SELECT_TOKENS: Statement = {
  name: "select_tokens",
  text: `SELECT t.hash, t.token_id AS "tokenId", t.service_account_id AS "serviceAccountId",
      t.expires_at_ms AS "expiresAtMs", t.revoked_at_ms AS "revokedAtMs", a.state
    FROM access_tokens t JOIN aggregates a ON a.type = 'service_account' AND a.id = t.service_account_id
    WHERE t.hash = ANY($1)`,
};
const SELECT_CLAIM: Statement = {
  name: "select_claim",
  text: `SELECT aggregate_id AS holder FROM claims WHERE scope = $1 AND value = $2`,
};
const SELECT_DUE: Statement = {
  name: "select_due",
  text: "SELECT min(due_at_ms) AS due FROM outbox WHERE due_at_ms IS NOT NULL",
};
const SELECT_PENDING: Statement = {
  name: "select_pending",
  text: `SELECT count(*) FILTER (WHERE state = 'queued') AS queued, count(*) FILTER (WHERE state = 'sending') AS sending,
      count(*) FILTER (WHERE state = 'retrying') AS retrying
    FROM (SELECT state FROM outbox WHERE due_at_ms IS NOT NULL LIMIT $1) AS pending`,
};
const SELECT_DELIVERY: Statement = {
  name: "select_delivery",
  text: `SELECT id AS row, ${DELIVERY_COLUMNS} FROM outbox WHERE delivery_id = $1`,
};
const SELECT_EVENTS: Statement = {
  name: "select_events",
  text: `SELECT ${EVENT_COLUMNS} FROM events WHERE position > $1 ORDER BY position LIMIT $2`,
};
const SELECT_METADATA: Statement = {
  name: "select_metadata",
  text: "SELECT value FROM metadata WHERE key = $1",
};
const INSERT_METADATA: Statement = {
  name: "insert_metadata",
  text: "INSERT INTO metadata (key, value) VALUES ($1, $2) ON CONFLICT DO NOTHING",
};
const UPSERT_METADATA: Statement = {
  name: "save_metadata",
  text: `INSERT INTO metadata (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
};

export class PostgresStore implements Store {
  /** Other instances write the database too, and what is heard of them comes late. */
  readonly hearsEveryCommit = false;
  /** Never resolves: whether what was answered is durable is the server's affair. */
  readonly failed = new Promise<Error>(() => {});
  readonly #database: Database;
  readonly #claims: ClaimRegister;
  readonly #feed: CommitFeed;
  readonly #commands: GroupCommit;
  readonly #holds: UserHolds;
  readonly #lists: Lists;
  readonly #lookups: Readonly<Record<AggregateType, SharedLookup<unknown>>>;
  readonly #tokens: SharedLookup<AccessTokenRecord>;
  #closing: Promise<void> | undefined;

  private constructor(
    database: Database,
    feed: CommitFeed,
    claims: ClaimRegister,
    options: PostgresStoreOptions,
  ) {
    this.#database = database;
    this.#claims = claims;
    this.#feed = feed;
    this.#holds = new UserHolds(database, options.holdMs ?? DEFAULTS.holdMs);
    this.#commands = new GroupCommit({
      database,
      holds: this.#holds,
      maxWaiting: options.maxWaitingWrites ?? DEFAULTS.maxWaitingWrites,
      notify: (transaction) => feed.notify(transaction),
      onCommit: (commit) => feed.tell(commit),
      meter: options.meter,
    });
    this.#lists = new Lists(database, database.maxLists);
    const lookup = (type: AggregateType) =>
      new SharedLookup<unknown>((ids) => this.#read(() => readAggregates(database, type, ids)));
    this.#lookups = {
      user: lookup("user"),
      organization: lookup("organization"),
      service_account: lookup("service_account"),
      access_token: lookup("access_token"),
    };
    this.#tokens = new SharedLookup((hashes) => this.#read(() => readTokens(database, hashes)));
  }

  /** Connects and brings the tables up to date, see `use`. @throws Error when it cannot be reached, or is newer */
  static async open(options: PostgresStoreOptions): Promise<PostgresStore> {
    const database = new Database(options);
    try {
      await database.open();
      await ((options.use ?? "serve") === "serve" ? migrate(database) : refuseUnmigrated(database));
      await refuseUnfinishedMove(database);
      const claims = new ClaimRegister();
      const feed = new CommitFeed({
        database,
        claims,
        pollIntervalMs: options.pollIntervalMs ?? DEFAULTS.pollIntervalMs,
        listens: (options.pooler ?? DEFAULTS.pooler) === "none",
      });
      await feed.start();
      return new PostgresStore(database, feed, claims, options);
    } catch (error) {
      await database.close();
      throw error;
    }
  }

  async execute<C extends Command>(
    command: C,
    env: Environment,
    returned?: ReturnedCode,
  ): Promise<ReplyOf<C>> {
    return (await this.#commands.submit({ command: withSealedCode(command, returned), env })) as ReplyOf<C>;
  }

  async claimDeliveries(count: number, nowMs: number, leaseUntilMs: number): Promise<ClaimedDelivery[]> {
    const claimed = await this.#write(() => claimDeliveries(this.#database, count, nowMs, leaseUntilMs));
    this.#claims.add(claimed);
    return claimed;
  }

  async settleDeliveries(
    settlements: readonly Settlement[],
    env: Environment,
  ): Promise<{ readonly stale: number }> {
    const { stale, effects } = await this.#transact(async (transaction) => {
      const settled = await settle(transaction, settlements, env);
      if (settled.effects.positions !== undefined) this.#feed.notify(transaction);
      return settled;
    });
    this.#claims.remove(settlements.map(({ deliveryId }) => deliveryId));
    this.#feed.tell({ ...effects, positions: await effects.positions });
    return { stale };
  }

  async nextDeliveryDueMs(): Promise<number | undefined> {
    const { rows } = await this.#read(() => this.#database.read<{ due: number | null }>(SELECT_DUE));
    return rows[0]?.due ?? undefined;
  }

  async changeDelivery(change: DeliveryChange, nowMs: number): Promise<void> {
    const { effect, held } = await this.#transact(async (transaction) => {
      const found = await changeDelivery(transaction, change, nowMs);
      if (found.cancelRequest === undefined) return { effect: found, held: undefined };
      this.#feed.notify(transaction);
      const users = found.userId === undefined ? [] : [found.userId];
      return { effect: found, held: this.#holds.findHeld(transaction, users) };
    });
    const { failure, queuedMail, cancelRequest } = effect;
    if (failure !== undefined) throw new FailureError(failure);
    if (cancelRequest !== undefined) this.#claims.mark([cancelRequest.deliveryId]);
    this.#feed.tell({
      ...NOTHING_HAPPENED,
      queuedMail: queuedMail ?? false,
      cancelRequests: cancelRequest === undefined ? [] : [cancelRequest],
    });
    // Whoever looked before this was committed hands the mail over before it is answered.
    for (const userId of (await held) ?? []) await this.#holds.released(userId);
  }

  /** In one transaction, so that the timeline fits the state. */
  async findDelivery(deliveryId: string): Promise<DeliveryHistory | undefined> {
    if (!isStorable(deliveryId)) return undefined;
    return await this.#read(() =>
      this.#database.readTogether(READ_DELIVERY_TIMEOUT_MS, async (transaction) => {
        const { rows } = await transaction.query<DeliveryRecord & { row: number }>(SELECT_DELIVERY, [
          deliveryId,
        ]);
        const [found] = rows;
        if (found === undefined) return undefined;
        const { row, ...delivery } = found;
        return { delivery, timeline: await readTimeline(transaction, row) };
      }),
    );
  }

  listDeliveries(query: DeliveryQuery): Promise<DeliveryPage> {
    return this.#lists.deliveries(query);
  }

  findSuppression(organizationId: string, address: string): Promise<Suppression | undefined> {
    return this.#read(() => findSuppression(this.#database, { organizationId, address }));
  }

  listSuppressions(query: SuppressionQuery): Promise<SuppressionPage> {
    return this.#lists.suppressions(query);
  }

  findUser(userId: string): Promise<UserState | undefined> {
    return this.#find("user", userId);
  }

  async holdUser(userId: string, lost: () => void, deliveryId?: string): Promise<UserHold> {
    try {
      return await this.#holds.hold(userId, lost, deliveryId);
    } catch (error) {
      // The commands find out for themselves whether the database is away.
      throw refusalOf(error);
    }
  }

  findOrganization(organizationId: string): Promise<OrganizationState | undefined> {
    return this.#find("organization", organizationId);
  }

  findServiceAccount(serviceAccountId: string): Promise<ServiceAccountState | undefined> {
    return this.#find("service_account", serviceAccountId);
  }

  async findClaim({ scope, value }: ClaimKey): Promise<string | undefined> {
    if (!isStorable(value)) return undefined;
    const { rows } = await this.#read(() =>
      this.#database.read<{ holder: string }>(SELECT_CLAIM, [scope, value]),
    );
    return rows[0]?.holder;
  }

  findAccessToken(hash: string): Promise<AccessTokenRecord | undefined> {
    return this.#tokens.find(hash);
  }

  listOrganizations(query: OrganizationQuery): Promise<OrganizationPage> {
    return this.#lists.organizations(query);
  }

  listServiceAccounts(query: ServiceAccountQuery): Promise<ServiceAccountPage> {
    return this.#lists.serviceAccounts(query);
  }

  listAccessTokens(query: AccessTokenQuery): Promise<AccessTokenPage> {
    return this.#lists.accessTokens(query);
  }

  listUsers(query: UserQuery): Promise<UserPage> {
    return this.#lists.users(query);
  }

  async readEvents(afterPosition: number, limit: number): Promise<RecordedEvent[]> {
    const { rows } = await this.#read(() =>
      this.#database.read<EventRow>(SELECT_EVENTS, [afterPosition, limit]),
    );
    return rows.map(recordedEvent);
  }

  async lastPosition(): Promise<number> {
    const { rows } = await this.#read(() => this.#database.read<{ position: number }>(SELECT_HEAD));
    return rows[0]?.position ?? 0;
  }

  async prunedPosition(): Promise<number> {
    return Number((await this.getMetadata(PRUNED_THROUGH)) ?? 0);
  }

  listEvents(query: EventQuery): Promise<EventPage> {
    return this.#lists.events(query);
  }

  committed(listener: (commit: Commit) => void): () => void {
    return this.#feed.listen(listener);
  }

  async setMetadata(key: string, value: string, when: "always" | "if absent"): Promise<string> {
    const { stored } = await this.#transact(async (transaction) => {
      void transaction.defer(when === "always" ? UPSERT_METADATA : INSERT_METADATA, [key, value]);
      return { stored: transaction.defer<{ value: string }>(SELECT_METADATA, [key]) };
    });
    return (await stored).rows[0]?.value ?? value;
  }

  async getMetadata(key: string): Promise<string | undefined> {
    const { rows } = await this.#read(() => this.#database.read<{ value: string }>(SELECT_METADATA, [key]));
    return rows[0]?.value;
  }

  addInboxMail(mail: SealedInboxMail): Promise<void> {
    return this.#write(() => addInboxMail(this.#database, mail));
  }

  listInboxMails(limit: number): Promise<SealedInboxMail[]> {
    return this.#read(() => listInboxMails(this.#database, limit));
  }

  findInboxMail(deliveryId: string): Promise<SealedInboxMail | undefined> {
    return this.#read(() => findInboxMail(this.#database, deliveryId));
  }

  resealInboxMail(deliveryId: string, sealed: string): Promise<void> {
    return this.#write(() => resealInboxMail(this.#database, deliveryId, sealed));
  }

  keyUses(onProgress?: (users: number) => void): Promise<KeyUse[]> {
    return this.#read(() => readKeyUses(this.#database, onProgress));
  }

  async maintain(task: MaintenanceTask): Promise<void> {
    let part: MaintainedPart = { more: true };
    while (part.more) {
      if (this.#closing !== undefined) throw storeUnavailable();
      const { reached = 0 } = part;
      part = await this.#transact((transaction) => maintainPart(transaction, task, reached));
      if (part.mails === true) this.#feed.tell({ ...NOTHING_HAPPENED, erasedMails: true });
    }
  }

  async figures(): Promise<StoreFigures> {
    const { rows } = await this.#read(() =>
      this.#database.read<Record<PendingState, number>>(SELECT_PENDING, [PENDING_DELIVERIES_COUNTED]),
    );
    const pendingDeliveries = rows[0] ?? { queued: 0, sending: 0, retrying: 0 };
    return { waitingWrites: this.#commands.waitingCommands, pendingDeliveries };
  }

  isHealthy(): boolean {
    return this.#commands.isHealthy;
  }

  async close(): Promise<void> {
    this.#closing ??= this.#commands
      .drain()
      .then(() => this.#claims.release(this.#database).catch(() => {}))
      .then(() => this.#feed.close())
      .then(() => this.#database.close());
    await this.#closing;
  }

  async #find<Type extends AggregateType>(
    type: Type,
    id: string,
  ): Promise<AggregateStates[Type] | undefined> {
    return (await this.#lookups[type].find(id)) as AggregateStates[Type] | undefined;
  }

  async #transact<Result>(work: (transaction: Transaction) => Promise<Result>): Promise<Result> {
    return await this.#write(() => this.#database.transaction(work));
  }

  /** @throws FailureError in place of what the database says */
  async #write<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      return await withRetries(work);
    } catch (error) {
      throw this.#refusal(error);
    }
  }

  async #read<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      throw this.#refusal(error);
    }
  }

  #refusal(error: unknown): Error {
    const trouble = troubleOf(error);
    if (trouble === "unavailable" || trouble === "inDoubt") this.#commands.noteUnavailable();
    return refusalOf(error);
  }
}

/** Each command is written with rows of its own, so its code is sealed alone. */
function withSealedCode<C extends Command>(command: C, returned: ReturnedCode | undefined): C {
  const key = "idempotency" in command ? command.idempotency : undefined;
  if (returned === undefined || key === undefined) return command;
  const sealedCodes = returned.seal([{ code: returned.code, scope: key.scope }]);
  return { ...command, idempotency: { ...key, sealedCode: sealedCodeAt(sealedCodes, 0) } };
}

async function readAggregates(
  database: Database,
  type: AggregateType,
  ids: readonly string[],
): Promise<ReadonlyMap<string, unknown>> {
  const { rows } = await database.read<{ id: string; state: string }>(SELECT_AGGREGATES, [
    type,
    ids.filter(isStorable),
  ]);
  return new Map(rows.map(({ id, state }) => [id, JSON.parse(state) as unknown]));
}

async function readTokens(
  database: Database,
  hashes: readonly string[],
): Promise<ReadonlyMap<string, AccessTokenRecord>> {
  const { rows } = await database.read<Omit<AccessTokenRecord, "serviceAccount"> & { state: string }>(
    SELECT_TOKENS,
    [hashes],
  );
  return new Map(
    rows.map(({ state, ...row }) => [
      row.hash,
      { ...row, serviceAccount: JSON.parse(state) as ServiceAccountState },
    ]),
  );
}
