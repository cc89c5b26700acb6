// `countersign doctor` and `countersign backup` where the database is PostgreSQL's.
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { randomBytes } from "node:crypto";
import { temporaryFolders } from "../contract/temporary.ts";
import { runCommand } from "../support/command.ts";
import { World } from "../contract/world.ts";
import { openStoreAt } from "../support/test-store.ts";
import { TestPostgres } from "../support/postgres-server.ts";
import { ServerProcess } from "../support/spawned-server.ts";

jest.setTimeout(60_000);

const folderOf = temporaryFolders();
const SECRETS = {
  COUNTERSIGN_SECRET_KEY: randomBytes(32).toString("base64"),
  COUNTERSIGN_ADMIN_TOKEN: randomBytes(32).toString("hex"),
};
let server: TestPostgres;

beforeAll(async () => {
  server = await TestPostgres.start();
});
afterAll(() => server.stop());

interface Report {
  readonly checks: readonly { readonly name: string; readonly level: string; readonly found: string }[];
}

async function doctor(env: Record<string, string>) {
  const { code, stdout } = await runCommand(["doctor", "--json"], {
    env: { COUNTERSIGN_DATA_DIR: folderOf(), ...SECRETS, ...env },
  });
  const { checks } = JSON.parse(stdout) as Report;
  return { code, byName: new Map(checks.map((check) => [check.name, check])) };
}

test("a database that serves is ok, another key is a problem, and an empty database a warning", async () => {
  const url = server.url(await server.createDatabase());
  const empty = await doctor({ COUNTERSIGN_DATABASE_URL: url });
  expect(empty.byName.get("database")).toMatchObject({
    level: "warning",
    found: expect.stringContaining("schema 0"),
  });
  const service = new ServerProcess({
    dataDir: folderOf(),
    env: { COUNTERSIGN_DATABASE_URL: url, ...SECRETS },
  });
  await service.ready();
  const well = await doctor({ COUNTERSIGN_DATABASE_URL: url });
  await service.end("SIGTERM");
  expect(well.byName.get("database")).toMatchObject({
    level: "ok",
    found: expect.stringContaining("events were recorded"),
  });
  expect(well.byName.get("outbox")).toMatchObject({ level: "ok" });
  expect(well.byName.get("clock")).toMatchObject({ level: "ok" });
  const other = await doctor({
    COUNTERSIGN_DATABASE_URL: url,
    COUNTERSIGN_SECRET_KEY: randomBytes(32).toString("base64"),
  });
  expect(other.code).toBe(1);
  expect([...other.byName.values()].filter(({ level }) => level === "problem")).toHaveLength(1);
});

test("what no service would start on is a problem", async () => {
  const name = await server.createDatabase();
  const store = await openStoreAt(server.url(name));
  await store.close();
  const look = async () =>
    (await doctor({ COUNTERSIGN_DATABASE_URL: server.url(name) })).byName.get("database");
  await server.query("INSERT INTO metadata VALUES ('unfinished_move', '{}')", name);
  expect(await look()).toMatchObject({
    level: "problem",
    found: expect.stringContaining("a move into it is not at its end"),
  });
  await server.query("INSERT INTO schema_migrations (version, served_from) VALUES (98, 1)", name);
  await server.query("DELETE FROM metadata", name);
  expect(await look()).toMatchObject({ level: "ok", found: expect.stringContaining("schema 98") });
  await server.query("INSERT INTO schema_migrations (version, served_from) VALUES (99, 99)", name);
  expect(await look()).toMatchObject({ level: "problem", found: expect.stringContaining("schema 99") });
});

test("the figures are those of the tables", async () => {
  const name = await server.createDatabase();
  const store = await openStoreAt(server.url(name));
  const world = new World(store);
  world.nowMs = Date.now() - 5 * 60_000;
  await world.addOrganization();
  for (const userId of ["ada", "eve", "bob"]) {
    await world.addUser(userId);
    await world.sendCode(userId);
  }
  await store.claimDeliveries(1, world.nowMs, Date.now() + 60_000);
  await store.close();
  // A store that closes gives back what it has claimed.
  await server.query("UPDATE outbox SET due_at_ms = 9e15 WHERE state = 'sending'", name);
  const { code, byName } = await doctor({ COUNTERSIGN_DATABASE_URL: server.url(name) });
  expect(code).toBe(0);
  expect(byName.get("database")?.found).toMatch(
    /, version \d+\.\d+.*: [\d.]+ MiB, schema 1, 7 events were recorded$/,
  );
  expect(byName.get("outbox")).toMatchObject({
    level: "warning",
    found: "2 queued (the oldest for 5 min), 1 sending (the oldest for 5 min); due since 5 min",
  });
  expect(byName.get("clock")?.found).toMatch(/the last event was 5 min ago$/);
});

test("a server that is not there is a problem, and its password is not told", async () => {
  const { code, byName } = await doctor({
    COUNTERSIGN_DATABASE_URL: "postgres://ada:sesame@127.0.0.1:1/countersign",
  });
  expect(code).toBe(1);
  expect(byName.get("database")).toMatchObject({
    level: "problem",
    found: expect.stringContaining("cannot be reached"),
  });
  expect(JSON.stringify([...byName])).not.toContain("sesame");
});

test("a backup is PostgreSQL's own affair", async () => {
  const { code, stderr } = await runCommand(["backup", `${folderOf()}/copy.db`], {
    env: { COUNTERSIGN_DATABASE_URL: "postgres://ada@127.0.0.1:1/countersign", ...SECRETS },
  });
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining("pg_dump") });
});
