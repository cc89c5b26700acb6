/**
 * Events, appended so that they become readable in the order of their positions.
 *
 * A watcher reads "all after the last position that I saw". Were positions drawn from a sequence, a transaction with a
 * lower position could commit after one with a higher, and the watcher would never see its events. So positions come
 * from one row, `log_head`: the last statement before COMMIT raises it by the number of its events, and the lock on the
 * row lasts until the commit can be seen by everybody. Whoever gets the row next has higher positions and commits later.
 * Positions have no gaps either, because a rollback takes the raise back.
 *
 * The lock is held for one trip, in which the events and COMMIT travel together, and for the sync of the log (and of a
 * synchronous standby). Commits with events come one after the other over all instances because of it. That limits
 * transactions, not calls: while one is under way, calls gather for the next, and share it.
 *
 * The other known way, reading only what is older than every transaction under way (pg_snapshot_xmin), lets commits
 * overlap, but shows nothing new as long as any transaction of the whole server is open, leaves positions in another
 * order than commits, and exists in PostgreSQL alone.
 */
import type { PlacedEvent } from "../recording.ts";
import type { Transaction } from "./database.ts";
import type { Statement } from "./session.ts";

const APPEND: Statement = {
  name: "append_events",
  text: `WITH head AS (
      UPDATE log_head SET position = position + $2 WHERE id = 1 RETURNING position
    ), appended AS (
      INSERT INTO events (position, aggregate_type, aggregate_id, sequence, type, payload, created_at_ms,
        organization_id, editor, request_id, client_address)
      SELECT head.position - $2 + r.place, r."aggregateType", r."aggregateId", r.sequence, r.type, r.payload,
        r."createdAtMs", r."organizationId", r.editor, r."requestId", r."clientAddress"
      FROM head, json_to_recordset($1) AS r (place BIGINT, "aggregateType" TEXT, "aggregateId" TEXT, sequence BIGINT,
        type TEXT, payload TEXT, "createdAtMs" BIGINT, "organizationId" TEXT, editor TEXT, "requestId" TEXT,
        "clientAddress" TEXT)
    )
    SELECT position FROM head`,
};

/** The last position that can be read. */
export const SELECT_HEAD: Statement = {
  name: "select_head",
  text: "SELECT position FROM log_head WHERE id = 1",
};

/** Defers the append, which has to be the last write of its transaction. */
export async function appendEvents(
  transaction: Transaction,
  events: readonly PlacedEvent[],
): Promise<{ readonly first: number; readonly last: number }> {
  const rows = events.map(({ origin, ...event }, index) => ({
    ...event,
    ...origin,
    place: index + 1,
    payload: JSON.stringify(event.payload),
  }));
  const answer = await transaction.defer<{ position: number }>(APPEND, [JSON.stringify(rows), events.length]);
  const last = answer.rows[0]?.position;
  if (last === undefined) throw new Error("the row of log_head is missing");
  return { first: last - events.length + 1, last };
}
