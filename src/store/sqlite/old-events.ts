/**
 * Removes events that are older than they are to be kept, a piece at a time.
 *
 * A run goes over the log from its beginning up to the first event that is young enough, and leaves the last event of each
 * aggregate: it is what the snapshot points to, what the next event is chained to, and, for the newest of all, what keeps
 * positions from being given twice. A later run finds these again and takes those that another event has followed. So what
 * is left of one aggregate is always the end of its history, without a gap.
 *
 * How far events were removed is kept in `metadata`, in the transaction of the removal: who goes on from a position before
 * that would miss some.
 */
import type { Database, Statement } from "better-sqlite3";

/** Rows that one piece looks at; they lie side by side. */
const ROWS_PER_PIECE = 500;
const PRUNED_THROUGH = "events pruned through";

interface Row {
  readonly position: number;
  readonly createdAtMs: number;
  readonly isLast: 0 | 1;
}

/** @param select `value` of a key in `metadata` */
export function readPrunedPosition(select: Statement): number {
  const row = select.get(PRUNED_THROUGH) as { value: string } | undefined;
  return Number(row?.value ?? 0);
}

export class OldEvents {
  readonly #next: Statement;
  readonly #remove: Statement;
  readonly #note: Statement;
  /** The position that the run has come to. */
  #reached = 0;

  constructor(database: Database) {
    this.#next = database.prepare(
      `SELECT position, created_at_ms AS createdAtMs,
         position = (SELECT position FROM aggregates WHERE type = aggregate_type AND id = aggregate_id) AS isLast
       FROM events WHERE position > ? ORDER BY position LIMIT ${ROWS_PER_PIECE}`,
    );
    this.#remove = database.prepare("DELETE FROM events WHERE position = ?");
    this.#note = database.prepare(
      `INSERT INTO metadata (key, value) VALUES ('${PRUNED_THROUGH}', @position)
       ON CONFLICT DO UPDATE SET value = excluded.value
         WHERE CAST(value AS INTEGER) < CAST(excluded.value AS INTEGER)`,
    );
  }

  /**
   * @param recordedBeforeMs events recorded later stay, milliseconds since the Unix epoch
   * @returns whether there may be more to do
   */
  prune(recordedBeforeMs: number): boolean {
    const rows = this.#next.all(this.#reached) as Row[];
    const firstYoung = rows.findIndex(({ createdAtMs }) => createdAtMs >= recordedBeforeMs);
    const old = firstYoung === -1 ? rows : rows.slice(0, firstYoung);
    const removed = old.filter(({ isLast }) => isLast === 0);
    for (const { position } of removed) this.#remove.run(position);
    const last = removed.at(-1);
    if (last !== undefined) this.#note.run({ position: String(last.position) });
    const more = old.length === ROWS_PER_PIECE;
    this.#reached = more ? (old.at(-1)?.position ?? 0) : 0;
    return more;
  }
}
