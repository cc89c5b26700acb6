/**
 * The main thread's side of the checkpoint thread, which starts when the log has grown long for the first time.
 *
 * SQLite would copy the log into the database within a commit, with two syncs, and every call would wait for that. A thread
 * of its own does it beside the commits: a passive checkpoint holds up no writer. It cannot catch up with a writer that
 * never pauses, and only a log that is copied whole begins anew. So the writer still makes a checkpoint itself when the log
 * has become several times as long (connection.ts): by then all but its end is copied, and that takes no time.
 *
 * Nothing hangs on this thread: without it, or when a pass fails, the log is longer until the writer's own checkpoint.
 */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { workerFile } from "../worker-file.ts";
import { CHECKPOINT_PAGES } from "./connection.ts";
import type { CheckpointPass, ToCheckpointThread } from "./checkpoint-thread.ts";

export class Checkpointer {
  readonly #path: string;
  #worker: Worker | undefined;
  #isUnderWay = false;
  /** Also where that pass could not copy all, since somebody reads an older state: the next one is not made any sooner. */
  #pagesAtLastPass = 0;
  #isClosed = false;

  constructor(path: string) {
    this.#path = path;
  }

  /** Learns how long the log is after a commit, in pages. */
  committed(logPages: number): void {
    // The log has begun anew.
    if (logPages < this.#pagesAtLastPass) this.#pagesAtLastPass = 0;
    if (this.#isUnderWay || this.#isClosed || logPages - this.#pagesAtLastPass < CHECKPOINT_PAGES) return;
    this.#isUnderWay = true;
    this.#worker ??= this.#start();
    this.#worker.postMessage({ kind: "checkpoint" } satisfies ToCheckpointThread);
  }

  /** Waits for the pass under way. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const worker = this.#worker;
    if (worker === undefined) return;
    const exited = once(worker, "exit");
    worker.postMessage({ kind: "close" } satisfies ToCheckpointThread);
    await exited.catch(() => {});
  }

  #start(): Worker {
    const worker = new Worker(workerFile("checkpoint-thread", import.meta.url), {
      workerData: { path: this.#path },
    });
    worker.on("message", ({ logPages }: CheckpointPass) => {
      this.#pagesAtLastPass = logPages;
      this.#isUnderWay = false;
    });
    // A disk that fails, say: the next thread tries again, and the writer has its own way to tell of it.
    worker.on("error", () => {});
    worker.on("exit", () => {
      this.#worker = undefined;
      this.#isUnderWay = false;
    });
    return worker;
  }
}
