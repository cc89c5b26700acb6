/** Entry of the writer thread: opens the database, runs one batch at a time, answers each with one message. */
import { parentPort, workerData } from "node:worker_threads";
import type { Database } from "better-sqlite3";
import { openForWriting } from "./connection.ts";
import type { FromWriter, ToWriter } from "./messages.ts";
import { migrate } from "./schema.ts";
import { Writer } from "./writer.ts";

const port = parentPort;
if (port === null) throw new Error("writer-thread runs as a worker");
const say = (message: FromWriter) => port.postMessage(message);

try {
  const { path } = workerData as { path: string };
  const database = openForWriting(path);
  migrate(database);
  const writer = new Writer(database);
  port.on("message", (message: ToWriter) => {
    if (message.kind === "close") {
      foldLog(database);
      database.close();
      say({ kind: "closed" });
      port.close();
      return;
    }
    say({ kind: "batch", result: writer.run(message.tasks) });
  });
  say({ kind: "ready" });
} catch (error) {
  say({ kind: "openFailed", error: error instanceof Error ? error : new Error(String(error)) });
  port.close();
}

/**
 * Moves what the write-ahead log holds into the database file, so that this file is all that a backup of a stopped service
 * has to copy. Closing does so only where no reader is open.
 */
function foldLog(database: Database): void {
  try {
    database.pragma("wal_checkpoint(TRUNCATE)");
  } catch {
    // A full disk, say: then the log stays, and the next start reads it.
  }
}
