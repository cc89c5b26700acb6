/**
 * Counters that are forgotten at a time of their own: tries, codes sent.
 *
 * Some of them are raised by every call, such as a principal's codes per hour. So within a batch counters are raised in
 * memory, and each one that was raised is written once, right before the commit:
 *
 *     begin()  the batch knows nothing yet
 *     find(), debit()  by a task; the task sees its own debits and those of the tasks before it
 *     keep()   the task is done: its debits belong to the batch
 *     drop()   the task was rolled back, and its debits with it
 *     write()  the last thing before the commit
 */
import type { Database, Statement } from "better-sqlite3";
import type { BucketUse, Debit } from "../../verification/decider.ts";

/** So many are looked at in one go, in a few milliseconds: calls wait for the transaction meanwhile. */
const PRUNED_AT_A_TIME = 2_000;

export class BucketTable {
  readonly #select: Statement;
  readonly #upsert: Statement;
  readonly #endOfSlice: Statement;
  readonly #deleteSlice: Statement;
  readonly #deleteRest: Statement;
  /** What the batch has read of the table. */
  readonly #read = new Map<string, BucketUse | undefined>();
  /** What has to be written. */
  readonly #raised = new Map<string, BucketUse>();
  readonly #raisedByTask = new Map<string, BucketUse>();
  /** The bucket that pruning has come to. */
  #prunedTo = "";

  constructor(database: Database) {
    this.#select = database.prepare(
      "SELECT used, expires_at_ms AS expiresAtMs FROM buckets WHERE bucket = ?",
    );
    this.#upsert = database.prepare(
      `INSERT INTO buckets (bucket, used, expires_at_ms) VALUES (?, ?, ?)
       ON CONFLICT (bucket) DO UPDATE SET used = excluded.used, expires_at_ms = excluded.expires_at_ms`,
    );
    this.#endOfSlice = database
      .prepare(
        `SELECT bucket FROM buckets WHERE bucket > ? ORDER BY bucket LIMIT 1 OFFSET ${PRUNED_AT_A_TIME - 1}`,
      )
      .pluck();
    this.#deleteSlice = database.prepare(
      "DELETE FROM buckets WHERE bucket > ? AND bucket <= ? AND expires_at_ms <= ?",
    );
    this.#deleteRest = database.prepare("DELETE FROM buckets WHERE bucket > ? AND expires_at_ms <= ?");
  }

  begin(): void {
    this.#read.clear();
    this.#raised.clear();
    this.#raisedByTask.clear();
  }

  /** The counter, unless it is over. */
  find(bucket: string, nowMs: number): BucketUse | undefined {
    const use = this.#raisedByTask.get(bucket) ?? this.#raised.get(bucket) ?? this.#load(bucket);
    return use !== undefined && use.expiresAtMs > nowMs ? use : undefined;
  }

  debit({ bucket, amount, expiresAtMs }: Debit, nowMs: number): void {
    const running = this.find(bucket, nowMs);
    const used = (running?.used ?? 0) + amount;
    this.#raisedByTask.set(bucket, { used, expiresAtMs: running?.expiresAtMs ?? expiresAtMs });
  }

  keep(): void {
    for (const [bucket, use] of this.#raisedByTask) this.#raised.set(bucket, use);
    this.#raisedByTask.clear();
  }

  drop(): void {
    this.#raisedByTask.clear();
  }

  write(): void {
    for (const [bucket, { used, expiresAtMs }] of this.#raised) this.#upsert.run(bucket, used, expiresAtMs);
  }

  /** Removes those of the next slice of the table that are over. @returns whether the table goes on behind it */
  prune(nowMs: number): boolean {
    const end = this.#endOfSlice.get(this.#prunedTo) as string | undefined;
    if (end === undefined) this.#deleteRest.run(this.#prunedTo, nowMs);
    else this.#deleteSlice.run(this.#prunedTo, end, nowMs);
    this.#prunedTo = end ?? "";
    return end !== undefined;
  }

  #load(bucket: string): BucketUse | undefined {
    if (!this.#read.has(bucket)) this.#read.set(bucket, this.#select.get(bucket) as BucketUse | undefined);
    return this.#read.get(bucket);
  }
}
