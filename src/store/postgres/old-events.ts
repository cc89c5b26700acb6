/**
 * Removes events that are older than they are to be kept, a piece at a time.
 *
 * A run goes over the log from its beginning up to the first event that is young enough, and leaves the last event of each
 * aggregate. A later run finds these again and takes those that another event has followed. So what is left of one aggregate
 * is always the end of its history, without a gap.
 *
 * How far events were removed is kept in `metadata`, in the transaction of the removal: who goes on from a position before
 * that would miss some. Instances that prune at the same time remove the same and say the same.
 */
import type { Transaction } from "./database.ts";
import type { Statement } from "./session.ts";

/** Rows that one piece looks at; they lie side by side. */
const ROWS_PER_PIECE = 500;
/** In `metadata`: position of the last event that was pruned. */
export const PRUNED_THROUGH = "events pruned through";

const SELECT_NEXT: Statement = {
  name: "select_old_events",
  text: `SELECT position, created_at_ms AS "createdAtMs", EXISTS (SELECT FROM events later
      WHERE later.aggregate_type = events.aggregate_type AND later.aggregate_id = events.aggregate_id
        AND later.sequence > events.sequence) AS "isFollowed"
    FROM events WHERE position > $1 ORDER BY position LIMIT ${ROWS_PER_PIECE}`,
};
const REMOVE: Statement = { name: "prune_events", text: "DELETE FROM events WHERE position = ANY($1)" };
const NOTE: Statement = {
  name: "note_pruned_position",
  text: `INSERT INTO metadata (key, value) VALUES ('${PRUNED_THROUGH}', $1::text)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value WHERE metadata.value::bigint < excluded.value::bigint`,
};

interface Row {
  readonly position: number;
  readonly createdAtMs: number;
  readonly isFollowed: boolean;
}

export interface PrunedEvents {
  /** Whether there may be more to do. */
  readonly more: boolean;
  /** The position that the run has come to: where its next piece begins. */
  readonly reached: number;
}

/**
 * @param recordedBeforeMs events recorded later stay, milliseconds since the Unix epoch
 * @param reached where the piece before this one has come to; 0 for the first
 */
export async function pruneEvents(
  transaction: Transaction,
  recordedBeforeMs: number,
  reached: number,
): Promise<PrunedEvents> {
  const { rows } = await transaction.query<Row>(SELECT_NEXT, [reached]);
  const firstYoung = rows.findIndex(({ createdAtMs }) => createdAtMs >= recordedBeforeMs);
  const old = firstYoung === -1 ? rows : rows.slice(0, firstYoung);
  const removed = old.flatMap(({ position, isFollowed }) => (isFollowed ? [position] : []));
  const last = removed.at(-1);
  if (last !== undefined) {
    void transaction.defer(REMOVE, [removed]);
    void transaction.defer(NOTE, [String(last)]);
  }
  return { more: old.length === ROWS_PER_PIECE, reached: old.at(-1)?.position ?? reached };
}
