// Full disks, failed syncs and dead threads, in processes of their own.
import { describe, expect, jest, test } from "@jest/globals";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { historyProblems, readLog } from "./history-checker.ts";
import { PRAGMAS_FILE, type Fault } from "./sqlite/faults.ts";
import { storeProcesses, type Answer } from "./sqlite/store-process.ts";
import { temporaryFolders } from "./temporary.ts";
import { same, times } from "./world.ts";

// Processes start slowly on a busy machine.
jest.setTimeout(60_000);

const folderOf = temporaryFolders();
const start = storeProcesses();

/** A store in a process, with switches for its faults. */
async function openWithFaults() {
  const folder = folderOf();
  const path = join(folder, "countersign.db");
  return {
    path,
    store: await start({ path, faults: folder }),
    begin: (fault: Fault) => writeFileSync(join(folder, fault), ""),
    end: (fault: Fault) => rmSync(join(folder, fault)),
    faults: folder,
  };
}

/** Ids of organizations in the log; what else is wrong with the database is reported as a failed expectation. */
async function organizationsIn(path: string): Promise<string[]> {
  const store = await SqliteStore.open({ path });
  try {
    expect(await historyProblems(store)).toEqual([]);
    const log = await readLog(store);
    // What is rolled back takes its positions with it.
    expect(log.map(({ position }) => position)).toEqual(times(log.length, (index) => index + 1));
    return [...new Set(log.map(({ aggregateId }) => aggregateId))];
  } finally {
    await store.close();
  }
}

const done: Answer = { outcome: "done" };
const unavailable: Answer = {
  outcome: "STORE_UNAVAILABLE",
  retryAfterMs: expect.any(Number) as unknown as number,
};

/** Of 200 characters each. */
function longHosts(count: number): string[] {
  const label = "long-name-".repeat(6) + "abc";
  return times(count, (index) => `${label}.${label}.${label}.h${100 + index}.ex`);
}

function named(prefix: string, count: number): string[] {
  return times(count, (index) => `${prefix}-${index}`);
}

test("the writer's connection syncs every commit", async () => {
  const { faults } = await openWithFaults();
  expect(JSON.parse(readFileSync(join(faults, PRAGMAS_FILE), "utf8"))).toEqual({
    journal_mode: "wal",
    synchronous: 2,
  });
});

describe("a full disk", () => {
  test("found at COMMIT: refused and unhealthy while it lasts, back by itself, nothing lost", async () => {
    const { path, store, begin, end } = await openWithFaults();
    expect(await store.addOrganizations(named("before", 20))).toEqual(same(20, done));
    begin("commit-finds-disk-full");
    for (const round of [1, 2, 3]) {
      expect(await store.addOrganizations(named(`during-${round}`, 20))).toEqual(same(20, unavailable));
      expect(await store.isHealthy()).toBe(false);
    }
    expect(await store.list()).toEqual(done);
    end("commit-finds-disk-full");
    await store.becomesHealthy();
    expect(await store.addOrganizations(named("after", 20))).toEqual(same(20, done));
    // What was refused was not recorded: it can be done now.
    expect(await store.addOrganizations(named("during-1", 20))).toEqual(same(20, done));
    await store.kill();
    const wanted = [...named("before", 20), ...named("after", 20), ...named("during-1", 20)];
    expect(await organizationsIn(path)).toEqual(wanted);
  });

  test("found in the middle of a batch: all of it refused, back by itself, nothing lost", async () => {
    const { path, store, begin, end } = await openWithFaults();
    expect(await store.addOrganizations(named("before", 20))).toEqual(same(20, done));
    begin("no-more-pages");
    const long = longHosts(50);
    expect(await store.addOrganizations(named("during", 50), long)).toEqual(same(50, unavailable));
    expect(await store.isHealthy()).toBe(false);
    end("no-more-pages");
    await store.becomesHealthy();
    expect(await store.addOrganizations(named("after", 50), long)).toEqual(same(50, done));
    await store.kill();
    expect(await organizationsIn(path)).toEqual([...named("before", 20), ...named("after", 50)]);
  });

  test("for real, by a limit on file sizes: refused, and what was acknowledged is there", async () => {
    const path = join(folderOf(), "countersign.db");
    const store = await start({ path, maxFileKibibytes: 1_024 });
    const long = longHosts(10);
    const acknowledged: string[] = [];
    let refused: Answer | undefined;
    for (let round = 0; refused === undefined; round++) {
      const ids = named(`round-${round}`, 25);
      const answers = await store.addOrganizations(ids, long);
      acknowledged.push(...ids.filter((_, index) => answers[index]?.outcome === "done"));
      refused = answers.find(({ outcome }) => outcome !== "done");
    }
    expect(refused).toEqual(unavailable);
    expect(acknowledged.length).toBeGreaterThan(25);
    expect(await store.isHealthy()).toBe(false);
    expect(await store.list()).toEqual(done);
    await store.kill();
    expect(await organizationsIn(path)).toEqual(expect.arrayContaining(acknowledged));
  });
});

