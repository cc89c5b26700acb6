/**
 * Lists of events. `events` has two indexes: by position, and by aggregate and sequence. More would be written with every
 * event. So what is asked for is found in one of two ways:
 *
 * - The events of one user are read off the index by aggregate.
 * - All others are a stretch of the log, which is read from one end to the other, a thousand rows at a time; types and
 *   organizations are compared row by row. Where the stretch begins and ends by time, it is searched for: positions grow
 *   with time. But not strictly: of calls at one time the later may be recorded first, clocks are set back, and those of
 *   instances differ. So the search allows for a minute, and each row's time is compared.
 *
 * A page of the second kind ends when it is full, when there is nothing more, or when its time is up. Then it says how far
 * it came, and the next page goes on there: however rare the events are that are asked for, no page takes longer, and
 * none is lost.
 */
import type { EventFilter, EventPage, EventQuery } from "../event-query.ts";
import { recordedEvent, type EventRow } from "../event-row.ts";
import { cutPage } from "../page-cut.ts";
import type { RecordedEvent } from "../store.ts";
import { EVENT_COLUMNS } from "./event-columns.ts";
import { SELECT_HEAD } from "./positions.ts";
import { anyOf, isStorable, sql, type AskSql, type Sql } from "./sql-text.ts";

/** So many positions are looked at in one trip. */
const STRETCH = 1_000;
/** How far the order of times may differ from that of positions, in milliseconds. */
const DISORDER_MS = 60_000;
/** Times that one trip of the search looks at: a log of a billion events takes six trips. */
const PROBES = 32;

/** Positions from the first to the last, both included; empty when the first is the greater. */
interface Range {
  readonly first: number;
  readonly last: number;
}

/** @param ask within one transaction, so that a page shows the log of one moment */
export async function listEvents(ask: AskSql, query: EventQuery): Promise<EventPage> {
  const deadlineMs = performance.now() + query.timeoutMs;
  const range = await rangeOf(ask, query);
  if (range.first > range.last || query.organizationIds?.length === 0) return { events: [], next: undefined };
  return query.userId === undefined
    ? await scan(ask, query, range, deadlineMs)
    : await readHistory(ask, query, query.userId, range);
}

async function rangeOf(
  ask: AskSql,
  { afterPosition = 0, createdFromMs, createdBeforeMs, cursor, oldestFirst }: EventQuery,
): Promise<Range> {
  const [head] = await ask<{ position: number }>(sql(SELECT_HEAD.text));
  let first = afterPosition + 1;
  let last = head?.position ?? 0;
  if (cursor !== undefined && oldestFirst) first = Math.max(first, cursor + 1);
  if (cursor !== undefined && !oldestFirst) last = Math.min(last, cursor - 1);
  if (createdFromMs !== undefined) {
    first = Math.max(first, await firstAt(ask, createdFromMs - DISORDER_MS, { first, last }));
  }
  if (createdBeforeMs !== undefined) {
    last = Math.min(last, (await firstAt(ask, createdBeforeMs + DISORDER_MS, { first, last })) - 1);
  }
  return { first, last };
}

/** The first position in the range whose event is of that time or later, or the one after the range. */
async function firstAt(ask: AskSql, timeMs: number, { first, last }: Range): Promise<number> {
  let [low, high] = [first, last + 1];
  while (low < high) {
    const step = Math.ceil((high - low) / (PROBES + 1));
    const probes: number[] = [];
    for (let probe = low + step - 1; probe < high; probe += step) probes.push(probe);
    const rows = await ask<{ createdAtMs: number | null }>(
      sql(
        `SELECT (SELECT created_at_ms FROM events WHERE position >= probe.position ORDER BY position LIMIT 1)
           AS "createdAtMs"
         FROM unnest(?::bigint[]) AS probe (position) ORDER BY probe.position`,
        probes,
      ),
    );
    const index = rows.findIndex(({ createdAtMs }) => createdAtMs === null || createdAtMs >= timeMs);
    const before = probes.at(index === -1 ? -1 : index - 1);
    if (index !== -1) high = probes[index] ?? high;
    if (index !== 0 && before !== undefined) low = before + 1;
  }
  return low;
}

async function scan(
  ask: AskSql,
  query: EventQuery,
  { first, last }: Range,
  deadlineMs: number,
): Promise<EventPage> {
  const { oldestFirst, limit } = query;
  const filters = conditionsOf(query);
  const found: RecordedEvent[] = [];
  let [low, high] = [first, last];
  for (;;) {
    const stretch = oldestFirst
      ? { low, high: Math.min(high, low + STRETCH - 1) }
      : { low: Math.max(low, high - STRETCH + 1), high };
    const rows = await ask<EventRow>(
      sql(
        `SELECT ${EVENT_COLUMNS} FROM events WHERE position BETWEEN ? AND ?${filters.text}
         ORDER BY position ${oldestFirst ? "ASC" : "DESC"} LIMIT ?`,
        stretch.low,
        stretch.high,
        ...filters.values,
        limit - found.length,
      ),
    );
    found.push(...rows.map(recordedEvent));
    if (found.length === limit) return { events: found, next: found.at(-1)?.position };
    if (oldestFirst) low = stretch.high + 1;
    else high = stretch.low - 1;
    if (low > high) return { events: found, next: undefined };
    if (performance.now() >= deadlineMs) return { events: found, next: oldestFirst ? low - 1 : high + 1 };
  }
}

async function readHistory(ask: AskSql, query: EventQuery, userId: string, range: Range): Promise<EventPage> {
  if (!isStorable(userId)) return { events: [], next: undefined };
  const { oldestFirst, limit } = query;
  const filters = conditionsOf(query);
  const direction = oldestFirst ? "ASC" : "DESC";
  const rows = await ask<EventRow>(
    sql(
      // Materialized, for else the planner may prefer to walk the log from its end.
      `WITH history AS MATERIALIZED (
         SELECT position, type, created_at_ms, organization_id FROM events
         WHERE aggregate_type IN ('user', 'service_account') AND aggregate_id = ?
       ), found AS (
         SELECT position FROM history WHERE position BETWEEN ? AND ?${filters.text}
         ORDER BY position ${direction} LIMIT ?
       )
       SELECT ${EVENT_COLUMNS} FROM events JOIN found USING (position) ORDER BY position ${direction}`,
      userId,
      range.first,
      range.last,
      ...filters.values,
      limit + 1,
    ),
  );
  const { shown, last } = cutPage(rows, limit);
  return { events: shown.map(recordedEvent), next: last?.position };
}

/** Each begins with AND. */
function conditionsOf({ types, organizationIds, createdFromMs, createdBeforeMs }: EventFilter): Sql {
  const all = [
    ...(types === undefined ? [] : [anyOf("type", types)]),
    ...(organizationIds === undefined ? [] : [anyOf("organization_id", organizationIds)]),
    ...(createdFromMs === undefined ? [] : [sql("created_at_ms >= ?", createdFromMs)]),
    ...(createdBeforeMs === undefined ? [] : [sql("created_at_ms < ?", createdBeforeMs)]),
  ];
  return sql(all.map(({ text }) => ` AND ${text}`).join(""), ...all.flatMap(({ values }) => values));
}
