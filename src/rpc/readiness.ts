/** Whether this process takes calls: the one answer behind grpc.health.v1 and `/readyz`. */
import type { Store } from "../store/store.ts";

export interface ReadinessOptions {
  readonly store: Pick<Store, "isHealthy" | "getMetadata">;
  /** Whether the key that the database was written with is here. */
  readonly hasKey: () => Promise<boolean>;
}

export type CheckResult = "ok" | "failing";

export interface ReadinessReport {
  readonly status: "ready" | "stopping" | "unhealthy";
  readonly checks: {
    /** The database can be read. */
    readonly database: CheckResult;
    /** Writes succeed. */
    readonly writer: CheckResult;
    readonly key: CheckResult;
  };
}

export class Readiness {
  readonly #store: ReadinessOptions["store"];
  readonly #hasKey: () => Promise<boolean>;
  readonly #stopping = new AbortController();

  constructor({ store, hasKey }: ReadinessOptions) {
    this.#store = store;
    this.#hasKey = hasKey;
  }

  /** From now on nothing new is taken. */
  stop(): void {
    this.#stopping.abort();
  }

  /** Aborted once the process is about to end. */
  get stopping(): AbortSignal {
    return this.#stopping.signal;
  }

  isServing(): boolean {
    return !this.stopping.aborted && this.#store.isHealthy();
  }

  async report(): Promise<ReadinessReport> {
    const checks = {
      database: await result(() => this.#store.getMetadata("").then(() => true)),
      writer: await result(() => Promise.resolve(this.#store.isHealthy())),
      key: await result(this.#hasKey),
    };
    const isHealthy = Object.values(checks).every((check) => check === "ok");
    if (this.stopping.aborted) return { status: "stopping", checks };
    return { status: isHealthy ? "ready" : "unhealthy", checks };
  }
}

/** What is wrong stands in the log; whoever asks here learns that something is. */
async function result(check: () => Promise<boolean>): Promise<CheckResult> {
  try {
    return (await check()) ? "ok" : "failing";
  } catch {
    return "failing";
  }
}
