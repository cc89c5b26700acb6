/**
 * The main thread's side of the writer thread: a bounded queue and group commit.
 *
 * The thread starts with the first task: a service that is started on a database which it need not change does so with a
 * quarter less CPU (docs/performance.md). Only a database that is new, of an older version, or left by a process that was
 * killed with mails in hand, is made ready by the thread before anything else.
 *
 * One batch is with the writer at a time. What arrives meanwhile, or in one turn of the event loop, travels together in
 * the next message, so that all of it shares one transaction and one sync; a lone task waits for nothing else. Without the
 * turn every other batch would be a lone task, the first of those that came when the writer had nothing to do. A full queue
 * refuses: nothing was executed.
 *
 * States: `open`; `unavailable`, when the last batch failed as a whole: tasks are still tried, and a probe finds out when
 * writes succeed again; `failed`, when durability is in doubt or the thread died: everything is refused from then on.
 */
import { Worker } from "node:worker_threads";
import type { Database } from "better-sqlite3";
import { failure, FailureError } from "../../verification/failures.ts";
import type { CommitMeter } from "../../observability/meters.ts";
import type { Commit } from "../store.ts";
import { sealTogether, type BatchCode } from "./batch-codes.ts";
import { openForWriting } from "./connection.ts";
import type { BatchResult, FromWriter, ToWriter, WriteResult, WriteTask } from "./messages.ts";
import { hasLeases } from "./outbox.ts";
import { isCurrent } from "./schema.ts";
import { workerFile } from "../worker-file.ts";

const MAX_BATCH_TASKS = 256;
const PROBE_INTERVAL_MS = 500;
/** What an overloaded caller is told to wait: several full batches. */
const OVERLOAD_RETRY_MS = 250;
const UNAVAILABLE_RETRY_MS = 1_000;

export interface GroupCommitOptions {
  readonly path: string;
  /** Tasks that may wait for their batch before further ones are refused. Default 8,192. */
  readonly maxWaitingTasks?: number;
  readonly onCommit: (commit: Commit) => void;
  /** Learns after each batch how long the write-ahead log is, in pages. */
  readonly onLogPages: (logPages: number) => void;
  readonly meter?: CommitMeter;
}

interface Waiting {
  readonly task: WriteTask;
  readonly code: BatchCode | undefined;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

export class GroupCommit {
  readonly #path: string;
  /**
   * Of this thread, idle. SQLite copies the log into the database and removes it when the last connection that may write
   * is closed: until the writer thread has its own that is this one, at the start as at the end.
   */
  readonly #connection: Database;
  readonly #maxWaiting: number;
  readonly #onCommit: (commit: Commit) => void;
  readonly #onLogPages: (logPages: number) => void;
  readonly #meter: CommitMeter | undefined;
  readonly #failed = Promise.withResolvers<Error>();
  #worker: Worker | undefined;
  #state: "open" | "unavailable" | "failed" = "open";
  #waiting: Waiting[] = [];
  #inFlight: readonly Waiting[] | undefined;
  /** When the batch in flight was handed over, on the clock of `performance.now()`. */
  #handedOverMs = 0;
  #isFlushScheduled = false;
  #probe: NodeJS.Timeout | undefined;
  #draining: PromiseWithResolvers<void> | undefined;
  #closing: PromiseWithResolvers<void> | undefined;

  private constructor(options: GroupCommitOptions, connection: Database, worker?: Worker) {
    this.#path = options.path;
    this.#connection = connection;
    this.#maxWaiting = options.maxWaitingTasks ?? 8_192;
    this.#onCommit = options.onCommit;
    this.#onLogPages = options.onLogPages;
    this.#meter = options.meter;
    this.#worker = worker && this.#listenTo(worker);
  }

  /** @throws Error when the database cannot be opened or written */
  static async open(options: GroupCommitOptions): Promise<GroupCommit> {
    const connection = openForWriting(options.path);
    try {
      if (isReady(connection)) return new GroupCommit(options, connection);
      const worker = startThread(options.path);
      await opened(worker);
      return new GroupCommit(options, connection, worker);
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  get failed(): Promise<Error> {
    return this.#failed.promise;
  }

  get isHealthy(): boolean {
    return this.#state === "open";
  }

  /** How many wait for their batch. */
  get waitingTasks(): number {
    return this.#waiting.length;
  }

  /**
   * Resolves with the task's value once its commit is on disk.
   *
   * @param code of the answer that the task keeps; its key is part of the task
   */
  submit(task: WriteTask, code?: BatchCode): Promise<unknown> {
    if (this.#state === "failed" || this.#draining !== undefined) return Promise.reject(unavailable());
    if (this.#waiting.length >= this.#maxWaiting) {
      return Promise.reject(new FailureError(failure("OVERLOADED", { retryAfterMs: OVERLOAD_RETRY_MS })));
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ task, code, resolve, reject });
      this.#scheduleFlush();
    });
  }

