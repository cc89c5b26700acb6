/** The timelines of outbox rows: written with what they tell of, cut to their newest entries. */
import { TIMELINE_MAX_ENTRIES, type TimelineEntry, type TimelineEvent } from "../deliveries.ts";
import type { Transaction } from "./database.ts";
import type { Statement } from "./session.ts";

export interface NewEntry {
  /** Id of the outbox row, which the transaction has locked. */
  readonly row: number;
  readonly event: TimelineEvent;
}

const INSERT: Statement = {
  name: "insert_timeline",
  text: `INSERT INTO delivery_log (outbox_id, entry, at_ms, event)
    SELECT r.row, coalesce((SELECT max(entry) FROM delivery_log WHERE outbox_id = r.row), 0)
      + row_number() OVER (PARTITION BY r.row ORDER BY r.place), $2, r.event
    FROM json_to_recordset($1) AS r (place BIGINT, row BIGINT, event TEXT)`,
};
const TRIM: Statement = {
  name: "trim_timeline",
  text: `DELETE FROM delivery_log d WHERE outbox_id = ANY($1)
    AND entry <= (SELECT max(entry) FROM delivery_log WHERE outbox_id = d.outbox_id) - ${TIMELINE_MAX_ENTRIES}`,
};
const SELECT: Statement = {
  name: "select_timeline",
  text: `SELECT at_ms AS "atMs", event FROM delivery_log WHERE outbox_id = $1 ORDER BY entry`,
};

/** Defers them. */
export function writeEntries(transaction: Transaction, entries: readonly NewEntry[], atMs: number): void {
  if (entries.length === 0) return;
  const rows = entries.map(({ row, event }, place) => ({ place, row, event: JSON.stringify(event) }));
  void transaction.defer(INSERT, [JSON.stringify(rows), atMs]);
  void transaction.defer(TRIM, [[...new Set(entries.map(({ row }) => row))]]);
}

export async function readTimeline(
  transaction: Pick<Transaction, "query">,
  row: number,
): Promise<TimelineEntry[]> {
  const { rows } = await transaction.query<{ atMs: number; event: string }>(SELECT, [row]);
  return rows.map(({ atMs, event }) => ({ atMs, event: JSON.parse(event) as TimelineEvent }));
}
