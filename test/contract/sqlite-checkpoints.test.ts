// How the write-ahead log is kept short: beside the commits, and within one only where the writer never pauses.
import { afterEach, expect, jest, test } from "@jest/globals";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { SqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { temporaryFolders } from "./temporary.ts";
import { World } from "./world.ts";

jest.setTimeout(60_000);

const MEBIBYTE = 2 ** 20;
const folderOf = temporaryFolders();
const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function open() {
  const path = join(folderOf(), "countersign.db");
  const store = await SqliteStore.open({ path });
  closers.push(() => store.close());
  const world = new World(store);
  await world.addOrganization();
  const sizeOf = (file: string) => statSync(file).size;
  let users = 0;
  return {
    path,
    store,
    databaseBytes: () => sizeOf(path),
    logBytes: () => sizeOf(`${path}-wal`),
    /** One after the other, so that each is a commit with its own pages in the log. */
    write: async (count: number): Promise<void> => {
      for (let left = count; left > 0; left--) await world.addUser(`user-${users++}`);
    },
  };
}

test("a long log is copied into the database while nobody writes", async () => {
  const { write, databaseBytes, logBytes } = await open();
  const emptyBytes = databaseBytes();
  while (logBytes() < 16 * MEBIBYTE) await write(50);
  await write(1);
  while (databaseBytes() <= emptyBytes) await pause(10);
});

test("the log of a writer that never pauses begins anew", async () => {
  const { write, logBytes } = await open();
  let largestBytes = 0;
  for (let round = 0; round < 60; round++) {
    await write(150);
    largestBytes = Math.max(largestBytes, logBytes());
  }
  expect(largestBytes).toBeLessThan(80 * MEBIBYTE);
});

test("closing leaves no log behind", async () => {
  const { path, store, write, logBytes } = await open();
  while (logBytes() < 16 * MEBIBYTE) await write(50);
  await store.close();
  expect(existsSync(`${path}-wal`)).toBe(false);
});
