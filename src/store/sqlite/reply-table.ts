/**
 * Answers of calls with an Idempotency-Key, kept so that the same call gets the same answer.
 *
 * Scopes are digests, so an index over them is written in no order: each entry changes a page of its own, and a page is
 * what a commit pays for. So the answers of a batch are appended as one row of `reply_batches`, right before the commit,
 * and their index lags behind: what is not in it yet stands in memory. Once that has RECENT_REPLIES entries, those of the
 * next of SLICES parts of the index move into it, in its order, many to a page; a slice at a time, because several times as
 * many share a page then, and nobody waits long. A start puts what was kept since the last full round of slices began back
 * into memory. A row for each answer, with those that are not indexed in a table in memory, takes nearly twice as long.
 *
 * Nearly every scope is new: ScopeFilter knows it without a look into the index. What the index held at the start becomes
 * known to it in the order of the index, READ_TOGETHER with each move. Filter and slices take a tenth off what the writer
 * does for a call with a key, and half of what keys add to the log.
 *
 * The writer calls begin(), keep(), drop() and committed() as BatchMemory says, and write() as the last thing before the
 * commit.
 */
import type { Database, Statement } from "better-sqlite3";
import type { KeptReply, ReplyToKeep } from "../../verification/decider.ts";
import { isPlaceOfCode } from "../kept-codes.ts";
import { BatchMemory } from "./batch-memory.ts";
import { ScopeFilter } from "./scope-filter.ts";

const RECENT_REPLIES = 8_192;
/** Where the slices of the index begin, each with a quarter of all digests: within one transaction, in a few milliseconds. */
const SLICES = ["", "F", "V", "k"] as const;
/** In a few milliseconds. */
const READ_TOGETHER = 8_192;
/** About so many are removed in one go, in a few milliseconds: calls wait for the transaction meanwhile. */
const PRUNED_AT_A_TIME = 1_000;
/** Characters of a scope that the index holds, 60 bits of a digest. Scopes that share them are told apart by the row. */
const INDEXED_CHARACTERS = 10;

const INDEXED_THROUGH = "replies indexed through";

interface PlacedReply {
  readonly reply: ReplyToKeep;
  /** The row of `reply_batches` that holds it. */
  readonly batchId: number;
  /** Of that row. */
  readonly sealedCodes: string;
}

interface Row {
  readonly id: number;
  readonly expiresAtMs: number;
  readonly replies: string;
  readonly sealedCodes: string;
}

/** Entries that go into one slice of the index. */
interface Move {
  readonly slice: number;
  readonly entries: readonly PlacedReply[];
  /** Of the round that the move belongs to. */
  readonly roundBatchId: number;
}

type PrunedRow = Omit<Row, "sealedCodes">;

export class ReplyTable {
  readonly #statements: ReturnType<typeof prepare>;
  readonly #memory = new BatchMemory<PlacedReply>();
  /** Of the batch that runs: above every id that the index may hold, also where the answers are gone. */
  #batchId: number;
  /** Of the batch that runs. */
  #sealedCodes = "";
  /** What the batch that runs moves into the index. */
  #move: Move | undefined;
  /** In turn; of SLICES. */
  #nextSlice = 0;
  /** The batch with which this round of slices began: once it ends, everything up to there is indexed. */
  #roundBatchId = 0;
  readonly #filter = new ScopeFilter();
  /** The filter knows what the index held at the start up to this scope; undefined once that is all of it. */
  #readTo: string | undefined = "";
  /** Rows below are gone once the batch that runs is committed. */
  #prunedBelow = 0;

  constructor(database: Database) {
    this.#statements = prepare(database);
    for (const row of this.#statements.unindexed.iterate(INDEXED_THROUGH) as Iterable<Row>) {
      const { id, replies, sealedCodes } = row;
      for (const reply of JSON.parse(replies) as ReplyToKeep[]) {
        this.#memory.set(reply.scope, { reply, batchId: id, sealedCodes });
      }
    }
    this.#memory.committed();
    this.#batchId = this.#statements.nextId.get(INDEXED_THROUGH) as number;
    this.#readIndex();
  }

