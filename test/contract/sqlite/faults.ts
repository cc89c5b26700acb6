/**
 * Faults for better-sqlite3, loaded with `node --import` into a process that a test starts, and so into each of its
 * threads. A fault is on while a file of its name stands in the folder that COUNTERSIGN_TEST_FAULTS names.
 */
import Database, { type Statement } from "better-sqlite3";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isMainThread, parentPort } from "node:worker_threads";

export type Fault =
  /** COMMIT fails as on a full disk, having written nothing. */
  | "commit-finds-disk-full"
  /** COMMIT fails to sync, and nothing is on disk. */
  | "commit-fails-to-sync"
  /** COMMIT fails to sync, but everything is on disk. */
  | "commit-fails-to-sync-after-all-is-written"
  /** The thread ends instead of committing. */
  | "thread-ends-before-commit"
  /** The thread ends having committed, before anybody hears of it. */
  | "thread-ends-after-commit"
  /** The thread ends while it opens the database. */
  | "thread-ends-while-opening"
  /** The database file can get no more pages. */
  | "no-more-pages"
  /** The list thread breaks down over the next list; the one after that is spared. */
  | "list-thread-breaks";

/** Written by the writer thread when it has opened the database: its PRAGMAs. */
export const PRAGMAS_FILE = "pragmas.json";

const folder = process.env["COUNTERSIGN_TEST_FAULTS"];
if (folder !== undefined && !isMainThread) {
  // oxlint-disable-next-line typescript/unbound-method -- it is called with its database below
  const prepare = Database.prototype.prepare;
  Database.prototype.prepare = function (this: Database.Database, sql: string) {
    const statement = prepare.call(this, sql) as Statement;
    if (sql === "BEGIN IMMEDIATE") aroundRun(statement, (run) => begin(this, run));
    if (sql === "COMMIT") {
      recordPragmas(this);
      if (isOn("thread-ends-while-opening")) process.exit(3);
      aroundRun(statement, commit);
    }
    if (sql.startsWith("SELECT u.id") && isOn("list-thread-breaks")) breakListThread();
    return statement;
  } as typeof prepare;
}

function isOn(fault: Fault): boolean {
  return existsSync(join(folder ?? "", fault));
}

type Run = Statement["run"];

function aroundRun(statement: Statement, act: (run: Run) => ReturnType<Run>): void {
  const run = statement.run.bind(statement);
  statement.run = () => act(run);
}

function begin(database: Database.Database, run: Run): ReturnType<Run> {
  // SQLite takes no limit below the present size: 1 means "as large as it is".
  database.pragma(`max_page_count = ${isOn("no-more-pages") ? 1 : 4_294_967_294}`);
  return run();
}

function commit(run: Run): ReturnType<Run> {
  if (isOn("commit-finds-disk-full")) {
    throw new Database.SqliteError("database or disk is full", "SQLITE_FULL");
  }
  if (isOn("commit-fails-to-sync")) throw syncError();
  if (isOn("thread-ends-before-commit")) process.exit(3);
  const result = run();
  if (isOn("commit-fails-to-sync-after-all-is-written")) throw syncError();
  if (isOn("thread-ends-after-commit")) process.exit(3);
  return result;
}

function syncError(): Error {
  return new Database.SqliteError("disk I/O error", "SQLITE_IOERR_FSYNC");
}

function recordPragmas(database: Database.Database): void {
  const names = ["journal_mode", "synchronous"] as const;
  const pragmas = names.map((name) => [name, database.pragma(name, { simple: true })]);
  writeFileSync(join(folder ?? "", PRAGMAS_FILE), JSON.stringify(Object.fromEntries(pragmas)));
}

function breakListThread(): void {
  rmSync(join(folder ?? "", "list-thread-breaks" satisfies Fault));
  if (parentPort === null) return;
  parentPort.postMessage = () => {
    throw new Error("the list thread broke");
  };
}
