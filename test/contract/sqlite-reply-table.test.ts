/** Where an answer is, in memory or in the index, makes no difference to who asks for it. */
import { afterEach, describe, expect, test } from "@jest/globals";
import { hash } from "node:crypto";
import { join } from "node:path";
import type { Database } from "better-sqlite3";
import type { ReplyToKeep } from "../../src/verification/decider.ts";
import { openForWriting } from "../../src/store/sqlite/connection.ts";
import { ReplyTable } from "../../src/store/sqlite/reply-table.ts";
import { migrate } from "../../src/store/sqlite/schema.ts";
import { temporaryFolders } from "./temporary.ts";

/** More than are kept in memory, so that the first of them are in the index and the last are not. */
const MANY = 20_000;
const NOW_MS = 1_000_000;
const EXPIRY_MS = 2_000_000;

const newFolder = temporaryFolders();
let database: Database;

function openFolder(folder: string): ReplyTable {
  database = openForWriting(join(folder, "test.db"));
  migrate(database);
  return new ReplyTable(database);
}

function open(): { readonly table: ReplyTable; readonly reopen: () => ReplyTable } {
  const folder = newFolder();
  const table = openFolder(folder);
  const reopen = () => {
    database.close();
    return openFolder(folder);
  };
  return { table, reopen };
}

afterEach(() => {
  database.close();
});

const scopeOf = (n: number) => hash("sha256", `call ${n}`, "base64url");

function replyOf(n: number, expiresAtMs = EXPIRY_MS): ReplyToKeep {
  return {
    scope: scopeOf(n),
    fingerprint: `request ${n}`,
    userId: `user ${n}`,
    details: { sequence: n, changedAtMs: NOW_MS, resourceOwner: "org-1" },
    sealedCode: n % 2 === 0 ? `sealed ${n}` : null,
    expiresAtMs,
  };
}

/** One transaction, as the writer makes it: each reply is that of a task of its own. */
function batch(
  table: ReplyTable,
  replies: readonly ReplyToKeep[],
  end: "commit" | "rollback" = "commit",
): void {
  database.exec("BEGIN");
  table.begin();
  for (const reply of replies) {
    table.add(reply);
    table.keep();
  }
  table.write();
  database.exec(end);
  if (end === "commit") table.committed();
}

const BATCH = 64;

function keepMany(table: ReplyTable): void {
  for (let n = 1; n <= MANY; n += BATCH) {
    batch(
      table,
      Array.from({ length: Math.min(BATCH, MANY + 1 - n) }, (_, index) => replyOf(n + index)),
    );
  }
}

const found = (table: ReplyTable, nowMs = NOW_MS) =>
  Array.from({ length: MANY }, (_, n) => table.find(scopeOf(n + 1), nowMs)?.fingerprint).filter(
    (fingerprint) => fingerprint !== undefined,
  );
const rowsIn = (table: string) => database.prepare(`SELECT count(*) FROM ${table}`).pluck().get();

