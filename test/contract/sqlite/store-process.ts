// A store in a process of its own: to be killed, starved of disk, or to have its threads die.
import { afterEach } from "@jest/globals";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { FailureName } from "../../../src/verification/failures.ts";

export interface Answer {
  readonly outcome: "done" | "error" | FailureName;
  readonly retryAfterMs?: number;
  readonly message?: string;
}

/** A call that was answered: from then on the event has to outlive everything. */
export interface Acknowledgement {
  readonly userId: string;
  readonly sequence: number;
}

interface Organizations {
  readonly ids: readonly string[];
  /** Many and long ones make the rows large. */
  readonly linkHosts: readonly string[];
}

export type Request =
  | ({ readonly do: "addOrganizations" | "addOrganizationsWhileClosing" } & Organizations)
  /** With `prunes`, everything that may be removed is, all the time. */
  | { readonly do: "load"; readonly callers: number; readonly prunes: boolean }
  | { readonly do: "list" | "listAgainAtOnce" | "health" | "close" };

export interface ToChild {
  readonly id: number;
  readonly request: Request;
}

export type FromChild =
  | { readonly kind: "open" }
  | { readonly kind: "openFailed"; readonly message: string }
  | { readonly kind: "failed"; readonly message: string }
  | { readonly kind: "acknowledged"; readonly what: Acknowledgement }
  | { readonly kind: "reply"; readonly id: number; readonly reply: unknown };

export interface StoreProcessOptions {
  readonly path: string;
  /** Where the files stand that switch faults on. */
  readonly faults?: string;
  /** The most that a file of the process may grow to. */
  readonly maxFileKibibytes?: number;
}

/** Call once per file; what it returns starts processes, which end with the test that started them. */
export function storeProcesses(): (options: StoreProcessOptions) => Promise<StoreProcess> {
  const children: ChildProcess[] = [];
  afterEach(async () => {
    for (const child of children.splice(0)) {
      const exited = child.exitCode ?? child.signalCode ?? once(child, "exit");
      child.kill("SIGKILL");
      await exited;
    }
  });
  return (options) => {
    const child = spawnChild(options);
    children.push(child);
    return StoreProcess.open(child);
  };
}

export class StoreProcess {
  /** What the store's `failed` resolved with. */
  readonly failed: Promise<string>;
  readonly acknowledged: Acknowledgement[] = [];
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  readonly #replies = new Map<number, PromiseWithResolvers<unknown>>();
  readonly #failed = Promise.withResolvers<string>();
  #nextId = 1;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.failed = this.#failed.promise;
    this.#exited = once(child, "exit");
    child.on("message", (message: FromChild) => this.#receive(message));
    child.on("exit", () => {
      for (const { reject } of this.#replies.values()) reject(new Error("the process ended"));
    });
  }

  /** @throws Error with the message of what kept the store from opening */
  static async open(child: ChildProcess): Promise<StoreProcess> {
    await new Promise<void>((resolve, reject) => {
      child.once("message", (message: FromChild) => {
        if (message.kind === "openFailed") reject(new Error(message.message));
        else resolve();
      });
      child.once("exit", () => reject(new Error("the process ended before its store was open")));
    });
    return new StoreProcess(child);
  }

  addOrganizations(ids: readonly string[], linkHosts: readonly string[] = []): Promise<Answer[]> {
    return this.#ask({ do: "addOrganizations", ids, linkHosts }) as Promise<Answer[]>;
  }

  addOrganizationsWhileClosing(ids: readonly string[]): Promise<Answer[]> {
    return this.#ask({ do: "addOrganizationsWhileClosing", ids, linkHosts: [] }) as Promise<Answer[]>;
  }

  list(): Promise<Answer> {
    return this.#ask({ do: "list" }) as Promise<Answer>;
  }

  /** Lists, and lists again in the very moment in which the first answer comes. */
  listAgainAtOnce(): Promise<{ first: Answer; second: Answer }> {
    return this.#ask({ do: "listAgainAtOnce" }) as Promise<{ first: Answer; second: Answer }>;
  }

  isHealthy(): Promise<boolean> {
    return this.#ask({ do: "health" }) as Promise<boolean>;
  }

  /** Resolves once the store is healthy; asks again and again, and leaves giving up to the test's time limit. */
  async becomesHealthy(): Promise<void> {
    while (!(await this.isHealthy())) await new Promise((resolve) => setTimeout(resolve, 10));
  }

  /** Starts callers that go on until the process is killed. Resolves once so many calls were acknowledged. */
  async loadUntilAcknowledged(callers: number, count: number, { prunes = false } = {}): Promise<void> {
    await this.#ask({ do: "load", callers, prunes });
    while (this.acknowledged.length < count) await once(this.#child, "message");
  }

  async close(): Promise<void> {
    await this.#ask({ do: "close" });
    this.#child.disconnect();
    await this.#exited;
  }

  /** As the power switch does it, to the process at least. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#exited;
  }

  #ask(request: Request): Promise<unknown> {
    const id = this.#nextId++;
    const reply = Promise.withResolvers<unknown>();
    this.#replies.set(id, reply);
    this.#child.send({ id, request } satisfies ToChild);
    return reply.promise;
  }

  #receive(message: FromChild): void {
    if (message.kind === "acknowledged") this.acknowledged.push(message.what);
    if (message.kind === "failed") this.#failed.resolve(message.message);
    if (message.kind === "reply") {
      this.#replies.get(message.id)?.resolve(message.reply);
      this.#replies.delete(message.id);
    }
  }
}

function spawnChild({ path, faults, maxFileKibibytes }: StoreProcessOptions): ChildProcess {
  const hook = faults === undefined ? [] : ["--import", join(import.meta.dirname, "faults.ts")];
  const command = [process.execPath, ...hook, join(import.meta.dirname, "child.ts"), path];
  const [program = "", ...args] =
    maxFileKibibytes === undefined
      ? command
      : ["bash", "-c", `ulimit -f ${maxFileKibibytes}; exec "$@"`, "bash", ...command];
  return spawn(program, args, {
    env: { ...process.env, ...(faults !== undefined && { COUNTERSIGN_TEST_FAULTS: faults }) },
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
}
