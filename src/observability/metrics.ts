/**
 * Every metric: its name, its unit, its labels. Labels take their values from fixed sets, so the number of series is
 * bounded whatever clients send.
 *
 * prom-client looks labels up by a text it builds of them; the meters below are bound to theirs once, and a call costs
 * two of them (about half a microsecond).
 */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import type { CallMeter, CommitFailure, MailOutcome, Meters, OverLimitOutcome } from "./meters.ts";

const CALL_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const COMMIT_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
const COMMIT_WRITES = [1, 2, 4, 8, 16, 32, 64, 128, 256];

/** What is asked of the store when somebody reads the metrics. */
export interface StoreSample {
  readonly waitingWrites: number;
  /** Rows of the outbox by state. */
  readonly outboxRows: Readonly<Record<string, number>>;
  /** How long the mail that is due longest has been due; 0 when none is. */
  readonly oldestDueSeconds: number;
}

export class Metrics implements Meters {
  readonly #registry = new Registry();
  #readStore: (() => Promise<StoreSample>) | undefined;

  readonly #calls = new Counter({
    name: "countersign_calls_total",
    help: "Calls that are over, by gRPC code; streams count when they end.",
    labelNames: ["method", "format", "code"],
    registers: [this.#registry],
  });
  readonly #callSeconds = new Histogram({
    name: "countersign_call_duration_seconds",
    help: "Time from a call's headers to its answer; for streams, to their end.",
    labelNames: ["method", "format"],
    buckets: CALL_SECONDS,
    registers: [this.#registry],
  });
  readonly #refusedRequests = new Counter({
    name: "countersign_refused_requests_total",
    help: "Requests that never became a call: unknown path, wrong HTTP method, unreadable, too large.",
    labelNames: ["reason"],
    registers: [this.#registry],
  });
  readonly #sendsOverLimit = new Counter({
    name: "countersign_sends_over_limit_total",
    help: "Calls over a limit on sending codes, by limit: refused, or let pass by a dry run.",
    labelNames: ["limit", "outcome"],
    registers: [this.#registry],
  });
  readonly #commitWrites = new Histogram({
    name: "countersign_commit_batch_writes",
    help: "Writes that shared one transaction and one sync.",
    buckets: COMMIT_WRITES,
    registers: [this.#registry],
  });
  readonly #commitSeconds = new Histogram({
    name: "countersign_commit_duration_seconds",
    help: "Time of one transaction from the hand-over to the writer to its sync.",
    buckets: COMMIT_SECONDS,
    registers: [this.#registry],
  });
  readonly #commitFailures = new Counter({
    name: "countersign_commit_failures_total",
    help: "Transactions that recorded nothing (unavailable) or perhaps something (in_doubt).",
    labelNames: ["kind"],
    registers: [this.#registry],
  });
  readonly #writerQueue = new Gauge({
    name: "countersign_writer_queue_writes",
    help: "Writes waiting for their transaction.",
    registers: [this.#registry],
  });
  readonly #outboxRows = new Gauge({
    name: "countersign_outbox_rows",
    help: "Mails that have not come to an end, by state.",
    labelNames: ["state"],
    registers: [this.#registry],
  });
  readonly #oldestDue = new Gauge({
    name: "countersign_outbox_oldest_due_seconds",
    help: "How long the mail that is due longest has been due; 0 when none is.",
    registers: [this.#registry],
  });
  readonly #mails = new Counter({
    name: "countersign_mails_total",
    help: "Tries to send a mail, by how they went.",
    labelNames: ["outcome"],
    registers: [this.#registry],
  });

  callMeter(method: string, format: string): CallMeter {
    const duration = this.#callSeconds.labels(method, format);
    const counters = new Map<string, { inc(): void }>();
    return {
      ended: (code, seconds) => {
        let counter = counters.get(code);
        if (counter === undefined) {
          counter = this.#calls.labels(method, format, code);
          counters.set(code, counter);
        }
        counter.inc();
        duration.observe(seconds);
      },
    };
  }

  requestRefused(reason: string): void {
    this.#refusedRequests.inc({ reason });
  }

  sendOverLimit(limit: string, outcome: OverLimitOutcome): void {
    this.#sendsOverLimit.inc({ limit, outcome });
  }

  committed(writes: number, seconds: number): void {
    this.#commitWrites.observe(writes);
    this.#commitSeconds.observe(seconds);
  }

  commitFailed(kind: CommitFailure): void {
    this.#commitFailures.inc({ kind });
  }

  mailTried(outcome: MailOutcome): void {
    this.#mails.inc({ outcome });
  }

  /** Asks there whenever the metrics are read. */
  readStoreFrom(read: () => Promise<StoreSample>): void {
    this.#readStore = read;
  }

  /** CPU, memory, event loop, garbage collection, under the names that every Node program has. */
  watchProcess(): void {
    collectDefaultMetrics({ register: this.#registry });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** All metrics in Prometheus' text format. */
  async render(): Promise<string> {
    await this.#sampleStore();
    return this.#registry.metrics();
  }

  /** A store that cannot be read shows as NaN: no figure rather than an old one. */
  async #sampleStore(): Promise<void> {
    if (this.#readStore === undefined) return;
    this.#outboxRows.reset();
    try {
      const { waitingWrites, outboxRows, oldestDueSeconds } = await this.#readStore();
      this.#writerQueue.set(waitingWrites);
      this.#oldestDue.set(oldestDueSeconds);
      for (const [state, rows] of Object.entries(outboxRows)) this.#outboxRows.set({ state }, rows);
    } catch {
      this.#writerQueue.set(Number.NaN);
      this.#oldestDue.set(Number.NaN);
    }
  }
}