describe("kept answers", () => {
  test("are found by their scope, whether indexed or in memory", () => {
    const { table } = open();
    keepMany(table);
    expect(rowsIn("reply_index")).toBeGreaterThan(0);
    expect(rowsIn("reply_index")).toBeLessThan(MANY);
    expect(found(table)).toEqual(Array.from({ length: MANY }, (_, n) => `request ${n + 1}`));
    const keptOf = (n: number) => {
      const { fingerprint, userId, details, sealedCode } = replyOf(n);
      return { fingerprint, userId, details, sealedCode };
    };
    for (const n of [4_000, MANY]) expect(table.find(scopeOf(n), NOW_MS)).toMatchObject(keptOf(n));
    expect(table.find(scopeOf(MANY + 1), NOW_MS)).toBeUndefined();
  });

  test("are found after the database was opened anew", () => {
    const { table, reopen } = open();
    keepMany(table);
    expect(found(reopen())).toHaveLength(MANY);
  });

  test("of a transaction that was rolled back were never there, also where it moved them into the index", () => {
    const { table } = open();
    batch(table, [replyOf(0)]);
    const all = Array.from({ length: MANY }, (_, n) => replyOf(n + 1));
    batch(table, all, "rollback");
    table.begin();
    expect(found(table)).toEqual([]);
    expect(table.find(scopeOf(0), NOW_MS)?.fingerprint).toBe("request 0");
    keepMany(table);
    expect(found(table)).toHaveLength(MANY);
  });

  test("are found after the database was opened anew, though each move into the index was rolled back at first", () => {
    const { table, reopen } = open();
    for (let n = 1; n <= MANY; n += BATCH) {
      const replies = Array.from({ length: Math.min(BATCH, MANY + 1 - n) }, (_, index) => replyOf(n + index));
      batch(table, replies, "rollback");
      batch(table, replies);
    }
    expect(found(table)).toHaveLength(MANY);
    expect(found(reopen())).toHaveLength(MANY);
  });

  test("of a task that was rolled back were never there, those of its neighbours are", () => {
    const { table, reopen } = open();
    database.exec("BEGIN");
    table.begin();
    table.add(replyOf(1));
    table.keep();
    table.add(replyOf(2));
    expect(table.find(scopeOf(2), NOW_MS)).toBeDefined();
    table.drop();
    table.add(replyOf(3));
    table.keep();
    table.write();
    database.exec("COMMIT");
    table.committed();
    expect(found(table)).toEqual(["request 1", "request 3"]);
    expect(found(reopen())).toEqual(["request 1", "request 3"]);
  });

  test("whose scopes begin alike are told apart, also in one batch", () => {
    const { table } = open();
    const alike = [1, 2].map((n) => ({ ...replyOf(n), scope: `0123456789 ${n}` }));
    batch(table, alike);
    keepMany(table);
    expect(alike.map(({ scope }) => table.find(scope, NOW_MS)?.fingerprint)).toEqual([
      "request 1",
      "request 2",
    ]);
  });

  test("make room for a newer one under their scope once they are over", () => {
    const { table } = open();
    batch(table, [replyOf(1, NOW_MS)]);
    expect(table.find(scopeOf(1), NOW_MS)).toBeUndefined();
    batch(table, [{ ...replyOf(1), fingerprint: "newer" }]);
    expect(table.find(scopeOf(1), NOW_MS)?.fingerprint).toBe("newer");
    table.prune(NOW_MS);
    expect(table.find(scopeOf(1), NOW_MS)?.fingerprint).toBe("newer");
  });

  test("leave nothing behind once they are over, and ids go on above theirs", () => {
    const { table, reopen } = open();
    keepMany(table);
    batch(table, [replyOf(MANY + 1, EXPIRY_MS + 1)]);
    let rounds = 1;
    const prune = database.transaction(() => table.prune(EXPIRY_MS));
    while (prune()) rounds += 1;
    expect(rounds).toBeGreaterThan(1);
    expect(found(table, NOW_MS)).toEqual([]);
    expect(table.find(scopeOf(MANY + 1), NOW_MS)).toBeDefined();
    expect([rowsIn("reply_batches"), rowsIn("kept_replies"), rowsIn("reply_index")]).toEqual([1, 1, 0]);
    expect(table.prune(EXPIRY_MS + 1)).toBe(false);
    const reopened = reopen();
    batch(reopened, [replyOf(7)]);
    expect(found(reopen())).toEqual(["request 7"]);
  });

  test("of a database from before the index: the answers are given up, and new ones are kept", () => {
    database = openForWriting(join(newFolder(), "test.db"));
    migrate(database, 5);
    database
      .prepare("INSERT INTO kept_replies VALUES (?, 'request 1', 'user 1', '{}', NULL, ?)")
      .run(scopeOf(1), EXPIRY_MS);
    migrate(database);
    const table = new ReplyTable(database);
    expect(table.find(scopeOf(1), NOW_MS)).toBeUndefined();
    keepMany(table);
    expect(found(table)).toHaveLength(MANY);
  });

  test("of a database that has a row for each of them are found", () => {
    database = openForWriting(join(newFolder(), "test.db"));
    migrate(database, 10);
    const insert = database.prepare("INSERT INTO kept_replies VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
    for (const id of [1, 2]) {
      const { scope, fingerprint, userId, details, sealedCode, expiresAtMs } = replyOf(id);
      const start = scope.slice(0, 10);
      insert.run(id, start, scope, fingerprint, userId, JSON.stringify(details), sealedCode, expiresAtMs);
    }
    // The first is indexed, the second not yet.
    database.prepare("INSERT INTO reply_index VALUES (?, 1)").run(scopeOf(1).slice(0, 10));
    database.prepare("INSERT INTO metadata VALUES ('replies indexed through', 1)").run();
    migrate(database);
    const table = new ReplyTable(database);
    expect([1, 2].map((n) => table.find(scopeOf(n), NOW_MS))).toMatchObject([replyOf(1), replyOf(2)]);
    keepMany(table);
    expect(found(table)).toHaveLength(MANY);
  });
});
