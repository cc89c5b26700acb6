// Lists of events in a log that is too long to be read at one go: where stretches of time begin and end, and short pages.
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { PostgresStore } from "../../src/store/postgres/postgres-store.ts";
import type { EventQuery } from "../../src/store/event-query.ts";
import type { RecordedEvent } from "../../src/store/store.ts";
import { TestPostgres } from "../support/postgres-server.ts";
import { Random } from "../support/random.ts";
import { readLog } from "./history-checker.ts";

jest.setTimeout(60_000);

const EVENTS = 40_000;
const BEGIN_MS = Date.UTC(2026, 0, 1);
const STEP_MS = 1_000;
/** Less than the minute by which times may be out of order. */
const DISORDER_MS = 50_000;

let server: TestPostgres;
let store: PostgresStore;
let log: readonly RecordedEvent[];

beforeAll(async () => {
  server = await TestPostgres.start();
  const database = await server.createDatabase();
  store = await PostgresStore.open({ server: server.at(database) });
  await server.query(
    `INSERT INTO events (position, aggregate_type, aggregate_id, sequence, type, payload, created_at_ms, organization_id,
       editor)
     SELECT n, 'user', 'user-' || n % 50, n / 50, 'type-' || n % 7, '{}',
       ${BEGIN_MS} + n * ${STEP_MS} + (n * 7919) % ${DISORDER_MS}, 'org-' || n % 3, 'system'
     FROM generate_series(1, ${EVENTS}) AS n;
     UPDATE log_head SET position = ${EVENTS};`,
    database,
  );
  log = await readLog(store, 5_000);
});
afterAll(async () => {
  await store.close();
  await server.stop();
});

async function allPages(query: Partial<EventQuery>): Promise<{ events: RecordedEvent[]; pages: number }> {
  const events: RecordedEvent[] = [];
  let pages = 0;
  let cursor: number | undefined;
  do {
    const page = await store.listEvents({
      oldestFirst: true,
      limit: 1_000,
      timeoutMs: 10_000,
      ...query,
      ...(cursor !== undefined && { cursor }),
    });
    events.push(...page.events);
    pages += 1;
    cursor = page.next;
  } while (cursor !== undefined);
  return { events, pages };
}

test("stretches of time begin and end where they should, wherever in the log", async () => {
  expect(log).toHaveLength(EVENTS);
  const random = new Random(1);
  const span = EVENTS * STEP_MS;
  const times = [
    -1,
    0,
    1,
    span - 1,
    span,
    span + DISORDER_MS,
    ...Array.from({ length: 14 }, () => random.below(span)),
  ];
  for (const offsetMs of times) {
    const createdFromMs = BEGIN_MS + offsetMs;
    const createdBeforeMs = createdFromMs + 300_000;
    const expected = log.filter(
      ({ createdAtMs }) => createdAtMs >= createdFromMs && createdAtMs < createdBeforeMs,
    );
    for (const oldestFirst of [true, false]) {
      const { events } = await allPages({ createdFromMs, createdBeforeMs, oldestFirst });
      expect(events).toEqual(oldestFirst ? expected : expected.toReversed());
    }
  }
});

test.each([
  ["newest first", false],
  ["oldest first", true],
])("pages without time to spare go through all of it, %s", async (_order, oldestFirst) => {
  const expected = log.filter(({ position, type }) => position % 3 === 1 && type === "type-5");
  const query = { types: ["type-5"], organizationIds: ["org-1"], oldestFirst, timeoutMs: 0 };
  const { events, pages } = await allPages(query);
  expect(events).toEqual(oldestFirst ? expected : expected.toReversed());
  expect(pages).toBeGreaterThan(10);
});

test("a user's events are read off their index, whatever the log's length", async () => {
  const expected = log.filter(({ aggregateId }) => aggregateId === "user-7");
  for (const limit of [1_000, 300]) {
    expect((await allPages({ userId: "user-7", limit })).events).toEqual(expected);
    const { events } = await allPages({ userId: "user-7", limit, oldestFirst: false });
    expect(events).toEqual(expected.toReversed());
  }
});
