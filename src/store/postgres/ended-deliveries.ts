/**
 * Removes mails that came to their end long ago, a piece at a time, with their timelines and their copies in the dev inbox;
 * and old copies whose mail is gone already.
 *
 * A mail ends after it was queued, so those that may go are found by when they were queued. Of those, few stay: what ended
 * too late, or has not ended.
 */
import type { Transaction } from "./database.ts";
import type { Statement } from "./session.ts";

/** Each that goes changes a page of its own in two of the indexes. */
const ROWS_PER_PIECE = 200;

// Arrays, because for joins the planner may read whole tables.
const REMOVE: Statement = {
  name: "prune_deliveries",
  text: `WITH gone AS (
      DELETE FROM outbox WHERE id = ANY (ARRAY(SELECT id FROM outbox WHERE queued_at_ms < $1 AND ended_at_ms < $1
        ORDER BY queued_at_ms, id LIMIT ${ROWS_PER_PIECE} FOR UPDATE SKIP LOCKED))
      RETURNING id, delivery_id
    ), timelines AS (DELETE FROM delivery_log WHERE outbox_id = ANY (ARRAY(SELECT id FROM gone))),
    copies AS (DELETE FROM inbox WHERE received_at_ms < $1 OR delivery_id IN (SELECT delivery_id FROM gone) RETURNING id)
    SELECT (SELECT count(*) FROM gone) AS rows, (SELECT count(*) FROM copies) AS copies`,
};

export interface PrunedDeliveries {
  /** Whether there may be more to do. */
  readonly more: boolean;
  /** Whether mails went from the dev inbox. */
  readonly mails: boolean;
}

/** @param endedBeforeMs those that ended later stay, milliseconds since the Unix epoch */
export async function pruneDeliveries(
  transaction: Transaction,
  endedBeforeMs: number,
): Promise<PrunedDeliveries> {
  const { rows } = await transaction.query<{ rows: number; copies: number }>(REMOVE, [endedBeforeMs]);
  const [removed] = rows;
  return { more: removed?.rows === ROWS_PER_PIECE, mails: (removed?.copies ?? 0) > 0 };
}
