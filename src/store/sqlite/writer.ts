/**
 * The only code that writes the database: runs batches of tasks, each batch in one transaction with one sync.
 *
 * A task that throws never spoils its neighbours: its batch is rolled back and runs again, with a savepoint before each
 * task. It has none the first time, since tasks hardly ever throw and savepoints cost a tenth of what a task does: SQLite
 * keeps a copy of each page that is changed behind one. Tasks come with their time and their ids, so that what runs again
 * decides the same.
 *
 * An error of the file itself (full disk, failed write) spoils the batch; a failed sync, or an error in COMMIT that is none
 * of "full" or "busy", leaves durability in doubt and the process must end.
 */
import type { Database, Statement } from "better-sqlite3";
import {
  aggregateOf,
  deciderOf,
  type AggregateId,
  type AggregateStates,
  type AggregateType,
  type Command,
} from "../../verification/aggregates.ts";
import {
  claimText,
  type AggregateHead,
  type BucketUse,
  type Decision,
  type DomainEvent,
  type FactKey,
  type Facts,
  type KeptReply,
} from "../../verification/decider.ts";
import type { Environment } from "../../verification/environment.ts";
import type { OrganizationSettings } from "../../verification/organization-settings.ts";
import type { ServiceAccountState } from "../../verification/service-account.ts";
import { suppressionText } from "../../verification/suppression.ts";
import type { UserState } from "../../verification/user/state.ts";
import { changesUser, recordingOf, removesUser, type Recording } from "../recording.ts";
import type { CancelRequest, MaintenanceTask } from "../store.ts";
import { BucketTable } from "./bucket-table.ts";
import { sqliteCode } from "./connection.ts";
import { DeliveryChanges } from "./delivery-changes.ts";
import { DeliveryLog } from "./delivery-log.ts";
import type { BatchResult, WriteResult, WriteTask } from "./messages.ts";
import { EndedDeliveries } from "./ended-deliveries.ts";
import { Erasure } from "./erasure.ts";
import { OldEvents } from "./old-events.ts";
import { Outbox } from "./outbox.ts";
import { Projections } from "./projections.ts";
import { ReplyTable } from "./reply-table.ts";
import { SuppressionTable } from "./suppression-table.ts";

/** The dev inbox keeps this many mails; older ones make room. */
const INBOX_MAX_MAILS = 500;

/** What callers are made of. */
const ACCESS_AGGREGATES: ReadonlySet<AggregateType> = new Set(["service_account", "access_token"]);

/** An aggregate as it stands before a command; without a row, one that there is not yet. */
interface Loaded {
  readonly row: number | undefined;
  readonly state: AggregateHead;
  /** Of its last event. */
  readonly position: number;
}

export class Writer {
  readonly #database: Database;
  readonly #outbox: Outbox;
  readonly #deliveryChanges: DeliveryChanges;
  readonly #suppressions: SuppressionTable;
  readonly #projections: Projections;
  readonly #buckets: BucketTable;
  readonly #replies: ReplyTable;
  readonly #erasure: Erasure;
  readonly #endedDeliveries: EndedDeliveries;
  readonly #oldEvents: OldEvents;
  readonly #statements: ReturnType<typeof prepare>;
  #position: number;
  #queuedMail = false;
  #changedUsers: string[] = [];
  #cancelRequests: CancelRequest[] = [];
  #erasedMails = false;
  #changedAccess = false;

