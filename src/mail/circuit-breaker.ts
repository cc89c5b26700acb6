/**
 * Keeps mails off a relay that does not work, and finds out when it does again.
 *
 * closed     The relay is in use: every mail gets a pass. Faults are counted, and a mail that the relay answered for sets
 *            the count back to none. Three faults on end, or one that only a person can mend, open the breaker.
 *
 * open       The relay rests, and no mail gets a pass. The first rest takes 5 seconds; each further one without a
 *            healthy answer in between takes twice as long, up to a minute. A fifth of it, more or less, is left to
 *            chance, so that several instances do not come back together. When the rest is over, the next mail that asks
 *            makes the breaker half open.
 *
 * half open  That mail has the only pass: it is the probe. If the relay answers for it, the breaker closes. If it meets
 *            a fault, the breaker opens again. If it tells nothing of the relay - the mail was withdrawn, the process is
 *            stopping - the breaker is open with its rest over, and the next mail is the probe.
 *
 * A pass counts only in the state in which it was given. Five mails that were on their way when the relay died report
 * five faults: three of them open the breaker, and the other two do not make its rest longer.
 */

export interface CircuitBreakerOptions {
  /** Milliseconds since the Unix epoch. */
  readonly nowMs: () => number;
  /** 0 to 1, as Math.random. */
  readonly random: () => number;
}

/** Leave to send one mail through the relay. Exactly one of its functions is called, once, when the mail is through. */
export interface Pass {
  /** The relay took the mail, or refused this one mail. */
  healthy(): BreakerChange;
  /** @param untilMended only a person can mend it: no need to count to three */
  faulty(untilMended: boolean): BreakerChange;
  /** Nothing was learnt about the relay. */
  unused(): void;
}

export interface BreakerChange {
  readonly changedTo?: "open" | "closed";
}

export const FAULTS_TO_OPEN = 3;
export const FIRST_REST_MS = 5_000;
export const LONGEST_REST_MS = 60_000;
export const REST_JITTER = 0.2;
/** How soon to ask again while a probe is under way. */
export const PROBE_PATIENCE_MS = 1_000;

type State =
  | { readonly kind: "closed"; faults: number }
  | { readonly kind: "open"; readonly restUntilMs: number }
  | { readonly kind: "half-open" };

const NO_CHANGE: BreakerChange = {};

export class CircuitBreaker {
  readonly #nowMs: () => number;
  readonly #random: () => number;
  #state: State = { kind: "closed", faults: 0 };
  /** Since the last healthy answer. */
  #rests = 0;

  constructor({ nowMs, random }: CircuitBreakerOptions) {
    this.#nowMs = nowMs;
    this.#random = random;
  }

  /** @returns undefined while the relay rests or is being probed */
  admit(): Pass | undefined {
    if (this.#state.kind === "half-open") return undefined;
    if (this.#state.kind === "open") {
      const { restUntilMs } = this.#state;
      if (this.#nowMs() < restUntilMs) return undefined;
      this.#state = { kind: "half-open" };
      return this.#pass(() => (this.#state = { kind: "open", restUntilMs }));
    }
    return this.#pass(() => {});
  }

  /** When to ask again, in milliseconds since the Unix epoch; undefined when a mail would get a pass now. */
  get restsUntilMs(): number | undefined {
    const nowMs = this.#nowMs();
    switch (this.#state.kind) {
      case "closed":
        return undefined;
      case "open":
        return nowMs < this.#state.restUntilMs ? this.#state.restUntilMs : undefined;
      case "half-open":
        return nowMs + PROBE_PATIENCE_MS;
    }
  }

  #pass(giveBack: () => void): Pass {
    const given = this.#state;
    let isOver = false;
    /** Whether the pass still counts. */
    const use = () => {
      const counts = !isOver && this.#state === given;
      isOver = true;
      return counts;
    };
    return {
      healthy: () => (use() ? this.#close() : NO_CHANGE),
      faulty: (untilMended) => (use() ? this.#countFault(untilMended) : NO_CHANGE),
      unused: () => {
        if (use()) giveBack();
      },
    };
  }

  #close(): BreakerChange {
    this.#rests = 0;
    if (this.#state.kind === "closed") {
      this.#state.faults = 0;
      return NO_CHANGE;
    }
    this.#state = { kind: "closed", faults: 0 };
    return { changedTo: "closed" };
  }

  #countFault(untilMended: boolean): BreakerChange {
    if (this.#state.kind === "closed") {
      this.#state.faults += 1;
      if (this.#state.faults < FAULTS_TO_OPEN && !untilMended) return NO_CHANGE;
    }
    const restMs = Math.min(FIRST_REST_MS * 2 ** this.#rests, LONGEST_REST_MS);
    const spread = 1 + REST_JITTER * (2 * this.#random() - 1);
    this.#rests += 1;
    this.#state = { kind: "open", restUntilMs: Math.round(this.#nowMs() + restMs * spread) };
    return { changedTo: "open" };
  }
}
