// From SQLite to PostgreSQL: everything arrives, a stopped move goes on, and nothing is mixed up.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from "@jest/globals";
import Database from "better-sqlite3";
import { join } from "node:path";
import { moveDatabases } from "../../src/store/moving/move-databases.ts";
import type { MoveProgress } from "../../src/store/moving/move.ts";
import { PostgresStore } from "../../src/store/postgres/postgres-store.ts";
import { SqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { runCommand } from "../support/command.ts";
import { TestPostgres } from "../support/postgres-server.ts";
import { historyProblems, readLog } from "./history-checker.ts";
import { temporaryFolders } from "./temporary.ts";
import { times, World } from "./world.ts";

jest.setTimeout(120_000);

/** More than a page of events. */
const USERS = 900;
const NOW_MS = Date.UTC(2026, 10, 22, 12);

const folderOf = temporaryFolders();
let server: TestPostgres;
let path: string;
let database: string;
let world: World;

beforeAll(async () => {
  server = await TestPostgres.start();
});
afterAll(() => server.stop());

beforeEach(async () => {
  path = join(folderOf(), "countersign.db");
  const store = await SqliteStore.open({ path });
  world = new World(store);
  await world.addOrganization();
  await world.addServiceAccount("robot");
  await world.setToken("token-1", "robot", "a".repeat(64));
  await store.setMetadata("color", "blue", "always");
  await Promise.all(times(USERS, (index) => world.addUser(`user-${index}`, { username: `Ünï-${index}` })));
  await Promise.all(times(USERS, (index) => world.sendCode(`user-${index}`)));
  await Promise.all(times(50, (index) => world.verify(`user-${index}`, world.codeOf(`user-${index}`))));
  await world.run({ type: "user.delete", userId: "user-7" });
  await store.close();
  database = await server.createDatabase();
});

afterEach(() => server.dropDatabase(database));

function move(onProgress?: (progress: MoveProgress) => void, signal?: AbortSignal) {
  return moveDatabases({
    from: path,
    to: server.at(database),
    nowMs: NOW_MS,
    ...(onProgress !== undefined && { onProgress }),
    ...(signal !== undefined && { signal }),
  });
}

/** Stops it before the so-many-th page. */
function moveUntil(pages: number): ReturnType<typeof move> {
  const stop = new AbortController();
  let seen = 0;
  return move(() => {
    if (++seen === pages) stop.abort();
  }, stop.signal);
}

async function moved<Result>(look: (store: PostgresStore) => Promise<Result>): Promise<Result> {
  const store = await PostgresStore.open({ server: server.at(database) });
  try {
    return await look(store);
  } finally {
    await store.close();
  }
}

async function logOfSource() {
  const store = await SqliteStore.open({ path });
  const log = await readLog(store, 1_000);
  await store.close();
  return log;
}

test("everything is there, and goes on from where it was", async () => {
  const source = await logOfSource();
  const result = await move();
  expect(result).toMatchObject({ isFinished: true, rows: { events: source.length, users: USERS - 1 } });
  await moved(async (store) => {
    expect(await readLog(store, 1_000)).toEqual(source);
    expect(await historyProblems(store)).toEqual([]);
    expect(await store.getMetadata("color")).toBe("blue");
    expect((await store.findAccessToken("a".repeat(64)))?.serviceAccountId).toBe("robot");
    const found = await store.listUsers({
      filter: { kind: "all" },
      sort: "userId",
      ascending: true,
      offset: 0,
      limit: 2,
      timeoutMs: 10_000,
    });
    expect(found.total).toBe(USERS - 1);
    world.store = store;
    // The code that SQLite made, and further ones.
    await world.verify("user-100", world.codeOf("user-100"));
    await world.sendCode("user-100");
    await world.addUser("one-more");
    expect((await readLog(store, 1_000)).length).toBe(source.length + 3);
    const claimed = await store.claimDeliveries(2_000, NOW_MS, NOW_MS + 120_000);
    expect(claimed.length).toBeGreaterThan(USERS - 60);
    expect(new Set(claimed.map(({ deliveryId }) => deliveryId)).size).toBe(claimed.length);
  });
});

test.each([1, 2, 3, 5, 9, 14, 18])("stopped before page %d, it goes on there", async (pages) => {
  expect(await moveUntil(pages)).toEqual({ isFinished: false, rows: {} });
  if (pages > 1) await expect(moved(() => Promise.resolve())).rejects.toThrow("countersign migrate-store");
  const seen: MoveProgress[] = [];
  expect(await move((progress) => void seen.push(progress))).toMatchObject({ isFinished: true });
  const copied = seen.filter(({ phase }) => phase === "copying").map(({ rows }) => rows);
  expect(copied).toEqual(copied.toSorted((a, b) => a - b));
  await moved(async (store) => {
    expect(await readLog(store, 1_000)).toEqual(await logOfSource());
    expect(await historyProblems(store)).toEqual([]);
  });
});

describe("what is refused", () => {
  test("a target that a service has filled", async () => {
    await moved(async (store) => {
      await new World(store).addOrganization();
    });
    await expect(move()).rejects.toThrow("the target holds a Countersign already");
  });

  test("a target that holds the same already", async () => {
    await move();
    await expect(move()).rejects.toThrow("the target holds a Countersign already");
  });

  test("to go on with another source", async () => {
    await moveUntil(3);
    const store = await SqliteStore.open({ path });
    world.store = store;
    await world.addUser("late");
    await store.close();
    await expect(move()).rejects.toThrow("Empty the target and begin anew");
  });

  test("a source that a service has open", async () => {
    const store = await SqliteStore.open({ path });
    await expect(move()).rejects.toThrow("is held by another running Countersign");
    await store.close();
  });

  test("two moves into one target at a time", async () => {
    const inner: unknown[] = [];
    const result = await move((progress) => {
      if (inner.length === 0 && progress.rows > 0) {
        inner.push(
          moveDatabases({ from: `${path}.other`, to: server.at(database), nowMs: NOW_MS }).catch(String),
        );
      }
    });
    expect(result.isFinished).toBe(true);
    expect(await inner[0]).toContain("there is no database");
  });

  test("a row that is lost or changed on the way, found when all is compared", async () => {
    await moveUntil(8);
    await server.query("UPDATE events SET payload = '{}' WHERE position = 1700", database);
    await expect(move()).rejects.toThrow("events [1700] is different in the target");
  });

  test("text that PostgreSQL cannot hold, by its key", async () => {
    const sqlite = new Database(path);
    sqlite.prepare("UPDATE metadata SET value = ? WHERE key = 'color'").run("blue\0");
    sqlite.close();
    await expect(move()).rejects.toThrow('metadata ["color"]: PostgreSQL cannot hold the NUL character');
  });
});

test("the command tells what it moved, and what to do next", async () => {
  const env = { COUNTERSIGN_DATABASE_URL: server.url(database) };
  const done = await runCommand(["migrate-store", "--from", `sqlite:${path}`], { env });
  expect(done).toMatchObject({ code: 0, stderr: expect.stringContaining("COUNTERSIGN_SECRET_KEY") });
  expect(JSON.parse(done.stdout)).toMatchObject({ rows: { users: USERS - 1 } });
  const again = await runCommand(["migrate-store", "--from", `sqlite:${path}`], { env });
  expect(again).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("the target holds a Countersign already"),
  });
});

test.each([
  [["--from", "postgres://a@b/c", "--to", "postgres://a@b/c"], "a move goes --from sqlite:"],
  [["--from", "sqlite:x.db", "--to", "sqlite:y.db"], "a move goes --from sqlite:"],
  [["--from", "sqlite:x.db"], "--to or COUNTERSIGN_DATABASE_URL"],
  [["--from", "mysql://x", "--to", "postgres://a@b/c"], "--from is neither sqlite:<path> nor postgres:"],
])("%j is wrong usage", async (args, text) => {
  expect(await runCommand(["migrate-store", ...args])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining(text),
  });
});
