/**
 * Counters that are forgotten at a time of their own: tries, codes sent.
 *
 * A call raises several, each on a page of its own, and some are raised by every call, such as a principal's codes per
 * hour. So within a batch counters are raised in memory, and what a batch has raised is appended to `bucket_log` as one
 * row, right before the commit. Once MOVED_TOGETHER of them stand there, before pruning, and when the database is opened,
 * each counter that runs moves into `buckets` as it stands now, all in one statement in the order of the table. That is
 * little more than half of the time that a statement for each counter of each batch takes.
 *
 * The writer calls begin(), keep(), drop() and committed() as BatchMemory says, and write() as the last thing before the
 * commit.
 */
import type { Database, Statement } from "better-sqlite3";
import type { BucketUse, Debit } from "../../verification/decider.ts";
import { BatchMemory } from "./batch-memory.ts";

/** In ten milliseconds at most: calls wait for the transaction meanwhile. */
const MOVED_TOGETHER = 8_192;
/** So many are looked at in one go, in a few milliseconds. */
const PRUNED_AT_A_TIME = 2_000;

/** A start reads all of them, in some twenty milliseconds. */
const LOGGED_AT_MOST = 32_768;

type LoggedBucket = readonly [bucket: string, used: number, expiresAtMs: number];

export class BucketTable {
  readonly #statements: ReturnType<typeof prepare>;
  readonly #memory = new BatchMemory<BucketUse>();
  /** Rows of the table as far as they were looked at; undefined for what is not there. */
  #read = new Map<string, BucketUse | undefined>();
  /** Counters in the log, each as often as a batch raised it; also those of transactions that were rolled back. */
  #logged = 0;
  #isMoveAsked = false;
  #isMoving = false;
  /** The bucket that pruning has come to; undefined while there is none. */
  #prunedTo: string | undefined;
  /** The latest time that a task has named. */
  #nowMs = 0;

  constructor(database: Database) {
    this.#statements = prepare(database);
    moveLoggedCounters(database);
  }

  begin(): void {
    this.#memory.begin();
    this.#isMoving = false;
    if (this.#read.size > MOVED_TOGETHER) this.#read.clear();
  }

  /** The counter, unless it is over. */
  find(bucket: string, nowMs: number): BucketUse | undefined {
    const use = this.#memory.find(bucket) ?? this.#load(bucket);
    return use !== undefined && use.expiresAtMs > nowMs ? use : undefined;
  }

  debit({ bucket, amount, expiresAtMs }: Debit, nowMs: number): void {
    this.#nowMs = Math.max(this.#nowMs, nowMs);
    const inMemory = this.#memory.find(bucket);
    const last = inMemory ?? this.#load(bucket);
    const isRunning = last !== undefined && last.expiresAtMs > nowMs;
    const use = isRunning
      ? { used: last.used + amount, expiresAtMs: last.expiresAtMs }
      : { used: amount, expiresAtMs };
    this.#memory.change(bucket, inMemory, use);
  }

  keep(): void {
    this.#memory.keep();
  }

  drop(): void {
    this.#memory.drop();
  }

  write(): void {
    const raised = this.#memory.changed();
    this.#logged += raised.size;
    this.#isMoving =
      this.#isMoveAsked || this.#memory.all().size >= MOVED_TOGETHER || this.#logged >= LOGGED_AT_MOST;
    if (this.#isMoving) move(this.#statements, this.#running());
    else if (raised.size > 0) this.#statements.log.run(toJson(raised));
  }

  committed(): void {
    this.#memory.committed();
    if (!this.#isMoving) return;
    this.#read = new Map(this.#memory.clear());
    this.#logged = 0;
    this.#isMoveAsked = false;
  }

  /**
   * First has everything moved into the table; then removes, of a slice of the table each time, the counters that are over.
   *
   * @returns whether there is more to do
   */
  prune(nowMs: number): boolean {
    if (this.#prunedTo === undefined) {
      this.#prunedTo = "";
      this.#isMoveAsked = true;
      return true;
    }
    const { endOfSlice, deleteSlice, deleteRest } = this.#statements;
    const end = endOfSlice.get(this.#prunedTo) as string | undefined;
    if (end === undefined) deleteRest.run(this.#prunedTo, nowMs);
    else deleteSlice.run(this.#prunedTo, end, nowMs);
    this.#prunedTo = end;
    return end !== undefined;
  }

  #load(bucket: string): BucketUse | undefined {
    const known = this.#read.get(bucket);
    if (known !== undefined || this.#read.has(bucket)) return known;
    const row = this.#statements.select.get(bucket) as BucketUse | undefined;
    this.#read.set(bucket, row);
    return row;
  }

  /** What is over need not move: what the table has of the same counter is over too. */
  #running(): ReadonlyMap<string, BucketUse> {
    return new Map([...this.#memory.all()].filter(([, { expiresAtMs }]) => expiresAtMs > this.#nowMs));
  }
}

/** What a process that ended has left in the log moves into the table. */
export function moveLoggedCounters(database: Database): void {
  const counters = readLogged(database);
  if (counters.size > 0) database.transaction(() => move(prepare(database), counters))();
}

function move(
  { upsertAll, clearLog }: ReturnType<typeof prepare>,
  counters: ReadonlyMap<string, BucketUse>,
): void {
  upsertAll.run(toJson(counters));
  clearLog.run();
}

/** The counters in the log, as they stand now. */
function readLogged(database: Database): ReadonlyMap<string, BucketUse> {
  const counters = new Map<string, BucketUse>();
  const rows = database.prepare("SELECT counters FROM bucket_log ORDER BY id").pluck().iterate();
  for (const row of rows as Iterable<string>) {
    for (const [bucket, used, expiresAtMs] of JSON.parse(row) as LoggedBucket[]) {
      counters.set(bucket, { used, expiresAtMs });
    }
  }
  return counters;
}

function toJson(counters: ReadonlyMap<string, BucketUse>): string {
  const rows: LoggedBucket[] = [];
  for (const [bucket, { used, expiresAtMs }] of counters) rows.push([bucket, used, expiresAtMs]);
  return JSON.stringify(rows);
}

function prepare(
  database: Database,
): Record<
  "select" | "log" | "clearLog" | "upsertAll" | "endOfSlice" | "deleteSlice" | "deleteRest",
  Statement
> {
  const sql = (text: string) => database.prepare(text);
  return {
    select: sql("SELECT used, expires_at_ms AS expiresAtMs FROM buckets WHERE bucket = ?"),
    log: sql("INSERT INTO bucket_log (counters) VALUES (?)"),
    clearLog: sql("DELETE FROM bucket_log"),
    upsertAll: sql(
      `INSERT INTO buckets (bucket, used, expires_at_ms)
       SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?) ORDER BY 1
       ON CONFLICT (bucket) DO UPDATE SET used = excluded.used, expires_at_ms = excluded.expires_at_ms`,
    ),
    endOfSlice: sql(
      `SELECT bucket FROM buckets WHERE bucket > ? ORDER BY bucket LIMIT 1 OFFSET ${PRUNED_AT_A_TIME - 1}`,
    ).pluck(),
    deleteSlice: sql("DELETE FROM buckets WHERE bucket > ? AND bucket <= ? AND expires_at_ms <= ?"),
    deleteRest: sql("DELETE FROM buckets WHERE bucket > ? AND expires_at_ms <= ?"),
  };
}