  /** Refuses what comes from now on; resolves once everything that waited is answered. */
  async drain(): Promise<void> {
    if (this.#state === "failed") return;
    this.#draining ??= Promise.withResolvers<void>();
    clearInterval(this.#probe);
    this.#flush();
    await this.#draining.promise;
  }

  /** Drains, closes the database and ends the thread. */
  async close(): Promise<void> {
    await this.drain();
    this.#connection.close();
    if (this.#worker === undefined) return;
    if (this.#state === "failed") {
      await this.#worker.terminate();
      return;
    }
    if (this.#closing === undefined) {
      this.#closing = Promise.withResolvers<void>();
      this.#send({ kind: "close" });
    }
    await this.#closing.promise;
  }

  #scheduleFlush(): void {
    if (this.#inFlight !== undefined || this.#isFlushScheduled) return;
    this.#isFlushScheduled = true;
    setImmediate(() => {
      this.#isFlushScheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#inFlight !== undefined || this.#state === "failed") return;
    if (this.#waiting.length === 0) {
      this.#draining?.resolve();
      return;
    }
    const batch = this.#waiting.splice(0, MAX_BATCH_TASKS);
    this.#inFlight = batch;
    this.#handedOverMs = performance.now();
    const sealedCodes = sealTogether(batch.flatMap(({ code }) => code ?? []));
    this.#send({ kind: "batch", tasks: batch.map((waiting) => waiting.task), sealedCodes });
  }

  #send(message: ToWriter): void {
    this.#worker ??= this.#listenTo(startThread(this.#path));
    this.#worker.postMessage(message);
  }

  #listenTo(worker: Worker): Worker {
    worker.on("message", (message: FromWriter) => this.#receive(message));
    worker.on("error", (error: Error) => this.#fail(error));
    worker.on("exit", () => this.#exited());
    return worker;
  }

  #receive(message: FromWriter): void {
    if (this.#state === "failed") return;
    if (message.kind === "openFailed") this.#fail(message.error);
    if (message.kind !== "batch") return;
    this.#onLogPages(message.logPages);
    this.#settle(message.result);
  }

  #settle(result: BatchResult): void {
    const batch = this.#inFlight ?? [];
    this.#inFlight = undefined;
    if (result.kind === "inDoubt") {
      this.#meter?.commitFailed("in_doubt");
      for (const { reject } of batch) reject(unavailable(result.error));
      this.#fail(result.error);
      return;
    }
    if (result.kind === "unavailable") {
      this.#meter?.commitFailed("unavailable");
      for (const { reject } of batch) reject(unavailable(result.error));
      this.#becomeUnavailable();
    } else {
      this.#meter?.committed(batch.length, (performance.now() - this.#handedOverMs) / 1_000);
      this.#becomeOpen();
      this.#onCommit(result.commit);
      batch.forEach((waiting, index) => settleOne(waiting, result.results[index]));
    }
    this.#flush();
  }

  #becomeUnavailable(): void {
    this.#state = "unavailable";
    if (this.#draining !== undefined) return;
    this.#probe ??= setInterval(() => {
      if (this.#inFlight === undefined) this.submit({ kind: "probe" }).catch(() => {});
    }, PROBE_INTERVAL_MS).unref();
  }

  #becomeOpen(): void {
    this.#state = "open";
    clearInterval(this.#probe);
    this.#probe = undefined;
  }

  #fail(error: Error): void {
    this.#state = "failed";
    clearInterval(this.#probe);
    for (const { reject } of [...(this.#inFlight ?? []), ...this.#waiting]) reject(unavailable(error));
    this.#inFlight = undefined;
    this.#waiting = [];
    this.#failed.resolve(error);
    this.#draining?.resolve();
    this.#closing?.resolve();
    void this.#worker?.terminate();
  }

  #exited(): void {
    if (this.#closing === undefined) this.#fail(new Error("the writer thread ended"));
    else this.#closing.resolve();
  }
}

/**
 * Whether the thread would do nothing but take the first task: the database is of this version, and no lease of a process
 * that was killed keeps mails back. A write transaction, which changes nothing, tells at the start
 * that the file can be written.
 */
function isReady(connection: Database): boolean {
  return connection.transaction(() => isCurrent(connection) && !hasLeases(connection)).immediate();
}

function startThread(path: string): Worker {
  return new Worker(workerFile("writer-thread", import.meta.url), { workerData: { path } });
}

function opened(worker: Worker): Promise<void> {
  return new Promise((resolve, reject) => {
    const ended = () => reject(new Error("the writer thread ended while it opened the database"));
    worker.once("error", reject);
    worker.once("exit", ended);
    worker.once("message", (message: FromWriter) => {
      worker.off("error", reject);
      worker.off("exit", ended);
      if (message.kind === "openFailed") reject(message.error);
      else resolve();
    });
  });
}

function settleOne(waiting: Waiting, result: WriteResult | undefined): void {
  if (result === undefined) waiting.reject(new Error("the writer answered fewer results than tasks"));
  else if (result.kind === "done") waiting.resolve(result.value);
  else if (result.kind === "refused") waiting.reject(new FailureError(result.failure));
  else waiting.reject(result.error);
}

function unavailable(cause?: Error): FailureError {
  return new FailureError(failure("STORE_UNAVAILABLE", { retryAfterMs: UNAVAILABLE_RETRY_MS }), { cause });
}
