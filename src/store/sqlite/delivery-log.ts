/** The timelines of outbox rows: written with what they tell of, cut to their newest entries. */
import type { Database, Statement } from "better-sqlite3";
import { TIMELINE_MAX_ENTRIES, type TimelineEntry, type TimelineEvent } from "../deliveries.ts";

export class DeliveryLog {
  readonly #insert: Statement;
  readonly #trim: Statement;
  readonly #select: Statement;

  constructor(database: Database) {
    this.#insert = database.prepare(
      `INSERT INTO delivery_log (outbox_id, entry, at_ms, event)
       VALUES (@row, (SELECT coalesce(max(entry), 0) + 1 FROM delivery_log WHERE outbox_id = @row), @atMs, @event)
       RETURNING entry`,
    );
    this.#trim = database.prepare("DELETE FROM delivery_log WHERE outbox_id = ? AND entry <= ?");
    this.#select = prepareTimeline(database);
  }

  add(row: number, atMs: number, event: TimelineEvent): void {
    const { entry } = this.#insert.get({ row, atMs, event: JSON.stringify(event) }) as { entry: number };
    if (entry > TIMELINE_MAX_ENTRIES) this.#trim.run(row, entry - TIMELINE_MAX_ENTRIES);
  }

  read(row: number): TimelineEntry[] {
    return readTimeline(this.#select, row);
  }
}

export function prepareTimeline(database: Database): Statement {
  return database.prepare("SELECT at_ms AS atMs, event FROM delivery_log WHERE outbox_id = ? ORDER BY entry");
}

/** @param select of `prepareTimeline` */
export function readTimeline(select: Statement, row: number): TimelineEntry[] {
  const rows = select.all(row) as { atMs: number; event: string }[];
  return rows.map(({ atMs, event }) => ({ atMs, event: JSON.parse(event) as TimelineEvent }));
}