  constructor(database: Database) {
    this.#database = database;
    const log = new DeliveryLog(database);
    this.#outbox = new Outbox(database, log);
    this.#outbox.releaseAll();
    this.#suppressions = new SuppressionTable(database);
    this.#deliveryChanges = new DeliveryChanges({
      database,
      log,
      outbox: this.#outbox,
      suppressions: this.#suppressions,
      findUser: (userId) => this.#findUser(userId),
    });
    this.#projections = new Projections(database);
    this.#buckets = new BucketTable(database);
    this.#replies = new ReplyTable(database);
    this.#erasure = new Erasure(database);
    this.#endedDeliveries = new EndedDeliveries(database);
    this.#oldEvents = new OldEvents(database);
    this.#statements = prepare(database);
    this.#position = this.#lastPosition();
  }

  run(tasks: readonly WriteTask[]): BatchResult {
    try {
      return this.#transact(tasks, (task) => this.#perform(task));
    } catch {
      return this.#transact(tasks, (task) => this.#performAlone(task));
    }
  }

  /** @throws what a task threw, if the file is not to blame; then nothing was recorded */
  #transact(tasks: readonly WriteTask[], perform: (task: WriteTask) => WriteResult): BatchResult {
    const { begin, commit } = this.#statements;
    this.#queuedMail = false;
    this.#changedUsers = [];
    this.#cancelRequests = [];
    this.#erasedMails = false;
    this.#changedAccess = false;
    this.#buckets.begin();
    this.#replies.begin();
    let isPerformed = false;
    let isCommitting = false;
    try {
      begin.run();
      const results = tasks.map((task) => this.#keep(perform(task)));
      isPerformed = true;
      this.#buckets.write();
      this.#replies.write();
      isCommitting = true;
      commit.run();
      this.#buckets.committed();
      this.#replies.committed();
      this.#erasure.cleanUp();
      return {
        kind: "committed",
        results,
        commit: {
          position: this.#position,
          queuedMail: this.#queuedMail,
          changedUsers: this.#changedUsers,
          cancelRequests: this.#cancelRequests,
          erasedMails: this.#erasedMails,
          changedAccess: this.#changedAccess,
        },
      };
    } catch (thrown) {
      const error = thrown instanceof Error ? thrown : new Error(String(thrown));
      const isOfTask = !isPerformed && this.#database.inTransaction && !isFileError(error);
      this.#rollBack();
      if (isOfTask) throw error;
      return { kind: leavesDoubt(error, isCommitting) ? "inDoubt" : "unavailable", error };
    }
  }

  #rollBack(): void {
    // SQLite ends the transaction by itself after some errors.
    if (this.#database.inTransaction) this.#statements.rollback.run();
    this.#position = this.#lastPosition();
  }

  #lastPosition(): number {
    return (this.#statements.lastPosition.get() as { position: number }).position;
  }

  /** What the task did stays in the batch. */
  #keep(result: WriteResult): WriteResult {
    this.#buckets.keep();
    this.#replies.keep();
    return result;
  }

  /** @throws errors of the file, and such as have ended the transaction */
  #performAlone(task: WriteTask): WriteResult {
    const { savepoint, release, rollbackTo } = this.#statements;
    const position = this.#position;
    savepoint.run();
    try {
      const result = this.#perform(task);
      release.run();
      return result;
    } catch (error) {
      this.#buckets.drop();
      this.#replies.drop();
      if (isFileError(error) || !this.#database.inTransaction) throw error;
      rollbackTo.run();
      release.run();
      this.#position = position;
      return { kind: "error", error: error instanceof Error ? error : new Error(String(error)) };
    }
  }

  #perform(task: WriteTask): WriteResult {
    switch (task.kind) {
      case "execute":
        return this.#execute(task.command, task.env);
      case "claim":
        return done(this.#outbox.claim(task.count, task.nowMs, task.leaseUntilMs));
      case "settle":
        return done({ stale: this.#settle(task) });
      case "changeDelivery":
        return this.#changeDelivery(task);
      case "setMetadata":
        return done(this.#setMetadata(task.key, task.value, task.onlyIfAbsent));
      case "addInboxMail":
        this.#statements.insertInboxMail.run(task.mail);
        this.#statements.trimInbox.run(INBOX_MAX_MAILS);
        return done(null);
      case "resealInboxMail":
        this.#statements.resealInboxMail.run(task.sealed, task.deliveryId);
        return done(null);
      case "maintain":
        return done(this.#maintain(task.task));
      case "probe":
        this.#setMetadata("probe", String(this.#position), false);
        return done(null);
    }
  }

  /** @returns whether there is more to do */
  #maintain(task: MaintenanceTask): boolean {
    switch (task.kind) {
      case "pruneReplies":
        return this.#replies.prune(task.nowMs);
      case "pruneBuckets":
        return this.#buckets.prune(task.nowMs);
      case "pruneDeliveries": {
        const { more, mails } = this.#endedDeliveries.prune(task.endedBeforeMs);
        if (mails) this.#erasedMails = true;
        return more;
      }
      case "pruneEvents":
        return this.#oldEvents.prune(task.recordedBeforeMs);
      case "eraseUsers": {
        const { more, mails } = this.#erasure.erase(task.removedBeforeMs, task.nowMs);
        if (mails) this.#erasedMails = true;
        return more;
      }
      case "recordTokenUses":
        for (const { tokenId, usedAtMs } of task.uses) {
          this.#statements.noteTokenUse.run({ tokenId, usedAtMs });
        }
        return false;
    }
  }

  #execute(command: Command, env: Environment): WriteResult {
    const aggregate = aggregateOf(command);
    const decider = deciderOf(aggregate.type);
    const loaded = this.#load(aggregate, decider.initial);
    const facts = this.#facts(decider.needs(loaded.state, command, env), env.nowMs);
    const decision = decider.decide(loaded.state, facts, command, env);
    const recording = recordingOf(aggregate, loaded.state, decision, env);
    this.#record(aggregate, loaded, recording);
    this.#recordBeside(aggregate, decision, env);
    if (changesUser(aggregate, command, recording)) this.#changedUsers.push(aggregate.id);
    return decision.outcome.ok
      ? done(decision.outcome.reply)
      : { kind: "refused", failure: decision.outcome.failure };
  }

  #load(aggregate: AggregateId, initial: AggregateHead): Loaded {
    const found = this.#statements.selectAggregate.get(aggregate.type, aggregate.id) as
      | { row: number; state: string; position: number }
      | undefined;
    return found === undefined
      ? { row: undefined, state: initial, position: 0 }
      : { ...found, state: JSON.parse(found.state) as AggregateHead };
  }

  #findUser(userId: string): UserState | undefined {
    return this.#find("user", userId);
  }

  #find<Type extends AggregateType>(type: Type, id: string): AggregateStates[Type] | undefined {
    const row = this.#statements.selectAggregate.get(type, id) as { state: string } | undefined;
    return row && (JSON.parse(row.state) as AggregateStates[Type]);
  }

  #facts(keys: readonly FactKey[], nowMs: number): Facts {
    const claims = new Map<string, string>();
    const organizations = new Map<string, OrganizationSettings>();
    const serviceAccounts = new Map<string, ServiceAccountState>();
    const buckets = new Map<string, BucketUse>();
    const suppressions = new Set<string>();
    const replies = new Map<string, KeptReply>();
    for (const key of keys) {
      if (key.kind === "claim") {
        const row = this.#statements.selectClaim.get(key.claim.scope, key.claim.value) as
          | { aggregate_id: string }
          | undefined;
        if (row !== undefined) claims.set(claimText(key.claim), row.aggregate_id);
      } else if (key.kind === "organization") {
        const found = this.#find("organization", key.organizationId);
        if (found !== undefined) organizations.set(key.organizationId, found.settings);
      } else if (key.kind === "serviceAccount") {
        const found = this.#find("service_account", key.serviceAccountId);
        if (found !== undefined) serviceAccounts.set(key.serviceAccountId, found);
      } else if (key.kind === "suppression") {
        if (this.#suppressions.has(key.suppression)) suppressions.add(suppressionText(key.suppression));
      } else if (key.kind === "reply") {
        const reply = this.#replies.find(key.scope, nowMs);
        if (reply !== undefined) replies.set(key.scope, reply);
      } else {
        const use = this.#buckets.find(key.bucket, nowMs);
        if (use !== undefined) buckets.set(key.bucket, use);
      }
    }
    return { claims, organizations, serviceAccounts, buckets, suppressions, replies };
  }

  #record(aggregate: AggregateId, loaded: Loaded, { state, events }: Recording): void {
    if (events.length === 0) return;
    const { insertEvent, insertAggregate, updateAggregate } = this.#statements;
    let previous = loaded.position;
    for (const event of events) {
      this.#position += 1;
      insertEvent.run(
        this.#position,
        previous,
        aggregate.type,
        aggregate.id,
        event.sequence,
        event.type,
        JSON.stringify(event.payload),
        event.createdAtMs,
        event.organizationId,
        event.editor,
        event.origin?.requestId ?? null,
        event.origin?.clientAddress ?? null,
      );
      if (removesUser(event)) this.#erasure.note(aggregate.id, event.createdAtMs);
      previous = this.#position;
    }
    const snapshot = JSON.stringify(state);
    if (loaded.row === undefined) insertAggregate.run(aggregate.type, aggregate.id, previous, snapshot);
    else updateAggregate.run(previous, snapshot, loaded.row);
    this.#projections.apply(aggregate, loaded.state, state);
    if (ACCESS_AGGREGATES.has(aggregate.type)) this.#changedAccess = true;
  }

  #recordBeside(aggregate: AggregateId, decision: Decision<DomainEvent, unknown>, env: Environment): void {
    const { takeClaim, releaseClaim } = this.#statements;
    for (const claim of decision.claims) {
      if (claim.action === "take") takeClaim.run(claim.scope, claim.value, aggregate.id);
      else releaseClaim.run(claim.scope, claim.value, aggregate.id);
    }
    for (const debit of decision.debits) this.#buckets.debit(debit, env.nowMs);
    for (const entry of decision.outbox) {
      this.#outbox.add(entry, env.nowMs);
      this.#queuedMail = true;
    }
    if (decision.keep !== undefined) this.#replies.add(decision.keep);
  }

  #changeDelivery({ change, nowMs }: Extract<WriteTask, { kind: "changeDelivery" }>): WriteResult {
    const effect = this.#deliveryChanges.apply(change, nowMs);
    if (effect.failure !== undefined) return { kind: "refused", failure: effect.failure };
    if (effect.queuedMail === true) this.#queuedMail = true;
    if (effect.cancelRequest !== undefined) this.#cancelRequests.push(effect.cancelRequest);
    return done(null);
  }

  /** A mail that was sent is an event of its user, recorded with the row's end. */
  #settle(task: Extract<WriteTask, { kind: "settle" }>): number {
    let stale = 0;
    for (const settlement of task.settlements) {
      const row = this.#outbox.settle(settlement, task.env.nowMs);
      if (row === undefined) stale += 1;
      else if (settlement.outcome.state === "sent" && row.kind === "code") {
        this.#execute({ type: "email.recordSent", userId: row.userId, codeId: row.codeId }, task.env);
      }
    }
    return stale;
  }

  #setMetadata(key: string, value: string, onlyIfAbsent: boolean): string {
    const { insertMetadata, upsertMetadata, selectMetadata } = this.#statements;
    (onlyIfAbsent ? insertMetadata : upsertMetadata).run(key, value);
    return (selectMetadata.get(key) as { value: string }).value;
  }
}

