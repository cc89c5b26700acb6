/** Entry of the checkpoint thread: copies the log into the database whenever it is told to, and says so afterwards. */
import { parentPort, workerData } from "node:worker_threads";
import { openForCheckpoints } from "./connection.ts";

export type ToCheckpointThread = { readonly kind: "checkpoint" } | { readonly kind: "close" };

/** A pass is over. */
export interface CheckpointPass {
  /** How long the log was then. */
  readonly logPages: number;
}

const port = parentPort;
if (port === null) throw new Error("checkpoint-thread runs as a worker");
const database = openForCheckpoints((workerData as { path: string }).path);

port.on("message", (message: ToCheckpointThread) => {
  if (message.kind === "close") {
    database.close();
    port.close();
    return;
  }
  const [pass] = database.pragma("wal_checkpoint(PASSIVE)") as [{ readonly log: number }];
  port.postMessage({ logPages: pass.log } satisfies CheckpointPass);
});
