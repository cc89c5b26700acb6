// One process at a time: the lock beside the database file.
import { expect, jest, test } from "@jest/globals";
import Database from "better-sqlite3";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { LockedError } from "../../src/store/sqlite/lock.ts";
import { SqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { storeProcesses } from "./sqlite/store-process.ts";
import { temporaryFolders } from "./temporary.ts";
import { World } from "./world.ts";

// Processes start slowly on a busy machine.
jest.setTimeout(60_000);

const folderOf = temporaryFolders();
const start = storeProcesses();
const newPath = () => join(folderOf(), "countersign.db");

test("a second store of the same process is refused until the first is closed", async () => {
  const path = newPath();
  const first = await SqliteStore.open({ path });
  try {
    await expect(SqliteStore.open({ path })).rejects.toThrow(LockedError);
    await expect(SqliteStore.open({ path })).rejects.toThrow(
      `${path}.lock is held by another running Countersign`,
    );
    // The first does not notice.
    await new World(first).addOrganization();
  } finally {
    await first.close();
  }
  const second = await SqliteStore.open({ path });
  expect(await second.findOrganization("org-1")).toMatchObject({ sequence: 1 });
  await second.close();
});

test("another process is refused, also after a second try in this process failed", async () => {
  const path = newPath();
  const first = await SqliteStore.open({ path });
  try {
    await expect(start({ path })).rejects.toThrow("LockedError");
    // Closing a second descriptor of a file drops a process's POSIX locks on it, unless care is taken.
    await expect(SqliteStore.open({ path })).rejects.toThrow(LockedError);
    await expect(start({ path })).rejects.toThrow("LockedError");
  } finally {
    await first.close();
  }
  const other = await start({ path });
  await expect(SqliteStore.open({ path })).rejects.toThrow(LockedError);
  await other.close();
});

test("the lock of a process that was killed is free at once", async () => {
  const path = newPath();
  const other = await start({ path });
  expect(await other.addOrganizations(["org-1"])).toEqual([{ outcome: "done" }]);
  await expect(SqliteStore.open({ path })).rejects.toThrow(LockedError);
  await other.kill();
  const store = await SqliteStore.open({ path });
  expect(await store.findOrganization("org-1")).toMatchObject({ sequence: 1 });
  await store.close();
});

test("different databases do not lock each other out", async () => {
  const folder = folderOf();
  const stores = await Promise.all(
    ["a.db", "b.db"].map((name) => SqliteStore.open({ path: join(folder, name) })),
  );
  await Promise.all(stores.map((store) => store.close()));
  expect(stores).toHaveLength(2);
});

test.each([
  ["newer than this program", makeNewer, "schema version 9999"],
  ["no database at all", (path: string) => writeFileSync(path, "text ".repeat(1_000)), "not a database"],
])("a file that is %s is refused, changed in nothing, and left unlocked", async (_, make, message) => {
  const path = newPath();
  make(path);
  const before = readFileSync(path);
  for (const _try of [1, 2]) await expect(SqliteStore.open({ path })).rejects.toThrow(message);
  expect(readFileSync(path)).toEqual(before);
});

function makeNewer(path: string): void {
  const database = new Database(path);
  database.pragma("journal_mode = WAL");
  database.exec("CREATE TABLE unheard_of (value)");
  database.pragma("user_version = 9999");
  database.close();
}