describe.each<[Fault, "lost" | "kept"]>([
  ["commit-fails-to-sync", "lost"],
  ["commit-fails-to-sync-after-all-is-written", "kept"],
  ["thread-ends-before-commit", "lost"],
  ["thread-ends-after-commit", "kept"],
])("%s", (fault, refusedAre) => {
  test("all that wait are refused, failed says so, later calls are refused, nothing acknowledged is lost", async () => {
    const { path, store, begin, end } = await openWithFaults();
    expect(await store.addOrganizations(named("before", 20))).toEqual(same(20, done));
    begin(fault);
    // Some are on their way when others still wait: both kinds are refused.
    const answers = await Promise.all([
      store.addOrganizations(named("during", 10)),
      store.addOrganizations(named("waiting", 10)),
    ]);
    expect(answers.flat()).toEqual(same(20, unavailable));
    expect(await store.failed).toMatch(/disk I\/O error|thread/);
    expect(await store.isHealthy()).toBe(false);
    end(fault);
    expect(await store.addOrganizations(named("later", 5))).toEqual(same(5, unavailable));
    expect(await store.isHealthy()).toBe(false);
    await store.close();

    const found = await organizationsIn(path);
    // What was refused may be there or not, but it was one batch: all of it, or nothing.
    const kept = refusedAre === "kept" ? named("during", 10) : [];
    expect(found.slice(0, 20 + kept.length)).toEqual([...named("before", 20), ...kept]);
    // These may have come in the same turn.
    expect([[], refusedAre === "kept" ? named("waiting", 10) : []]).toContainEqual(
      found.slice(20 + kept.length),
    );
  });

  test("while closing: every call is answered, and closing ends", async () => {
    const { path, store, begin } = await openWithFaults();
    expect(await store.addOrganizations(named("before", 20))).toEqual(same(20, done));
    begin(fault);
    const answers = await store.addOrganizationsWhileClosing(named("during", 20));
    expect(answers).toEqual(same(20, unavailable));
    expect(await store.failed).toMatch(/disk I\/O error|thread/);
    await store.close();
    expect(await organizationsIn(path)).toEqual(expect.arrayContaining(named("before", 20)));
  });
});

test("a writer thread that ends while it opens is an error, and leaves no lock behind", async () => {
  const folder = folderOf();
  const path = join(folder, "countersign.db");
  writeFileSync(join(folder, "thread-ends-while-opening" satisfies Fault), "");
  await expect(start({ path, faults: folder })).rejects.toThrow("writer thread");
  expect(await organizationsIn(path)).toEqual([]);
});

test("a list thread that breaks down is replaced: the next list works", async () => {
  const { store, begin } = await openWithFaults();
  begin("list-thread-breaks");
  expect(await store.listAgainAtOnce()).toEqual({
    first: { outcome: "error", message: expect.stringContaining("list thread") },
    second: done,
  });
  expect(await store.list()).toEqual(done);
  await store.close();
});
