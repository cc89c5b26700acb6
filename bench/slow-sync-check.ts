/** Says how long syncs take in this process: node's own, and that of a durable commit. Run under the shim, `{...Ms}`. */
import Database from "better-sqlite3";
import { closeSync, fdatasyncSync, fsyncSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folder = mkdtempSync(join(tmpdir(), "countersign-bench-shim-"));
const file = openSync(join(folder, "file"), "w");
const database = new Database(join(folder, "database"));
database.pragma("journal_mode = WAL");
database.pragma("synchronous = FULL");
database.exec("CREATE TABLE numbers (number INTEGER)");

const timed = (act: () => unknown) => {
  const startedMs = performance.now();
  act();
  return performance.now() - startedMs;
};
console.log(
  JSON.stringify({
    fsyncMs: timed(() => fsyncSync(file)),
    fdatasyncMs: timed(() => fdatasyncSync(file)),
    commitMs: timed(() => database.exec("INSERT INTO numbers VALUES (1)")),
  }),
);
database.close();
closeSync(file);
rmSync(folder, { recursive: true });
