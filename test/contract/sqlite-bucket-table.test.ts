/** Counters are raised in memory and move into their table in bulk; nobody can tell by what they read. */
import { afterEach, describe, expect, test } from "@jest/globals";
import { array, assert, boolean, constantFrom, integer, property, record, type Arbitrary } from "fast-check";
import { join } from "node:path";
import type { Database } from "better-sqlite3";
import { BucketTable } from "../../src/store/sqlite/bucket-table.ts";
import { openForWriting } from "../../src/store/sqlite/connection.ts";
import { migrate } from "../../src/store/sqlite/schema.ts";
import { temporaryFolders } from "./temporary.ts";

const newFolder = temporaryFolders();
let database: Database;

function open(folder = newFolder()): BucketTable {
  database = openForWriting(join(folder, "test.db"));
  // What this is about is not what survives the power's end.
  database.pragma("synchronous = OFF");
  migrate(database);
  return new BucketTable(database);
}

afterEach(() => {
  database.close();
});

class Undone extends Error {}

/** One transaction around the tasks, as the writer makes it. */
function batch(table: BucketTable, tasks: () => void, end: "commit" | "rollback" = "commit"): void {
  const run = database.transaction(() => {
    table.begin();
    tasks();
    table.write();
    if (end === "rollback") throw new Undone();
  });
  try {
    run();
    table.committed();
  } catch (error) {
    if (!(error instanceof Undone)) throw error;
  }
}

function raiseOthers(table: BucketTable, count: number, nowMs: number): void {
  batch(table, () => {
    for (let n = 0; n < count; n++) {
      table.debit({ bucket: `other ${n}`, amount: 1, expiresAtMs: nowMs + 1 }, nowMs);
    }
    table.keep();
  });
}

interface Raise {
  readonly bucket: string;
  readonly amount: number;
  readonly livesMs: number;
}

interface Task {
  readonly raises: readonly Raise[];
  readonly isKept: boolean;
}

const raises = record({
  bucket: constantFrom("a", "b", "c"),
  amount: integer({ min: 1, max: 3 }),
  livesMs: integer({ min: 1, max: 50 }),
});
const tasks: Arbitrary<Task> = record({
  raises: array(raises, { maxLength: 4 }),
  isKept: boolean(),
});
const batches = record({
  afterMs: integer({ min: 0, max: 40 }),
  tasks: array(tasks, { maxLength: 4 }),
  end: constantFrom("commit" as const, "rollback" as const),
  prunes: boolean(),
  /** Opened anew after the batch, as after a crash. */
  reopens: boolean(),
  /** So many others are raised before: from some number on everything moves. */
  others: constantFrom(0, 0, 0, 5_000),
});

type Counters = Map<string, { used: number; expiresAtMs: number }>;

/** What each counter stands at, told without a table. */
function raise(counters: Counters, { bucket, amount, livesMs }: Raise, nowMs: number): void {
  const running = counters.get(bucket);
  const isOver = running === undefined || running.expiresAtMs <= nowMs;
  counters.set(
    bucket,
    isOver
      ? { used: amount, expiresAtMs: nowMs + livesMs }
      : { used: running.used + amount, expiresAtMs: running.expiresAtMs },
  );
}

describe("counters", () => {
  test("stand at what tasks and batches that were not undone have added", () => {
    assert(
      property(array(batches, { maxLength: 8 }), (history) => {
        const folder = newFolder();
        let table = open(folder);
        let told: Counters = new Map();
        let nowMs = 1_000;
        for (const { afterMs, tasks: inBatch, end, prunes, reopens, others } of history) {
          nowMs += afterMs;
          raiseOthers(table, others, nowMs);
          let inTransaction: Counters = new Map(told);
          batch(
            table,
            () => {
              for (const { raises: inTask, isKept } of inBatch) {
                const seen: Counters = new Map(inTransaction);
                for (const each of inTask) {
                  const { bucket, amount, livesMs } = each;
                  table.debit({ bucket, amount, expiresAtMs: nowMs + livesMs }, nowMs);
                  raise(seen, each, nowMs);
                  expect(table.find(bucket, nowMs)).toEqual(seen.get(bucket));
                }
                if (isKept) {
                  table.keep();
                  inTransaction = seen;
                } else table.drop();
              }
              if (prunes) table.prune(nowMs);
            },
            end,
          );
          if (end === "commit") told = inTransaction;
          if (reopens) {
            database.close();
            table = open(folder);
          }
          table.begin();
          for (const bucket of ["a", "b", "c"]) {
            const running = told.get(bucket);
            const expected = running !== undefined && running.expiresAtMs > nowMs ? running : undefined;
            expect(table.find(bucket, nowMs)).toEqual(expected);
          }
        }
        database.close();
      }),
      { numRuns: 60 },
    );
  });

  test("that are over leave the table a slice at a time, and no others do", () => {
    const table = open();
    const MANY = 5_000;
    batch(table, () => {
      for (let n = 0; n < MANY; n++) {
        table.debit({ bucket: `bucket ${n}`, amount: 1, expiresAtMs: n % 5 === 0 ? 200 : 100 }, 50);
      }
      table.keep();
    });
    const count = () => database.prepare("SELECT count(*) FROM buckets").pluck().get() as number;
    const removed: number[] = [];
    const pruneSlice = (): boolean => {
      const before = count();
      let isMore = false;
      batch(table, () => {
        isMore = table.prune(100);
      });
      removed.push(before - count());
      return isMore;
    };
    while (pruneSlice());
    expect(removed).toHaveLength(4);
    expect(Math.max(...removed)).toBeLessThanOrEqual(2_000);
    expect(count()).toBe(MANY / 5);
    for (let round = 0; round < 2; round++) batch(table, () => table.prune(200));
    expect(count()).toBe(0);
  });
});
