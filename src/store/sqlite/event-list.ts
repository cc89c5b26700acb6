/**
 * Lists of events without an index: `events` has none beside its position, because every index is written with every
 * event. What is asked for is found in one of two ways:
 *
 * - The events of one user are a chain, each with the position of the one before. It is followed from the snapshot's
 *   position, one point look-up for each event.
 * - All others are a stretch of the log, which is read from one end to the other, some hundred rows at a time; types and
 *   organizations are compared row by row. Where the stretch begins and ends by time, it is searched for by halves:
 *   positions grow with time. But not strictly: of calls at one time the later may be recorded first, and clocks are set
 *   back. So the search allows for a minute, and each row's time is compared.
 *
 * Where old events were pruned, chains end early and the log has gaps.
 *
 * A page ends when it is full, when there is nothing more, or when its time is up. Then it says how far it came, and the
 * next page goes on there: however rare the events are that are asked for, no page takes longer, and none is lost.
 */
import type { Database, Statement } from "better-sqlite3";
import type { EventPage, EventQuery } from "../event-query.ts";
import { recordedEvent, type EventRow } from "../event-row.ts";
import type { RecordedEvent } from "../store.ts";
import { EVENT_COLUMNS } from "./event-columns.ts";
import { TimedOut } from "./timed-out.ts";

/** So many positions are looked at between two looks at the clock. */
const STRETCH = 512;
/** How far the order of times may differ from that of positions, in milliseconds. */
const DISORDER_MS = 60_000;

/** Positions from the first to the last, both included; empty when the first is the greater. */
interface Range {
  readonly first: number;
  readonly last: number;
}

export class EventList {
  readonly #database: Database;
  readonly #statements: Record<
    "head" | "link" | "event" | "lastPosition" | "timeAt" | "firstFrom" | "lastUpTo",
    Statement
  >;
  readonly #scans = new Map<string, Statement>();

