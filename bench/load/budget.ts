/** Hands out calls to whichever connection is free, and takes their answers. */
import type { LoadOrder, LoadResult } from "./order.ts";

/** Coprime to every number of users that is a power of ten, so that each user has a turn before any has two. */
const STRIDE = 611_953;

/** A call that is to be made. */
export interface Call {
  readonly user: number;
  /** Where the order submits codes. */
  readonly code?: string;
}

export class Budget {
  readonly finished: Promise<void>;
  readonly #order: LoadOrder;
  readonly #codes: Map<number, string>;
  readonly #submitted: Iterator<[number, string]>;
  readonly #deadlineMs: number;
  readonly #startedMs = performance.now();
  readonly #cpuAtStart = process.cpuUsage();
  readonly #durationsMs: number[] = [];
  readonly #finish: () => void;
  #endedMs = 0;
  #started = 0;
  #isOver = false;
  #bodyBytes = 0;

  /** @param codes filled or used up, as the order says */
  constructor(order: LoadOrder, codes: Map<number, string>) {
    this.#order = order;
    this.#codes = codes;
    this.#submitted = new Map(codes).entries();
    this.#deadlineMs = this.#startedMs + (order.seconds ?? Infinity) * 1_000;
    const finished = Promise.withResolvers<void>();
    this.finished = finished.promise;
    this.#finish = finished.resolve;
    if (order.codes === "submit") codes.clear();
  }

  /** @returns undefined when there are none left */
  take(nowMs: number): Call | undefined {
    const { from, users, calls = Infinity, codes } = this.#order;
    if (this.#isOver || this.#started >= calls || nowMs >= this.#deadlineMs) return this.#over();
    if (codes === "submit") {
      const next = this.#submitted.next();
      if (next.done === true) return this.#over();
      this.#started += 1;
      return { user: next.value[0], code: next.value[1] };
    }
    const user = ((from + this.#started) * STRIDE) % users;
    this.#started += 1;
    return { user };
  }

  complete(call: Call, tookMs: number, nowMs: number, bodyBytes: number, code: string): void {
    this.#durationsMs.push(tookMs);
    this.#bodyBytes += bodyBytes;
    this.#endedMs = nowMs;
    if (this.#order.codes === "collect") {
      if (!/^[A-Z0-9]{6}$/.test(code)) throw new Error("an answer brought no code");
      this.#codes.set(call.user, code);
    }
    this.#finishIfOver();
  }

  result(): LoadResult {
    const elapsedMs = this.#endedMs - this.#startedMs;
    const { user, system } = process.cpuUsage(this.#cpuAtStart);
    const sorted = Float64Array.from(this.#durationsMs).toSorted();
    const quantile = (share: number) => sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
    return {
      seconds: elapsedMs / 1_000,
      calls: sorted.length,
      bodyBytes: this.#bodyBytes,
      minMs: quantile(0),
      p50Ms: quantile(0.5),
      p99Ms: quantile(0.99),
      p999Ms: quantile(0.999),
      cpuShare: (user + system) / 1_000 / elapsedMs,
    };
  }

  #over(): undefined {
    this.#isOver = true;
    this.#finishIfOver();
    return undefined;
  }

  #finishIfOver(): void {
    if (this.#isOver && this.#durationsMs.length === this.#started) this.#finish();
  }
}
