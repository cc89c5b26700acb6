// What the SQLite adapter promises beyond the port: group commit, back-pressure, and what is in the file when.
import { afterEach, expect, jest, test } from "@jest/globals";
import Database from "better-sqlite3";
import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { SqliteStore, type SqliteStoreOptions } from "../../src/store/sqlite/sqlite-store.ts";
import { readLog } from "./history-checker.ts";
import { temporaryFolders } from "./temporary.ts";
import { outcomes, refusal, same, times, World } from "./world.ts";

// Threads start slowly on a busy machine.
jest.setTimeout(60_000);

const folderOf = temporaryFolders();
const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** A world, and a connection of one's own to its database. */
async function open(options: Partial<SqliteStoreOptions> = {}) {
  const path = join(folderOf(), "countersign.db");
  const store = await SqliteStore.open({ path, ...options });
  const database = new Database(path, { readonly: true });
  closers.push(
    () => database.close(),
    () => store.close(),
  );
  const world = new World(store);
  await world.addOrganization();
  const all = (sql: string) => database.prepare<unknown[], Record<string, unknown>>(sql).all();
  return { path, world, store, database, all };
}

test("many concurrent writes share few commits", async () => {
  const { world, store } = await open();
  let commits = 0;
  store.committed(() => commits++);
  await Promise.all(times(500, (index) => world.addOrganization(`other-${index}`)));
  expect(commits).toBeGreaterThan(0);
  expect(commits).toBeLessThan(10);
});

test("a lone write does not wait for others", async () => {
  const { world, store } = await open();
  let commits = 0;
  store.committed(() => commits++);
  for (let index = 0; index < 5; index++) await world.addOrganization(`other-${index}`);
  expect(commits).toBe(5);
});

test("when a call is answered, another connection sees its event", async () => {
  const { world, database } = await open();
  const lastSequence = database
    .prepare<[string], number>("SELECT max(sequence) FROM events WHERE aggregate_id = ?")
    .pluck();
  await world.addUser("ada");
  await Promise.all(
    times(50, async () => {
      const { details } = await world.sendCode("ada");
      expect(lastSequence.get("ada")).toBeGreaterThanOrEqual(details.sequence);
    }),
  );
  await refusal(world.verify("ada", "WRONG2"));
  expect(lastSequence.get("ada")).toBe(52);
});

test("a full queue refuses, says when to come back, and executes nothing of what it refused", async () => {
  const { world, store } = await open({ maxWaitingWrites: 4 });
  const ids = times(20, (index) => `other-${index}`);
  const calls = ids.map((id) => world.addOrganization(id));
  // Of what comes in one turn of the event loop none is with the writer yet.
  expect(await store.figures()).toMatchObject({ waitingWrites: 4 });
  expect(await Promise.all(calls.slice(0, 4))).toEqual(same(4, null));
  for (const refused of calls.slice(4)) {
    expect(await refusal(refused)).toEqual({ name: "OVERLOADED", retryAfterMs: expect.any(Number) });
  }
  expect(store.isHealthy()).toBe(true);
  expect((await readLog(store)).map(({ aggregateId }) => aggregateId)).toEqual(["org-1", ...ids.slice(0, 4)]);
  for (const id of ids.slice(4)) await world.addOrganization(id);
  expect(await readLog(store)).toHaveLength(21);
});

test("a full queue refuses every kind of write", async () => {
  const { world, store } = await open({ maxWaitingWrites: 1 });
  const accepted = world.addOrganization("a");
  const { refusals } = await outcomes<unknown>([
    store.claimDeliveries(1, 0, 1),
    world.settle(),
    store.setMetadata("key", "value", "always"),
    store.addInboxMail({ deliveryId: "d", receivedAtMs: 0, sealed: "s" }),
    store.maintain({ kind: "pruneBuckets", nowMs: 0 }),
  ]);
  expect(refusals).toEqual(same(5, "OVERLOADED"));
  await accepted;
  expect(await store.getMetadata("key")).toBeUndefined();
  expect(await store.listInboxMails(1)).toEqual([]);
});

test("too many lists at once are refused, the others answered", async () => {
  const { world } = await open();
  const { answers, refusals } = await outcomes(times(80, () => world.list()));
  expect(answers).toHaveLength(64);
  expect(refusals).toEqual(same(16, "OVERLOADED"));
  expect((await world.list()).total).toBe(0);
});

