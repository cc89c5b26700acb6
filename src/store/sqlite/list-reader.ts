/** The main thread's side of the list thread, which starts with the first list. */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { failure, FailureError } from "../../verification/failures.ts";
import type { AnyList, AnyPage, ListKind, ListResponse, Lists, ToListThread } from "./list-thread.ts";
import { workerFile } from "../worker-file.ts";

const MAX_WAITING_LISTS = 64;
const OVERLOAD_RETRY_MS = 1_000;

export class ListReader {
  readonly #path: string;
  readonly #waiting = new Map<number, PromiseWithResolvers<AnyPage>>();
  #worker: Worker | undefined;
  #nextId = 1;
  #closed = false;

  constructor(path: string) {
    this.#path = path;
  }

  /** @throws FailureError QUERY_TIMED_OUT, OVERLOADED, STORE_UNAVAILABLE */
  async list<Kind extends ListKind>(kind: Kind, query: Lists[Kind]["query"]): Promise<Lists[Kind]["page"]> {
    return await this.#ask({ kind, query } as AnyList);
  }

  #ask(list: AnyList): Promise<AnyPage> {
    if (this.#closed) return Promise.reject(new FailureError(failure("STORE_UNAVAILABLE")));
    if (this.#waiting.size >= MAX_WAITING_LISTS) {
      return Promise.reject(new FailureError(failure("OVERLOADED", { retryAfterMs: OVERLOAD_RETRY_MS })));
    }
    const id = this.#nextId++;
    const answer = Promise.withResolvers<AnyPage>();
    this.#waiting.set(id, answer);
    this.#worker ??= this.#start();
    this.#worker.postMessage({ kind: "list", id, list } satisfies ToListThread);
    return answer.promise;
  }

  /** Ends the thread: an idle one by itself, a busy one in the middle of its list, which nobody waits for any more. */
  async close(): Promise<void> {
    this.#closed = true;
    const worker = this.#worker;
    if (worker === undefined) return;
    if (this.#waiting.size > 0) {
      await worker.terminate();
      return;
    }
    const exited = once(worker, "exit");
    worker.postMessage({ kind: "close" } satisfies ToListThread);
    await exited;
  }

  #start(): Worker {
    const worker = new Worker(workerFile("list-thread", import.meta.url), {
      workerData: { path: this.#path },
    });
    worker.on("message", (response: ListResponse) => this.#receive(response));
    worker.on("error", (error: Error) => this.#end(worker, error));
    worker.on("exit", () => this.#end(worker, new Error("the list thread ended")));
    return worker;
  }

  #receive(response: ListResponse): void {
    const answer = this.#waiting.get(response.id);
    this.#waiting.delete(response.id);
    if (response.kind === "page") answer?.resolve(response.page);
    else if (response.kind === "timedOut") answer?.reject(new FailureError(failure("QUERY_TIMED_OUT")));
    else answer?.reject(response.error);
  }

  /** The next list starts a new thread. An error is followed by an exit, when that next thread may run already. */
  #end(worker: Worker, error: Error): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    for (const answer of this.#waiting.values()) answer.reject(error);
    this.#waiting.clear();
  }
}
