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
import type { Outcome } from "../../verification/decider.ts";
import type { MaintenanceTask } from "../store.ts";
import { BatchEffects } from "./batch-effects.ts";
import { BucketTable } from "./bucket-table.ts";
import { ClaimTable } from "./claim-table.ts";
import { CommandRunner } from "./command-runner.ts";
import { sqliteCode } from "./connection.ts";
import { DeliveryChanges } from "./delivery-changes.ts";
import { DeliveryLog } from "./delivery-log.ts";
import { EndedDeliveries } from "./ended-deliveries.ts";
import { Erasure } from "./erasure.ts";
import { EventLog } from "./event-log.ts";
import type { BatchResult, WriteResult, WriteTask } from "./messages.ts";
import { OldEvents } from "./old-events.ts";
import { Outbox } from "./outbox.ts";
import { Projections } from "./projections.ts";
import { ReplyTable } from "./reply-table.ts";
import { SuppressionTable } from "./suppression-table.ts";

/** The dev inbox keeps this many mails; older ones make room. */
const INBOX_MAX_MAILS = 500;

export class Writer {
  readonly #database: Database;
  readonly #statements: ReturnType<typeof prepare>;
  readonly #events: EventLog;
  readonly #outbox: Outbox;
  readonly #buckets: BucketTable;
  readonly #replies: ReplyTable;
  readonly #commands: CommandRunner;
  readonly #deliveryChanges: DeliveryChanges;
  readonly #erasure: Erasure;
  readonly #endedDeliveries: EndedDeliveries;
  readonly #oldEvents: OldEvents;
  #effects = new BatchEffects();

  constructor(database: Database) {
    this.#database = database;
    this.#statements = prepare(database);
    const log = new DeliveryLog(database);
    const suppressions = new SuppressionTable(database);
    this.#events = new EventLog(database);
    this.#outbox = new Outbox(database, log);
    this.#outbox.releaseAll();
    this.#buckets = new BucketTable(database);
    this.#replies = new ReplyTable(database);
    this.#erasure = new Erasure(database);
    this.#commands = new CommandRunner({
      events: this.#events,
      projections: new Projections(database),
      claims: new ClaimTable(database),
      buckets: this.#buckets,
      replies: this.#replies,
      suppressions,
      outbox: this.#outbox,
      erasure: this.#erasure,
    });
    this.#deliveryChanges = new DeliveryChanges({
      database,
      log,
      outbox: this.#outbox,
      suppressions,
      buckets: this.#buckets,
      findUser: (userId) => this.#events.stateOf("user", userId),
    });
    this.#endedDeliveries = new EndedDeliveries(database);
    this.#oldEvents = new OldEvents(database);
  }

  /** @param sealedCodes of the answers that the tasks keep, see batch-codes.ts */
  run(tasks: readonly WriteTask[], sealedCodes = ""): BatchResult {
    this.#replies.nextCodes(sealedCodes);
    try {
      return this.#transact(tasks, (task) => this.#perform(task));
    } catch {
      return this.#transact(tasks, (task) => this.#performAlone(task));
    }
  }

  /** @throws what a task threw, if the file is not to blame; then nothing was recorded */
  #transact(tasks: readonly WriteTask[], perform: (task: WriteTask) => WriteResult): BatchResult {
    const { begin, commit } = this.#statements;
    this.#effects = new BatchEffects();
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
      return { kind: "committed", results, commit: this.#effects.toCommit(this.#events.position) };
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
    this.#events.readPosition();
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
      this.#events.readPosition();
      return { kind: "error", error: error instanceof Error ? error : new Error(String(error)) };
    }
  }

  #perform(task: WriteTask): WriteResult {
    switch (task.kind) {
      case "execute":
        return resultOf(this.#commands.run(task.command, task.env, this.#effects));
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
        this.#setMetadata("probe", String(this.#events.position), false);
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
        if (mails) this.#effects.erasedMails = true;
        return more;
      }
      case "pruneEvents":
        return this.#oldEvents.prune(task.recordedBeforeMs);
      case "eraseUsers": {
        const { more, mails } = this.#erasure.erase(task.removedBeforeMs, task.nowMs);
        if (mails) this.#effects.erasedMails = true;
        return more;
      }
      case "recordTokenUses":
        for (const { tokenId, usedAtMs } of task.uses) {
          this.#statements.noteTokenUse.run({ tokenId, usedAtMs });
        }
        return false;
    }
  }

  #changeDelivery({ change, nowMs }: Extract<WriteTask, { kind: "changeDelivery" }>): WriteResult {
    const effect = this.#deliveryChanges.apply(change, nowMs);
    if (effect.failure !== undefined) return { kind: "refused", failure: effect.failure };
    if (effect.queuedMail === true) this.#effects.queuedMail = true;
    if (effect.cancelRequest !== undefined) this.#effects.cancelRequests.push(effect.cancelRequest);
    return done(null);
  }

  /** A mail that was sent is an event of its user, recorded with the row's end. */
  #settle(task: Extract<WriteTask, { kind: "settle" }>): number {
    let stale = 0;
    for (const settlement of task.settlements) {
      const row = this.#outbox.settle(settlement, task.env.nowMs);
      if (row === undefined) stale += 1;
      else if (settlement.outcome.state === "sent" && row.kind === "code") {
        const { userId, codeId } = row;
        this.#commands.run({ type: "email.recordSent", userId, codeId }, task.env, this.#effects);
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

function resultOf(outcome: Outcome<unknown>): WriteResult {
  return outcome.ok ? done(outcome.reply) : { kind: "refused", failure: outcome.failure };
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
