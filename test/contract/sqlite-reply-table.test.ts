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
const MANY = 5_000;
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

function keepMany(table: ReplyTable): void {
  database.transaction(() => {
    for (let n = 1; n <= MANY; n++) table.keep(replyOf(n));
  })();
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
    expect(rowsIn("recent_replies")).toBeGreaterThan(0);
    expect(found(table)).toEqual(Array.from({ length: MANY }, (_, n) => `request ${n + 1}`));
    const { scope: _scope, expiresAtMs: _expiry, ...kept } = replyOf(4_000);
    expect(table.find(scopeOf(4_000), NOW_MS)).toEqual(kept);
    expect(table.find(scopeOf(MANY + 1), NOW_MS)).toBeUndefined();
  });

  test("are found after the database was opened anew", () => {
    const { table, reopen } = open();
    keepMany(table);
    expect(found(reopen())).toHaveLength(MANY);
  });

  test("of a transaction that was rolled back were never there, also where it moved them into the index", () => {
    const { table } = open();
    table.keep(replyOf(0));
    const undo = database.transaction(() => {
      for (let n = 1; n <= MANY; n++) table.keep(replyOf(n));
      throw new Error("undone");
    });
    expect(undo).toThrow("undone");
    expect(found(table)).toEqual([]);
    expect(table.find(scopeOf(0), NOW_MS)?.fingerprint).toBe("request 0");
    keepMany(table);
    expect(found(table)).toHaveLength(MANY);
  });

  test("make room for a newer one under their scope once they are over", () => {
    const { table } = open();
    table.keep(replyOf(1, NOW_MS));
    expect(table.find(scopeOf(1), NOW_MS)).toBeUndefined();
    table.keep({ ...replyOf(1), fingerprint: "newer" });
    expect(table.find(scopeOf(1), NOW_MS)?.fingerprint).toBe("newer");
  });

  test("leave nothing behind once they are over, and ids go on above theirs", () => {
    const { table, reopen } = open();
    keepMany(table);
    table.keep(replyOf(MANY + 1, EXPIRY_MS + 1));
    let rounds = 1;
    const prune = database.transaction(() => table.prune(EXPIRY_MS));
    while (prune()) rounds += 1;
    expect(rounds).toBeGreaterThan(1);
    expect(found(table, NOW_MS)).toEqual([]);
    expect(table.find(scopeOf(MANY + 1), NOW_MS)).toBeDefined();
    expect([rowsIn("kept_replies"), rowsIn("reply_index"), rowsIn("recent_replies")]).toEqual([1, 0, 1]);
    expect(table.prune(EXPIRY_MS + 1)).toBe(false);
    const reopened = reopen();
    reopened.keep(replyOf(7));
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
});
