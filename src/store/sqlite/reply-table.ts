/**
 * Answers of calls with an Idempotency-Key, kept so that the same call gets the same answer.
 *
 * Scopes are digests, so an index over them is written in no order: each entry changes a page of its own, and a page is
 * what a commit pays for. So answers are appended in the order in which they come, and their index lags behind: what is
 * not in it yet stands in `recent_replies`, a table in memory, which rolls back with the transaction like all others.
 * Once that has RECENT_REPLIES entries, all of them move into the index at once, in the order of the index, many to a
 * page. A start puts the answers that are younger than the index back into memory.
 */
import type { Database, Statement } from "better-sqlite3";
import type { KeptReply, ReplyToKeep } from "../../verification/decider.ts";
import type { Details } from "../../verification/user/commands.ts";

/** Moved within one transaction, in a few milliseconds. */
const RECENT_REPLIES = 2_048;
/** So many are removed in one go, in a few milliseconds: calls wait for the transaction meanwhile. */
const PRUNED_AT_A_TIME = 1_000;
/** Characters of a scope that the index holds, 60 bits of a digest. Scopes that share them are told apart by the row. */
const INDEXED_CHARACTERS = 10;

const INDEXED_THROUGH = "replies indexed through";

interface Row {
  readonly fingerprint: string;
  readonly userId: string;
  readonly details: string;
  readonly sealedCode: string | null;
}

export class ReplyTable {
  readonly #statements: ReturnType<typeof prepare>;
  /** Also counts entries of transactions that were rolled back. */
  #recent: number;
  /** Above every id that the index may hold, also where that answer is gone. */
  #nextId: number;

  constructor(database: Database) {
    database.exec(
      `CREATE TEMP TABLE recent_replies (
         scope_start TEXT NOT NULL, reply_id INTEGER NOT NULL, PRIMARY KEY (scope_start, reply_id)
       ) WITHOUT ROWID`,
    );
    this.#statements = prepare(database);
    this.#recent = this.#statements.restoreRecent.run(INDEXED_THROUGH).changes;
    this.#nextId = (this.#statements.nextId.get(INDEXED_THROUGH) as { id: number }).id;
  }

  /** The answer under the scope, unless it is over. */
  find(scope: string, nowMs: number): KeptReply | undefined {
    const { lookUp, select } = this.#statements;
    const start = startOf(scope);
    for (const id of lookUp.all(start, start) as number[]) {
      const row = select.get(id, scope, nowMs) as Row | undefined;
      if (row !== undefined) return { ...row, details: JSON.parse(row.details) as Details };
    }
    return undefined;
  }

  /** @param reply under a scope without an answer, or with one that is over */
  keep(reply: ReplyToKeep): void {
    const { insert, insertRecent } = this.#statements;
    const start = startOf(reply.scope);
    const id = this.#nextId++;
    const { scope, fingerprint, userId, details, sealedCode, expiresAtMs } = reply;
    insert.run(id, start, scope, fingerprint, userId, JSON.stringify(details), sealedCode, expiresAtMs);
    insertRecent.run(start, id);
    this.#recent += 1;
    if (this.#recent >= RECENT_REPLIES) this.#indexRecent();
  }

  /** Removes some that are over. @returns whether there may be more */
  prune(nowMs: number): boolean {
    const { oldest, unindex, forgetRecent, remove } = this.#statements;
    const rows = oldest.all() as { id: number; start: string; expiresAtMs: number }[];
    const first = rows.findIndex(({ expiresAtMs }) => expiresAtMs > nowMs);
    const over = first === -1 ? rows : rows.slice(0, first);
    for (const { id, start } of over) {
      if (unindex.run(start, id).changes === 0) forgetRecent.run(start, id);
    }
    const last = over.at(-1);
    if (last !== undefined) remove.run(last.id);
    return over.length === PRUNED_AT_A_TIME;
  }

  #indexRecent(): void {
    const { indexRecent, rememberIndexed, clearRecent } = this.#statements;
    indexRecent.run();
    rememberIndexed.run(INDEXED_THROUGH);
    clearRecent.run();
    this.#recent = 0;
  }
}

function startOf(scope: string): string {
  return scope.slice(0, INDEXED_CHARACTERS);
}

function prepare(
  database: Database,
): Record<
  | "lookUp"
  | "select"
  | "insert"
  | "insertRecent"
  | "indexRecent"
  | "rememberIndexed"
  | "clearRecent"
  | "restoreRecent"
  | "nextId"
  | "oldest"
  | "unindex"
  | "forgetRecent"
  | "remove",
  Statement
> {
  const sql = (text: string) => database.prepare(text);
  return {
    lookUp: sql(
      `SELECT reply_id FROM recent_replies WHERE scope_start = ?
       UNION ALL SELECT reply_id FROM reply_index WHERE scope_start = ?`,
    ).pluck(),
    select: sql(
      `SELECT fingerprint, user_id AS userId, details, sealed_code AS sealedCode FROM kept_replies
       WHERE id = ? AND scope = ? AND expires_at_ms > ?`,
    ),
    insert: sql(
      `INSERT INTO kept_replies (id, scope_start, scope, fingerprint, user_id, details, sealed_code, expires_at_ms)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    insertRecent: sql("INSERT INTO recent_replies (scope_start, reply_id) VALUES (?, ?)"),
    indexRecent: sql(
      `INSERT INTO reply_index (scope_start, reply_id)
       SELECT scope_start, reply_id FROM recent_replies ORDER BY scope_start, reply_id`,
    ),
    rememberIndexed: sql(
      `INSERT INTO metadata (key, value) SELECT ?, max(reply_id) FROM recent_replies WHERE true
       ON CONFLICT DO UPDATE SET value = excluded.value`,
    ),
    clearRecent: sql("DELETE FROM recent_replies"),
    restoreRecent: sql(
      `INSERT INTO recent_replies (scope_start, reply_id)
       SELECT scope_start, id FROM kept_replies
       WHERE id > coalesce((SELECT CAST(value AS INTEGER) FROM metadata WHERE key = ?), 0)`,
    ),
    nextId: sql(
      `SELECT 1 + max(coalesce((SELECT max(id) FROM kept_replies), 0),
                      coalesce((SELECT CAST(value AS INTEGER) FROM metadata WHERE key = ?), 0)) AS id`,
    ),
    oldest: sql(
      `SELECT id, scope_start AS start, expires_at_ms AS expiresAtMs FROM kept_replies
       ORDER BY id LIMIT ${PRUNED_AT_A_TIME}`,
    ),
    unindex: sql("DELETE FROM reply_index WHERE scope_start = ? AND reply_id = ?"),
    forgetRecent: sql("DELETE FROM recent_replies WHERE scope_start = ? AND reply_id = ?"),
    remove: sql("DELETE FROM kept_replies WHERE id <= ?"),
  };
}
