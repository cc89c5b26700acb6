// Backups of a database that is being written: what the copy holds, and what is left when there is none.
import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { existsSync, openSync, closeSync, readdirSync, statSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { backUp, type BackupProgress } from "../../src/store/sqlite/backup.ts";
import { SqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { historyProblems, readLog } from "./history-checker.ts";
import { temporaryFolders } from "./temporary.ts";
import { times, World } from "./world.ts";

jest.setTimeout(60_000);

const folderOf = temporaryFolders();
let folder: string;
let path: string;
let target: string;
let world: World;

beforeEach(async () => {
  folder = folderOf();
  path = join(folder, "countersign.db");
  target = join(folder, "copy.db");
  world = new World(await SqliteStore.open({ path }));
  await world.addOrganization();
});
afterEach(() => world.store.close());

/** Several times what is copied in one step. */
async function fill(): Promise<void> {
  for (let round = 0; round < 4; round++) {
    await Promise.all(
      times(2_000, (index) =>
        world.addUser(`user-${round}-${index}`, {
          email: { address: `${round}-${index}@example.com`, verification: { kind: "send" } },
        }),
      ),
    );
  }
}

const copies = () => readdirSync(folder).filter((name) => name.startsWith("copy"));

test("the copy is the database of one moment, however much is written while it is made", async () => {
  await fill();
  const seen: BackupProgress[] = [];
  const end = new AbortController();
  const writing = (async () => {
    for (let count = 0; !end.signal.aborted; count++) {
      await Promise.all(
        times(16, (index) => world.sendCode(`user-0-${count * 16 + index}`, { kind: "return" })),
      );
    }
  })();
  const before = await world.store.lastPosition();
  const backup = await backUp({ path, target, onProgress: (progress) => seen.push(progress) });
  end.abort();
  await writing;

  const steps = seen.filter(({ step }) => step === "copying").map(({ bytes }) => bytes);
  expect(steps.length).toBeGreaterThan(2);
  expect(steps).toEqual(steps.toSorted((a, b) => a - b));
  expect(seen.at(-1)).toEqual({ step: "checking", bytes: backup.bytes });
  expect(backup.lastPosition).toBeGreaterThanOrEqual(before);
  const log = await readLog(world.store, 1_000);
  expect(log.length).toBeGreaterThan(backup.lastPosition);

  expect(copies()).toEqual(["copy.db"]);
  expect(statSync(target).size).toBe(backup.bytes);
  const restored = await SqliteStore.open({ path: target });
  try {
    expect(await readLog(restored, 1_000)).toEqual(log.slice(0, backup.lastPosition));
    expect(await historyProblems(restored)).toEqual([]);
  } finally {
    await restored.close();
  }
});

test("it is its owner's alone, whatever the umask", async () => {
  const umask = process.umask(0);
  try {
    await backUp({ path, target });
  } finally {
    process.umask(umask);
  }
  expect(statSync(target).mode & 0o777).toBe(0o600);
});

test("a file that is there stays as it is", async () => {
  writeFileSync(target, "mine");
  await expect(backUp({ path, target })).rejects.toThrow("copy.db is there already");
  expect(statSync(target).size).toBe(4);
  expect(copies()).toEqual(["copy.db"]);
});

test("a file that comes to the name meanwhile does, too", async () => {
  const onProgress = () => writeFileSync(target, "mine");
  await expect(backUp({ path, target, onProgress })).rejects.toThrow("copy.db is there already");
  expect(statSync(target).size).toBe(4);
  expect(copies()).toEqual(["copy.db"]);
});

test("what a killed backup left is named, and not taken for a backup", async () => {
  writeFileSync(`${target}.unfinished`, "half");
  await expect(backUp({ path, target })).rejects.toThrow(/copy\.db\.unfinished is there: .*remove the file/);
  expect(existsSync(target)).toBe(false);
});

test("one that is given up leaves nothing", async () => {
  await fill();
  const end = new AbortController();
  const given = backUp({ path, target, signal: end.signal, onProgress: () => end.abort() });
  await expect(given).rejects.toMatchObject({ name: "AbortError" });
  expect(copies()).toEqual([]);
});

test("of a damaged database there is no backup", async () => {
  await fill();
  await world.store.close();
  const file = openSync(path, "r+");
  for (let page = 500; page < 520; page++)
    writeSync(file, Buffer.alloc(4_096, "damage"), 0, 4_096, page * 4_096);
  closeSync(file);
  await expect(backUp({ path, target })).rejects.toThrow("the copy is damaged");
  expect(copies()).toEqual([]);
});

test("where there is no database it says so", async () => {
  await expect(backUp({ path: join(folder, "none.db"), target })).rejects.toThrow(
    /there is no database .*none\.db/,
  );
  expect(copies()).toEqual([]);
});