function done(value: unknown): WriteResult {
  return { kind: "done", value };
}

/** Errors of the file rather than of one statement. */
function isFileError(error: unknown): boolean {
  return /^SQLITE_(FULL|IOERR|READONLY|CORRUPT|NOTADB|CANTOPEN|NOMEM|PROTOCOL)/.test(sqliteCode(error));
}

function leavesDoubt(error: unknown, committing: boolean): boolean {
  const code = sqliteCode(error);
  if (/^SQLITE_(IOERR_FSYNC|IOERR_DIR_FSYNC|CORRUPT|NOTADB)/.test(code)) return true;
  return committing && !/^SQLITE_(FULL|BUSY)/.test(code);
}

function prepare(
  database: Database,
): Record<
  | "begin"
  | "commit"
  | "rollback"
  | "savepoint"
  | "release"
  | "rollbackTo"
  | "lastPosition"
  | "selectAggregate"
  | "insertAggregate"
  | "updateAggregate"
  | "insertEvent"
  | "selectClaim"
  | "takeClaim"
  | "releaseClaim"
  | "noteTokenUse"
  | "selectMetadata"
  | "insertMetadata"
  | "upsertMetadata"
  | "insertInboxMail"
  | "resealInboxMail"
  | "trimInbox",
  Statement
