/**
 * Removes, again and again, what a service need not keep: counters and answers that are over, mails that came to their end
 * long ago, old events, personal data of deleted users.
 *
 * Each chore has its own rhythm: at once, and then some time after it was done. The store does it in small pieces, with
 * calls in between (see MaintenanceTask). A chore that fails is logged, and done the next time.
 */
import type { Logger } from "../observability/logger.ts";
import type { MaintenanceTask, Store } from "./store.ts";

/** Spans of time in milliseconds. */
export interface Retention {
  /** How long deliveries are kept after they came to their end. */
  readonly deliveriesMs: number | "forever";
  /** How long events are kept. */
  readonly eventsMs: number | "forever";
  /** How long personal data is kept after its user was deleted. */
  readonly eraseAfterMs: number | "never";
}

export interface HousekeepingOptions {
  readonly store: Pick<Store, "maintain">;
  readonly retention: Retention;
  /** Milliseconds since the Unix epoch. */
  readonly nowMs: () => number;
  readonly logger: Pick<Logger, "warn">;
}

interface Chore {
  /** In the log, after "could not be". */
  readonly failing: string;
  readonly everyMs: number;
  readonly task: (nowMs: number) => MaintenanceTask;
}

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
/** Whatever is kept for a time may be kept longer by a tenth of it, and by no more than this. */
const MAX_INTERVAL_MS = 10 * MINUTE_MS;
/** Each run looks at the last event of everybody who has done nothing for long. */
const MAX_EVENT_INTERVAL_MS = 6 * 60 * MINUTE_MS;

export class Housekeeping {
  readonly #options: HousekeepingOptions;
  readonly #chores: readonly Chore[];
  readonly #timers = new Set<NodeJS.Timeout>();
  #isStopped = false;

  constructor(options: HousekeepingOptions) {
    this.#options = options;
    this.#chores = choresOf(options.retention);
  }

  start(): void {
    for (const chore of this.#chores) void this.#goOn(chore);
  }

  /** What is being done goes on until the store is closed, and the rest after the next start. */
  stop(): void {
    this.#isStopped = true;
    for (const timer of this.#timers) clearTimeout(timer);
  }

  /** Does everything once. */
  async runOnce(): Promise<void> {
    await Promise.all(this.#chores.map((chore) => this.#run(chore)));
  }

  async #goOn(chore: Chore): Promise<void> {
    await this.#run(chore);
    if (this.#isStopped) return;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      void this.#goOn(chore);
    }, chore.everyMs).unref();
    this.#timers.add(timer);
  }

  async #run({ task, failing }: Chore): Promise<void> {
    const { store, nowMs, logger } = this.#options;
    try {
      await store.maintain(task(nowMs()));
    } catch (error) {
      if (!this.#isStopped) logger.warn({ err: error }, `${failing} this time`);
    }
  }
}

function choresOf({ deliveriesMs, eventsMs, eraseAfterMs }: Retention): Chore[] {
  const chores: Chore[] = [
    {
      failing: "counters that are over could not be removed",
      everyMs: MAX_INTERVAL_MS,
      task: (nowMs) => ({ kind: "pruneBuckets", nowMs }),
    },
    {
      failing: "answers kept for repetitions could not be removed",
      everyMs: MAX_INTERVAL_MS,
      task: (nowMs) => ({ kind: "pruneReplies", nowMs }),
    },
  ];
  if (deliveriesMs !== "forever") {
    chores.push({
      failing: "old deliveries could not be removed",
      everyMs: intervalOf(deliveriesMs, MAX_INTERVAL_MS),
      task: (nowMs) => ({ kind: "pruneDeliveries", endedBeforeMs: nowMs - deliveriesMs }),
    });
  }
  if (eventsMs !== "forever") {
    chores.push({
      failing: "old events could not be removed",
      everyMs: intervalOf(eventsMs, MAX_EVENT_INTERVAL_MS),
      task: (nowMs) => ({ kind: "pruneEvents", recordedBeforeMs: nowMs - eventsMs }),
    });
  }
  if (eraseAfterMs !== "never") {
    chores.push({
      failing: "personal data of deleted users could not be erased",
      everyMs: intervalOf(eraseAfterMs, MAX_INTERVAL_MS),
      task: (nowMs) => ({ kind: "eraseUsers", removedBeforeMs: nowMs - eraseAfterMs, nowMs }),
    });
  }
  return chores;
}

function intervalOf(keptMs: number, maxMs: number): number {
  return Math.min(Math.max(keptMs / 10, SECOND_MS), maxMs);
}
