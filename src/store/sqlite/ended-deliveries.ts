/**
 * Removes mails that came to their end long ago, a piece at a time.
 *
 * A mail ends after it was queued, so those that may go are found by when they were queued; which of them ended too late,
 * or not at all, is seen row by row. These few stay where they are, so a run remembers how far it came and does not look
 * at them twice. With a mail go its timeline and its copy in the dev inbox, and old copies whose mail is gone already.
 */
import type { Database, Statement } from "better-sqlite3";

/** Rows that one piece looks at. Each that goes changes a page of its own in two of the indexes. */
const ROWS_PER_PIECE = 200;

/** How far a run came, in the order of `outbox_queued`. */
interface Place {
  readonly queuedAtMs: number;
  readonly id: number;
}

interface Row extends Place {
  readonly deliveryId: string;
  readonly endedAtMs: number | null;
}

export interface PrunedPiece {
  /** Whether there may be more to do. */
  readonly more: boolean;
  /** Whether mails went from the dev inbox. */
  readonly mails: boolean;
}

const START: Place = { queuedAtMs: -1, id: 0 };

export class EndedDeliveries {
  readonly #next: Statement;
  readonly #remove: Statement;
  readonly #removeTimeline: Statement;
  readonly #removeCopy: Statement;
  readonly #removeOldCopies: Statement;
  #reached = START;

  constructor(database: Database) {
    this.#next = database.prepare(
      `SELECT id, queued_at_ms AS queuedAtMs, delivery_id AS deliveryId, ended_at_ms AS endedAtMs
       FROM outbox INDEXED BY outbox_queued
       WHERE (queued_at_ms, id) > (@queuedAtMs, @id) AND queued_at_ms < @endedBeforeMs
       ORDER BY queued_at_ms, id LIMIT ${ROWS_PER_PIECE}`,
    );
    this.#remove = database.prepare("DELETE FROM outbox WHERE id = ?");
    this.#removeTimeline = database.prepare("DELETE FROM delivery_log WHERE outbox_id = ?");
    this.#removeCopy = database.prepare("DELETE FROM inbox WHERE delivery_id = ?");
    this.#removeOldCopies = database.prepare("DELETE FROM inbox WHERE received_at_ms < ?");
  }

  /** @param endedBeforeMs those that ended later stay, milliseconds since the Unix epoch */
  prune(endedBeforeMs: number): PrunedPiece {
    let copies = this.#removeOldCopies.run(endedBeforeMs).changes;
    const rows = this.#next.all({ ...this.#reached, endedBeforeMs }) as Row[];
    for (const { id, deliveryId, endedAtMs } of rows) {
      if (endedAtMs === null || endedAtMs >= endedBeforeMs) continue;
      this.#remove.run(id);
      this.#removeTimeline.run(id);
      copies += this.#removeCopy.run(deliveryId).changes;
    }
    const last = rows.at(-1);
    const more = last !== undefined && rows.length === ROWS_PER_PIECE;
    this.#reached = more ? { queuedAtMs: last.queuedAtMs, id: last.id } : START;
    return { more, mails: copies > 0 };
  }
}