> {
  const sql = (text: string) => database.prepare(text);
  return {
    begin: sql("BEGIN IMMEDIATE"),
    commit: sql("COMMIT"),
    rollback: sql("ROLLBACK"),
    savepoint: sql("SAVEPOINT task"),
    release: sql("RELEASE task"),
    rollbackTo: sql("ROLLBACK TO task"),
    lastPosition: sql("SELECT coalesce(max(position), 0) AS position FROM events"),
    selectAggregate: sql("SELECT row, state, position FROM aggregates WHERE type = ? AND id = ?"),
    insertAggregate: sql("INSERT INTO aggregates (type, id, position, state) VALUES (?, ?, ?, ?)"),
    updateAggregate: sql("UPDATE aggregates SET position = ?, state = ? WHERE row = ?"),
    insertEvent: sql(
      `INSERT INTO events (position, previous, aggregate_type, aggregate_id, sequence, type, payload, created_at_ms,
         organization_id, editor, request_id, client_address)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    selectClaim: sql("SELECT aggregate_id FROM claims WHERE scope = ? AND value = ?"),
    takeClaim: sql("INSERT INTO claims (scope, value, aggregate_id) VALUES (?, ?, ?)"),
    releaseClaim: sql("DELETE FROM claims WHERE scope = ? AND value = ? AND aggregate_id = ?"),
    noteTokenUse: sql(
      `UPDATE access_tokens SET last_used_at_ms = @usedAtMs
       WHERE token_id = @tokenId AND (last_used_at_ms IS NULL OR last_used_at_ms < @usedAtMs)`,
    ),
    selectMetadata: sql("SELECT value FROM metadata WHERE key = ?"),
    insertMetadata: sql("INSERT INTO metadata (key, value) VALUES (?, ?) ON CONFLICT DO NOTHING"),
    upsertMetadata: sql(
      "INSERT INTO metadata (key, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
    ),
    insertInboxMail: sql(
      `INSERT INTO inbox (delivery_id, received_at_ms, sealed) VALUES (@deliveryId, @receivedAtMs, @sealed)
       ON CONFLICT (delivery_id) DO NOTHING`,
    ),
    resealInboxMail: sql("UPDATE inbox SET sealed = ? WHERE delivery_id = ?"),
    trimInbox: sql("DELETE FROM inbox WHERE id <= (SELECT max(id) FROM inbox) - ?"),
  };
}
