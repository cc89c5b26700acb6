/** Entry of the writer thread: opens the database, runs one batch at a time, answers each with one message. */
import { parentPort, workerData } from "node:worker_threads";
import { openForWriting } from "./connection.ts";
import type { FromWriter, ToWriter } from "./messages.ts";
import { migrate } from "./schema.ts";
import { Writer } from "./writer.ts";

const port = parentPort;
if (port === null) throw new Error("writer-thread runs as a worker");
const say = (message: FromWriter) => port.postMessage(message);

try {
  const { path } = workerData as { path: string };
  // The main thread had it open before: if it is gone since, an empty one would pass for a first start.
  const database = openForWriting(path, { fileMustExist: true });
  migrate(database);
  const writer = new Writer(database);
  const log = database.prepare("PRAGMA wal_checkpoint(NOOP)");
  const logPages = () => (log.get() as { log: number }).log;
  port.on("message", (message: ToWriter) => {
    if (message.kind === "close") {
      database.close();
      port.close();
      return;
    }
    say({ kind: "batch", result: writer.run(message.tasks, message.sealedCodes), logPages: logPages() });
  });
  say({ kind: "ready" });
} catch (error) {
  say({ kind: "openFailed", error: error instanceof Error ? error : new Error(String(error)) });
  port.close();
}