  constructor(database: Database) {
    this.#database = database;
    this.#statements = {
      head: database
        .prepare("SELECT position FROM aggregates WHERE type IN ('user', 'service_account') AND id = ?")
        .pluck(),
      link: database.prepare(
        `SELECT previous, type, created_at_ms AS createdAtMs,
           CASE aggregate_type WHEN 'user' THEN aggregate_id END AS userId FROM events WHERE position = ?`,
      ),
      event: database.prepare(`SELECT ${EVENT_COLUMNS} FROM events WHERE position = ?`),
      lastPosition: database.prepare("SELECT coalesce(max(position), 0) FROM events").pluck(),
      timeAt: database
        .prepare("SELECT created_at_ms FROM events WHERE position >= ? ORDER BY position LIMIT 1")
        .pluck(),
      firstFrom: database.prepare("SELECT min(position) FROM events WHERE position >= ?").pluck(),
      lastUpTo: database.prepare("SELECT max(position) FROM events WHERE position <= ?").pluck(),
    };
  }

  /** In one transaction, so that a page shows the log of one moment. @throws TimedOut for a user with a history too long */
  read(query: EventQuery): EventPage {
    const deadlineMs = performance.now() + query.timeoutMs;
    return this.#database.transaction(() => {
      const range = this.#rangeOf(query);
      if (range.first > range.last || query.organizationIds?.length === 0)
        return { events: [], next: undefined };
      return query.userId === undefined
        ? this.#scan(query, range, deadlineMs)
        : this.#follow(query, query.userId, range, deadlineMs);
    })();
  }

  #rangeOf({ afterPosition = 0, createdFromMs, createdBeforeMs, cursor, oldestFirst }: EventQuery): Range {
    let first = afterPosition + 1;
    let last = this.#statements.lastPosition.get() as number;
    if (cursor !== undefined && oldestFirst) first = Math.max(first, cursor + 1);
    if (cursor !== undefined && !oldestFirst) last = Math.min(last, cursor - 1);
    if (createdFromMs !== undefined) {
      first = Math.max(first, this.#firstAt(createdFromMs - DISORDER_MS, { first, last }));
    }
    if (createdBeforeMs !== undefined) {
      last = Math.min(last, this.#firstAt(createdBeforeMs + DISORDER_MS, { first, last }) - 1);
    }
    return { first, last };
  }

  /** The first position in the range whose event is of that time or later, or the one after the range. */
  #firstAt(timeMs: number, { first, last }: Range): number {
    let [low, high] = [first, last + 1];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const foundMs = this.#statements.timeAt.get(middle) as number | undefined;
      if (foundMs !== undefined && foundMs < timeMs) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #scan(query: EventQuery, { first, last }: Range, deadlineMs: number): EventPage {
    const { oldestFirst, limit } = query;
    const statement = this.#scanOf(query);
    const wanted = {
      ...query,
      types: JSON.stringify(query.types),
      organizationIds: JSON.stringify(query.organizationIds),
    };
    const found: RecordedEvent[] = [];
    let [low, high] = [first, last];
    for (;;) {
      const stretch = oldestFirst
        ? { low, high: Math.min(high, low + STRETCH - 1) }
        : { low: Math.max(low, high - STRETCH + 1), high };
      const rows = statement.all({ ...wanted, ...stretch, limit: limit - found.length }) as EventRow[];
      found.push(...rows.map(recordedEvent));
      if (found.length === limit) return { events: found, next: found.at(-1)?.position };
      if (oldestFirst) low = stretch.high + 1;
      else high = stretch.low - 1;
      if (rows.length === 0 && low <= high) {
        // Perhaps a gap that pruning left, of any size.
        if (oldestFirst) low = (this.#statements.firstFrom.get(low) as number | null) ?? high + 1;
        else high = (this.#statements.lastUpTo.get(high) as number | null) ?? low - 1;
      }
      if (low > high) return { events: found, next: undefined };
      if (performance.now() >= deadlineMs) return { events: found, next: oldestFirst ? low - 1 : high + 1 };
    }
  }

  #scanOf({ types, organizationIds, createdFromMs, createdBeforeMs, oldestFirst }: EventQuery): Statement {
    const conditions = [
      "position BETWEEN @low AND @high",
      ...(types === undefined ? [] : ["type IN (SELECT value FROM json_each(@types))"]),
      ...(organizationIds === undefined
        ? []
        : ["organization_id IN (SELECT value FROM json_each(@organizationIds))"]),
      ...(createdFromMs === undefined ? [] : ["created_at_ms >= @createdFromMs"]),
      ...(createdBeforeMs === undefined ? [] : ["created_at_ms < @createdBeforeMs"]),
    ];
    const text = `SELECT ${EVENT_COLUMNS} FROM events WHERE ${conditions.join(" AND ")}
      ORDER BY position ${oldestFirst ? "ASC" : "DESC"} LIMIT @limit`;
    let statement = this.#scans.get(text);
    if (statement === undefined) {
      statement = this.#database.prepare(text);
      this.#scans.set(text, statement);
    }
    return statement;
  }

  /** The chain leads from the newest to the oldest; for the other order it is followed to its end first. */
  #follow(query: EventQuery, userId: string, range: Range, deadlineMs: number): EventPage {
    const { oldestFirst, limit } = query;
    const passing: number[] = [];
    let position = this.#startOfChain(query, userId);
    while (position >= range.first) {
      const link = this.#statements.link.get(position) as Link | undefined;
      if (link === undefined) break;
      if (position <= range.last && passes(query, link)) passing.push(position);
      if (!oldestFirst && passing.length === limit) break;
      if (performance.now() >= deadlineMs) {
        // In the other order the end of the chain is where the page begins.
        if (oldestFirst) throw new TimedOut();
        return { events: this.#eventsAt(query, passing), next: Math.min(position, range.last + 1) };
      }
      position = link.previous;
    }
    const isFull = oldestFirst ? passing.length > limit : passing.length === limit;
    const events = this.#eventsAt(query, oldestFirst ? passing.toReversed().slice(0, limit) : passing);
    return { events, next: isFull ? events.at(-1)?.position : undefined };
  }

  /** Where the page before ended, if that is on the chain: a long one is not walked again for every page. */
  #startOfChain({ cursor, oldestFirst }: EventQuery, userId: string): number {
    if (cursor !== undefined && !oldestFirst) {
      const link = this.#statements.link.get(cursor) as Link | undefined;
      if (link?.userId === userId) return link.previous;
    }
    return (this.#statements.head.get(userId) as number | undefined) ?? 0;
  }

  #eventsAt({ organizationIds }: EventQuery, positions: readonly number[]): RecordedEvent[] {
    return positions
      .map((position) => recordedEvent(this.#statements.event.get(position) as EventRow))
      .filter(
        ({ organizationId }) => organizationIds === undefined || organizationIds.includes(organizationId),
      );
  }
}

interface Link {
  readonly previous: number;
  /** null where the event is not a user's. */
  readonly userId: string | null;
  readonly type: string;
  readonly createdAtMs: number;
}

/** All events of a user belong to one organization, which is compared when they are read. */
function passes({ types, createdFromMs, createdBeforeMs }: EventQuery, { type, createdAtMs }: Link): boolean {
  return (
    types?.includes(type) !== false &&
    createdAtMs >= (createdFromMs ?? -Infinity) &&
    createdAtMs < (createdBeforeMs ?? Infinity)
  );
}
