// A service that works without an end, with everything kept for a short time: no table grows from one day to the next.
import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import Database from "better-sqlite3";
import pino from "pino";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { Housekeeping } from "../../src/store/housekeeping.ts";
import { SqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { historyProblems } from "./history-checker.ts";
import { temporaryFolders } from "./temporary.ts";
import { times, World } from "./world.ts";

jest.setTimeout(120_000);

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** The same users every day; and each day as many new ones, who are deleted the day after. */
const USERS = 150;
const DAYS = 8;
/** After which nothing is there any more of the first one. */
const FIRST_FULL_DAY = 4;

const folderOf = temporaryFolders();
let path: string;
let world: World;
let housekeeping: Housekeeping;
let complaints: string[];

beforeEach(async () => {
  path = join(folderOf(), "countersign.db");
  const sends = {
    mode: "enforce",
    cooldownMs: 1,
    perAddress: 9,
    perUser: 9,
    perPrincipal: 0,
    perClient: 0,
  } as const;
  world = new World(await SqliteStore.open({ path }), { sends });
  await world.addOrganization();
  complaints = [];
  housekeeping = new Housekeeping({
    store: world.store,
    retention: { deliveriesMs: DAY_MS, eventsMs: DAY_MS, eraseAfterMs: DAY_MS },
    nowMs: () => world.nowMs,
    logger: pino({ level: "warn" }, { write: (line: string) => void complaints.push(line) }),
  });
});
afterEach(() => world.store.close());

/** Of every table. */
function rows(): Record<string, number> {
  const database = new Database(path, { readonly: true });
  try {
    const tables = database
      .prepare(
        "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%' ORDER BY name",
      )
      .pluck()
      .all() as string[];
    return Object.fromEntries(
      tables.map((table) => [
        table,
        database.prepare(`SELECT count(*) FROM ${table}`).pluck().get() as number,
      ]),
    );
  } finally {
    database.close();
  }
}

async function sendWaitingMails(): Promise<void> {
  for (;;) {
    const claimed = await world.store.claimDeliveries(100, world.nowMs, world.nowMs + 60_000);
    if (claimed.length === 0) return;
    for (const { deliveryId } of claimed) {
      await world.store.addInboxMail({ deliveryId, receivedAtMs: world.nowMs, sealed: "sealed" });
    }
    await world.settle(
      ...claimed.map(({ deliveryId, leaseId, codeId }, index) => ({
        deliveryId,
        leaseId,
        tried: { startedAtMs: world.nowMs, messageId: `<${deliveryId}@localhost>`, tries: [] },
        outcome:
          index % 5 === 0
            ? ({ state: "failed", problem: `550 no ${codeId}` } as const)
            : ({ state: "sent" } as const),
      })),
    );
  }
}

/** Codes for everybody, sent, tried in vain, and some of them right; calls that are kept for repetitions. */
async function live(day: number): Promise<void> {
  const guests = times(USERS, (index) => `guest-${day}-${index}`);
  await Promise.all(
    guests.map((userId) =>
      world.addUser(userId, {
        email: { address: `${userId}@example.com`, verification: { kind: "send" } },
      }),
    ),
  );
  for (let round = 0; round < 3; round++) {
    world.nowMs += HOUR_MS;
    await Promise.all(
      times(USERS, async (index) => {
        const userId = `user-${index}`;
        const idempotency = { scope: randomBytes(32).toString("base64url"), fingerprint: "fingerprint" };
        await world.withNewCode({
          type: "email.sendCode",
          userId,
          verification: { kind: "send" },
          idempotency,
        });
        await world.verify(userId, "WRONG2").catch(() => {});
        if (round === 2) await world.verify(userId, world.codeOf(userId));
      }),
    );
    await sendWaitingMails();
  }
  if (day > 0) {
    await Promise.all(
      times(USERS, (index) => world.run({ type: "user.delete", userId: `guest-${day - 1}-${index}` })),
    );
  }
}

/**
 * A deleted user's id is never given out again, so a snapshot of nothing stays, the claim of its id, and its last event. The
 * index of kept replies lags behind them by some thousand, and has none of its own. Which calls share a batch is chance.
 */
function withoutTombstones({
  reply_index: indexed = 0,
  reply_batches: batches = 0,
  bucket_log: raises = 0,
  ...lengths
}: Record<string, number>) {
  const { aggregates = 0, claims = 0, events = 0, kept_replies: replies = 0 } = lengths;
  const isIndexShort = indexed <= replies;
  return {
    ...lengths,
    aggregates: 0,
    claims: claims - aggregates,
    events: events - aggregates,
    isIndexShort,
    areBatchesFew: batches <= replies && raises < MOST_RAISES,
  };
}

/** As many counters as stand in their log at most. */
const MOST_RAISES = 8_192;

test("the tables are as long after many days as after a few", async () => {
  await Promise.all(times(USERS, (index) => world.addUser(`user-${index}`)));
  const lengths: Record<string, number>[] = [];
  for (let day = 0; day < DAYS; day++) {
    await live(day);
    world.nowMs += DAY_MS - 3 * HOUR_MS;
    await housekeeping.runOnce();
    lengths.push(rows());
  }
  expect(complaints).toEqual([]);

  const [first, ...later] = lengths.slice(FIRST_FULL_DAY).map(withoutTombstones);
  for (const day of later) expect(day).toEqual(first);

  // And there was something to keep short.
  const { events = 0, ...others } = lengths.at(-1) ?? {};
  expect(await world.store.lastPosition()).toBeGreaterThan(5 * events);
  for (const table of ["outbox", "delivery_log", "inbox", "kept_replies", "buckets", "erasures", "users"]) {
    expect([table, others[table]]).toEqual([table, expect.any(Number)]);
    expect(others[table]).toBeGreaterThan(0);
  }
  expect(await historyProblems(world.store)).toEqual([]);
});
