/** Has the personal data of deleted users erased once their time has come. */
import type { Logger } from "../observability/logger.ts";
import type { Store } from "./store.ts";

export interface ErasureScheduleOptions {
  readonly store: Pick<Store, "maintain">;
  /** How long personal data is kept after a deletion, in milliseconds. */
  readonly eraseAfterMs: number;
  /** Milliseconds since the Unix epoch. */
  readonly nowMs: () => number;
  readonly logger: Pick<Logger, "warn">;
}

const SECOND_MS = 1_000;
/** Data may be kept longer by a tenth of its time, and by no more than ten minutes. */
const MAX_INTERVAL_MS = 600 * SECOND_MS;

export class ErasureSchedule {
  readonly #options: ErasureScheduleOptions;
  readonly #intervalMs: number;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(options: ErasureScheduleOptions) {
    this.#options = options;
    this.#intervalMs = Math.min(Math.max(options.eraseAfterMs / 10, SECOND_MS), MAX_INTERVAL_MS);
  }

  /** Looks at once, and then again and again. */
  start(): void {
    void this.#erase().then(() => {
      if (!this.#isStopped) this.#timer = setTimeout(() => this.start(), this.#intervalMs).unref();
    });
  }

  /** What is being done goes on until the store is closed, and the rest after the next start. */
  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  async #erase(): Promise<void> {
    const { store, eraseAfterMs, nowMs, logger } = this.#options;
    const now = nowMs();
    try {
      await store.maintain({ kind: "eraseUsers", removedBeforeMs: now - eraseAfterMs, nowMs: now });
    } catch (error) {
      if (!this.#isStopped) logger.warn({ err: error }, "personal data of deleted users could not be erased");
    }
  }
}