  /** @param sealedCodes of the answers that the next batch keeps, see batch-codes.ts */
  nextCodes(sealedCodes: string): void {
    this.#sealedCodes = sealedCodes;
  }

  begin(): void {
    this.#memory.begin();
    this.#move = undefined;
    this.#prunedBelow = 0;
  }

  /** The answer under the scope, unless it is over. */
  find(scope: string, nowMs: number): KeptReply | undefined {
    const recent = this.#memory.find(scope);
    if (recent !== undefined && recent.reply.expiresAtMs > nowMs) {
      return withSealedCode(recent.reply, recent.sealedCodes);
    }
    const start = startOf(scope);
    if (!this.#mayBeIndexed(start)) return undefined;
    const { lookUp, select } = this.#statements;
    for (const id of lookUp.all(start) as number[]) {
      const row = select.get(id) as Pick<Row, "replies" | "sealedCodes"> | undefined;
      const found = repliesIn(row?.replies ?? "[]", row?.sealedCodes ?? "").find(
        (reply) => reply.scope === scope && reply.expiresAtMs > nowMs,
      );
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** @param reply under a scope without an answer, or with one that is over */
  add(reply: ReplyToKeep): void {
    const { scope } = reply;
    this.#memory.set(scope, { reply, batchId: this.#batchId, sealedCodes: this.#sealedCodes });
  }

  keep(): void {
    this.#memory.keep();
  }

  drop(): void {
    this.#memory.drop();
  }

  write(): void {
    const given = this.#memory.changed();
    if (given.size === 0) return;
    const replies = Array.from(given.values(), ({ reply }) => reply);
    const expiresAtMs = Math.max(...replies.map((reply) => reply.expiresAtMs));
    this.#statements.insert.run(this.#batchId, expiresAtMs, JSON.stringify(replies), this.#sealedCodes);
    if (this.#memory.all().size >= RECENT_REPLIES) {
      this.#move = this.#nextMove();
      this.#index(this.#move);
      this.#readIndex();
    }
    this.#batchId += 1;
  }

  committed(): void {
    this.#memory.committed();
    this.#filter.forgetBelow(this.#prunedBelow);
    if (this.#move === undefined) return;
    const { slice, entries, roundBatchId } = this.#move;
    for (const { reply } of entries) this.#memory.delete(reply.scope);
    this.#nextSlice = (slice + 1) % SLICES.length;
    this.#roundBatchId = roundBatchId;
  }

  /** Removes some that are over. @returns whether there may be more */
  prune(nowMs: number): boolean {
    const { oldest, unindex, remove } = this.#statements;
    const over: PrunedRow[] = [];
    let removed = 0;
    for (const row of oldest.iterate() as Iterable<PrunedRow>) {
      if (row.expiresAtMs > nowMs || removed >= PRUNED_AT_A_TIME) break;
      over.push(row);
      removed += scopesIn(row).length;
    }
    for (const row of over) {
      const { id } = row;
      for (const scope of scopesIn(row)) {
        unindex.run(startOf(scope), id);
        if (this.#memory.find(scope)?.batchId === id) this.#memory.delete(scope);
      }
      remove.run(id);
      this.#prunedBelow = id + 1;
    }
    return removed >= PRUNED_AT_A_TIME;
  }

  #nextMove(): Move {
    const slice = this.#nextSlice;
    const [from, to] = [SLICES[slice] ?? "", SLICES[slice + 1]];
    const isInSlice = (scope: string) => scope >= from && (to === undefined || scope < to);
    const entries = [...this.#memory.all().values()].filter(({ reply }) => isInSlice(reply.scope));
    return { slice, entries, roundBatchId: slice === 0 ? this.#batchId : this.#roundBatchId };
  }

  #index({ slice, entries, roundBatchId }: Move): void {
    const rows = entries.map(({ reply, batchId }) => [startOf(reply.scope), batchId] as const);
    // Also where the batch is rolled back: the filter may know more than there is.
    for (const [start, batchId] of rows) this.#filter.add(start, batchId);
    this.#statements.index.run(JSON.stringify(rows));
    if (slice === SLICES.length - 1) this.#statements.rememberIndexed.run(INDEXED_THROUGH, roundBatchId);
  }

  #readIndex(): void {
    if (this.#readTo === undefined) return;
    const starts = this.#statements.indexed.all(this.#readTo, READ_TOGETHER) as string[];
    for (const start of starts) this.#filter.add(start, this.#batchId);
    this.#readTo = starts.length < READ_TOGETHER ? undefined : starts.at(-1);
  }

  #mayBeIndexed(start: string): boolean {
    return (this.#readTo !== undefined && start > this.#readTo) || this.#filter.mayHave(start);
  }
}

function startOf(scope: string): string {
  return scope.slice(0, INDEXED_CHARACTERS);
}

/** The answers that a row of `reply_batches` holds. */
export function repliesIn(json: string, sealedCodes: string): ReplyToKeep[] {
  return (JSON.parse(json) as ReplyToKeep[]).map((reply) => withSealedCode(reply, sealedCodes));
}

function scopesIn({ replies }: PrunedRow): string[] {
  return (JSON.parse(replies) as ReplyToKeep[]).map(({ scope }) => scope);
}

function withSealedCode(reply: ReplyToKeep, sealedCodes: string): ReplyToKeep {
  const { sealedCode } = reply;
  if (sealedCode === null || !isPlaceOfCode(sealedCode)) return reply;
  return { ...reply, sealedCode: sealedCodes + sealedCode };
}

function prepare(
  database: Database,
): Record<
  | "lookUp"
  | "select"
  | "insert"
  | "index"
  | "indexed"
  | "rememberIndexed"
  | "unindexed"
  | "nextId"
  | "oldest"
  | "unindex"
  | "remove",
  Statement
> {
  const sql = (text: string) => database.prepare(text);
  return {
    lookUp: sql("SELECT batch_id FROM reply_index WHERE scope_start = ?").pluck(),
    select: sql("SELECT replies, sealed_codes AS sealedCodes FROM reply_batches WHERE id = ?"),
    insert: sql("INSERT INTO reply_batches (id, expires_at_ms, replies, sealed_codes) VALUES (?, ?, ?, ?)"),
    index: sql(
      `INSERT INTO reply_index (scope_start, batch_id)
       SELECT value ->> 0, value ->> 1 FROM json_each(?) WHERE true ORDER BY 1, 2 ON CONFLICT DO NOTHING`,
    ),
    indexed: sql("SELECT scope_start FROM reply_index WHERE scope_start > ? ORDER BY 1 LIMIT ?").pluck(),
    rememberIndexed: sql(
      "INSERT INTO metadata (key, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
    ),
    unindexed: sql(
      `SELECT id, expires_at_ms AS expiresAtMs, replies, sealed_codes AS sealedCodes FROM reply_batches
       WHERE id > coalesce((SELECT CAST(value AS INTEGER) FROM metadata WHERE key = ?), 0) ORDER BY id`,
    ),
    nextId: sql(
      `SELECT 1 + max(coalesce((SELECT max(id) FROM reply_batches), 0),
                      coalesce((SELECT CAST(value AS INTEGER) FROM metadata WHERE key = ?), 0))`,
    ).pluck(),
    oldest: sql("SELECT id, expires_at_ms AS expiresAtMs, replies FROM reply_batches ORDER BY id"),
    unindex: sql("DELETE FROM reply_index WHERE scope_start = ? AND batch_id = ?"),
    remove: sql("DELETE FROM reply_batches WHERE id = ?"),
  };
}
