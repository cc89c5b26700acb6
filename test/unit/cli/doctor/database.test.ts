// What the doctor makes of a database, its key and its certificate.
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import Database from "better-sqlite3";
import { chmodSync, closeSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { checkDisk, lookAtDatabase } from "../../../../src/cli/doctor/database-checks.ts";
import { checkCertificate, checkKey } from "../../../../src/cli/doctor/file-checks.ts";
import type { Config } from "../../../../src/config.ts";
import { adoptKeyring } from "../../../../src/store/key-file.ts";
import { SqliteStore } from "../../../../src/store/sqlite/sqlite-store.ts";
import { temporaryFolders } from "../../../contract/temporary.ts";
import { times, World } from "../../../contract/world.ts";
import { makeCertificate } from "../../../support/certificate.ts";
import { load } from "../../../support/settings.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 1_440 * MINUTE_MS;
const folderOf = temporaryFolders();
let dataDir: string;
let config: Config;
let world: World;

/** A service that ran, with two mails that wait. */
beforeEach(async () => {
  dataDir = folderOf();
  config = load({ COUNTERSIGN_DATA_DIR: dataDir });
  world = new World(await SqliteStore.open({ path: config.databasePath }));
  writeFileSync(join(dataDir, "secret.key"), Buffer.alloc(32, 7).toString("base64"), { mode: 0o600 });
  await adoptKeyring(world.store, world.keyring);
  await world.addOrganization();
  for (const userId of ["ada", "bob"]) {
    await world.addUser(userId);
    await world.sendCode(userId);
  }
});
afterEach(() => world.store.close());

async function look(nowMs = world.nowMs): Promise<Record<string, string>> {
  const { checks } = await lookAtDatabase(config, nowMs, 5_000);
  return Object.fromEntries(checks.map(({ name, level, found }) => [name, `${level}: ${found}`]));
}

test("while the service has it open, and after: all is well, and nothing was changed", async () => {
  const clock = "it is 2026-11-22T12:00:00Z here, the last event was 0 s ago";
  const expected = {
    database: expect.stringMatching(
      /^ok: .*countersign\.db: [\d.]+ KiB, log [\d.]+ \w+, schema \d+, 5 events were recorded, sound$/,
    ),
    outbox: "ok: 2 queued (the oldest for 0 s)",
    clock: `ok: ${clock}`,
  };
  expect(await look()).toEqual(expected);
  await world.store.close();
  const before = readFileSync(config.databasePath);
  expect(await look()).toEqual(expected);
  expect(readFileSync(config.databasePath).equals(before)).toBe(true);
});

test.each([
  [50_000, "ok: 2 queued (the oldest for 50 s)"],
  [3 * MINUTE_MS, "warning: 2 queued (the oldest for 3 min); due since 3 min"],
  [3 * DAY_MS, "problem: 2 queued (the oldest for 3 d); due since 3 d"],
])("mails that are due for %d ms", async (lateMs, expected) => {
  expect(await look(world.nowMs + lateMs)).toMatchObject({ outbox: expected });
});

test("what is retried later is not late, and what is being sent is counted apart", async () => {
  const claimed = await world.store.claimDeliveries(2, world.nowMs, world.nowMs + MINUTE_MS);
  const [first] = claimed;
  await world.settle({
    deliveryId: first?.deliveryId ?? "",
    leaseId: first?.leaseId ?? "",
    outcome: { state: "retrying", retryAtMs: world.nowMs + DAY_MS, problem: "451" },
  });
  expect(await look(world.nowMs + 50_000)).toMatchObject({
    outbox: "ok: 1 retrying (the oldest for 50 s), 1 sending (the oldest for 50 s)",
  });
});

test("a clock that was set back", async () => {
  expect(await look(world.nowMs - 2 * DAY_MS)).toMatchObject({
    clock: "problem: it is 2026-11-20T12:00:00Z here, and the last event is 2 d later",
  });
  expect(await look(world.nowMs - 30_000)).toMatchObject({ clock: expect.stringMatching(/^ok/) });
  expect(await look(0)).toMatchObject({
    clock: expect.stringMatching(/^problem: .* before this program was written/),
  });
});

test("a database of another version", async () => {
  await world.store.close();
  const database = new Database(config.databasePath);
  const version = database.pragma("user_version", { simple: true }) as number;
  database.pragma(`user_version = ${version + 1}`);
  expect(await look()).toMatchObject({ database: expect.stringMatching(/^problem: .*schema \d+/) });
  database.pragma(`user_version = ${version - 1}`);
  expect(await look()).toMatchObject({ database: expect.stringMatching(/^warning: .*schema \d+/) });
  database.close();
});

test("a damaged one, one that is none, and none at all", async () => {
  await Promise.all(times(300, (index) => world.addUser(`user-${index}`)));
  await world.store.close();
  const file = openSync(config.databasePath, "r+");
  writeSync(file, Buffer.alloc(20 * 4_096, "damage"), 0, 20 * 4_096, 30 * 4_096);
  closeSync(file);
  expect(await look()).toEqual({
    database: expect.stringMatching(/^problem: .*countersign\.db is damaged: \S/),
  });
  writeFileSync(config.databasePath, "no database".repeat(1_000));
  expect(await look()).toEqual({
    database: expect.stringMatching(/^problem: .*countersign\.db is damaged: \S/),
  });
  rmSync(config.databasePath);
  expect(await look()).toEqual({ database: `warning: there is no ${config.databasePath}` });
});

test("the disk has room, or too little for a backup", async () => {
  expect(await checkDisk(config, 0)).toMatchObject({
    name: "disk",
    found: expect.stringContaining(" free in "),
  });
  expect(await checkDisk(config, Number.MAX_SAFE_INTEGER)).toMatchObject({
    level: expect.not.stringMatching(/^ok$/),
  });
});

async function key(change: Record<string, string> = {}): Promise<string> {
  const changed = load({ COUNTERSIGN_DATA_DIR: dataDir, ...change });
  const { inspection } = await lookAtDatabase(changed, world.nowMs, 5_000);
  const { level, found } = await checkKey(changed, inspection);
  return `${level}: ${found}`;
}

test("the key is the database's, or not, or for all to read", async () => {
  const path = join(dataDir, "secret.key");
  expect(await key()).toBe(`ok: 1 key in ${path}, the database's among them`);
  chmodSync(path, 0o644);
  expect(await key()).toBe(`warning: others may read ${path}`);
  const other = Buffer.alloc(32, 8).toString("base64");
  expect(await key({ COUNTERSIGN_SECRET_KEY: other })).toBe(
    "problem: COUNTERSIGN_SECRET_KEY does not hold the key that the database was written with",
  );
  const both = `${other},${Buffer.alloc(32, 7).toString("base64")}`;
  expect(await key({ COUNTERSIGN_SECRET_KEY: both })).toBe(
    "ok: 2 keys in COUNTERSIGN_SECRET_KEY, the database's among them",
  );
  writeFileSync(path, "no key");
  expect(await key()).toMatch(/^problem: .*secret\.key, line 1: not a key/);
  rmSync(path);
  expect(await key()).toBe(`problem: ${path} is missing`);
  await world.store.close();
  for (const suffix of ["", "-wal", "-shm"]) rmSync(config.databasePath + suffix, { force: true });
  expect(await key()).toMatch(/^ok: there is no .* yet/);
});

test.each([
  [40 * DAY_MS, undefined, "ok"],
  [3 * DAY_MS, undefined, "warning"],
  [-DAY_MS, undefined, "problem"],
  [40 * DAY_MS, "https://localhost", "ok"],
  [40 * DAY_MS, "https://verify.acme.org", "warning"],
])("a certificate that ends in %d ms, at %s: %s", async (leftMs, publicUrl, level) => {
  const nowMs = Date.now();
  const pair = makeCertificate({
    validFrom: new Date(nowMs - 9 * DAY_MS),
    validTo: new Date(nowMs + leftMs),
  });
  const files = {
    COUNTERSIGN_TLS_CERT: join(dataDir, "cert.pem"),
    COUNTERSIGN_TLS_KEY: join(dataDir, "key.pem"),
  };
  writeFileSync(files.COUNTERSIGN_TLS_CERT, pair.certificate);
  writeFileSync(files.COUNTERSIGN_TLS_KEY, pair.key);
  const withTls = load({ ...files, COUNTERSIGN_PUBLIC_URL: publicUrl });
  expect(await checkCertificate(withTls, nowMs)).toMatchObject({ name: "tls", level });
  expect(await checkCertificate(withTls, nowMs - 20 * DAY_MS)).toMatchObject({ level: "problem" });
});