test("the sealed code stays while a mail is pending and is erased when it ends", async () => {
  const { world, store, all } = await open();
  const ends = [
    { state: "sent" },
    { state: "failed", problem: "550" },
    { state: "cancelled", problem: "superseded" },
    { state: "expired", problem: "expired" },
    { state: "retrying", retryAtMs: world.nowMs + 1, problem: "451" },
  ] as const;
  const rows = () =>
    all(
      "SELECT state, sealed_code IS NULL AS erased, problem, attempt, ended_at_ms AS endedAtMs FROM outbox ORDER BY id",
    );
  for (const { state } of ends) {
    await world.addUser(state, {
      email: { address: `${state}@example.com`, verification: { kind: "send" } },
    });
  }
  expect(rows()).toEqual(same(5, { state: "queued", erased: 0, problem: null, attempt: 0, endedAtMs: null }));
  const claimed = await store.claimDeliveries(10, world.nowMs, world.nowMs + 1_000);
  expect(rows()).toEqual(
    same(5, { state: "sending", erased: 0, problem: null, attempt: 1, endedAtMs: null }),
  );
  world.nowMs += 7;
  await world.settle(
    ...ends.map((outcome) => {
      const delivery = claimed.find(({ userId }) => userId === outcome.state);
      return { deliveryId: delivery?.deliveryId ?? "", leaseId: delivery?.leaseId ?? "", outcome };
    }),
  );
  const ended = { erased: 1, attempt: 1, endedAtMs: world.nowMs };
  expect(rows()).toEqual([
    { ...ended, state: "sent", problem: null },
    { ...ended, state: "failed", problem: "550" },
    { ...ended, state: "cancelled", problem: "superseded" },
    { ...ended, state: "expired", problem: "expired" },
    { state: "retrying", erased: 0, problem: "451", attempt: 1, endedAtMs: null },
  ]);
});

test("no code is in the file in clear", async () => {
  const { world, path, database } = await open();
  await world.addUser("ada");
  await world.sendCode("ada");
  const dumped = ["events", "aggregates", "outbox"].map((table) =>
    JSON.stringify(database.prepare(`SELECT * FROM ${table}`).all()),
  );
  expect(dumped.join()).toContain("user.human.email.code.added");
  expect(dumped.join()).not.toContain(world.codeOf("ada"));
  expect(existsSync(path)).toBe(true);
});

test("`previous` chains the events of each aggregate, newest to oldest", async () => {
  const { world, all } = await open();
  await Promise.all(times(10, (index) => world.addUser(`user-${index}`)));
  await world.setToken("token-1", "robot", "hash");
  // Fails after its event was written.
  const broken = world.setToken("token-2", "robot", "hash");
  const { errors } = await outcomes<unknown>([
    broken,
    ...times(30, (index) => world.sendCode(`user-${index % 10}`)),
  ]);
  expect(errors).toHaveLength(1);
  expect(
    all(
      `SELECT position FROM events AS event WHERE previous <> coalesce((SELECT max(position) FROM events
         WHERE aggregate_type = event.aggregate_type AND aggregate_id = event.aggregate_id
           AND position < event.position), 0)`,
    ),
  ).toEqual([]);
  expect(
    all(
      `SELECT id FROM aggregates WHERE position <> (SELECT max(position) FROM events
         WHERE aggregate_type = aggregates.type AND aggregate_id = aggregates.id)`,
    ),
  ).toEqual([]);
  expect(all("SELECT count(*) AS events, max(position) AS last FROM events")).toEqual([
    { events: 42, last: 42 },
  ]);
});

test("pruning removes the counters that are over, and no others", async () => {
  const { world, store, all } = await open();
  for (const userId of ["ada", "bob"]) {
    await world.addUser(userId);
    await world.sendCode(userId);
    await refusal(world.verify(userId, "WRONG2"));
    world.nowMs += 1_000;
  }
  const buckets = () =>
    all("SELECT bucket, used, expires_at_ms AS expiresAtMs FROM buckets ORDER BY expires_at_ms");
  // Moves into the table what was logged.
  await store.maintain({ kind: "pruneBuckets", nowMs: 0 });
  const before = buckets();
  // Of each the client's and the code's, which end with the code; then the address's, which last a day.
  expect(before.map(({ used }) => used)).toEqual([1, 1, 1, 1, 1, 1]);
  const adasEndMs = before[0]?.["expiresAtMs"] as number;
  await store.maintain({ kind: "pruneBuckets", nowMs: adasEndMs - 1 });
  expect(buckets()).toEqual(before);
  await store.maintain({ kind: "pruneBuckets", nowMs: adasEndMs });
  expect(buckets()).toEqual(before.slice(2));
});

test("the dev inbox keeps its newest 500 mails", async () => {
  const { store } = await open();
  const mail = (index: number) => ({
    deliveryId: `delivery-${index}`,
    receivedAtMs: index,
    sealed: `${index}`,
  });
  await Promise.all(times(510, (index) => store.addInboxMail(mail(index))));
  const kept = await store.listInboxMails(1_000);
  expect(kept).toHaveLength(500);
  expect(kept[0]).toEqual(mail(509));
  expect(kept.at(-1)).toEqual(mail(10));
});

test("a closed database is one file: nothing is left in the log", async () => {
  const path = join(folderOf(), "countersign.db");
  const store = await SqliteStore.open({ path });
  const world = new World(store);
  await world.addOrganization();
  expect((await world.list()).total).toBe(0);
  await store.close();
  expect(readdirSync(dirname(path)).toSorted()).toEqual(["countersign.db", "countersign.db.lock"]);
});
