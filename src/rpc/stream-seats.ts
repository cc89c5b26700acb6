/**
 * How many streams may be open at a time: each holds a connection, and what happens is read and written for it. A seat is
 * free again when its stream is over, however that came.
 */
import { failure, FailureError } from "../verification/failures.ts";
import type { StreamCall } from "./call.ts";

export interface SeatLimits {
  /** Of one principal. */
  readonly perPrincipal: number;
  readonly inAll: number;
}

/** When somebody who found no seat may look again, in milliseconds. */
const RETRY_AFTER_MS = 5_000;

export class StreamSeats {
  readonly #limits: SeatLimits;
  readonly #takenBy = new Map<string, number>();
  #taken = 0;

  constructor(limits: SeatLimits) {
    this.#limits = limits;
  }

  /** How many are taken. */
  get taken(): number {
    return this.#taken;
  }

  /** For the life of the stream. @throws FailureError STREAM_LIMIT_REACHED */
  take({ caller, signal }: StreamCall): void {
    const { perPrincipal, inAll } = this.#limits;
    const principal = caller.kind === "principal" ? caller.userId : caller.kind;
    const own = this.#takenBy.get(principal) ?? 0;
    if (own >= perPrincipal) throw refused(`the caller has ${own} such streams open`, perPrincipal);
    if (this.#taken >= inAll) throw refused(`${this.#taken} such streams are open`, inAll);
    if (signal.aborted) return;
    this.#taken += 1;
    this.#takenBy.set(principal, own + 1);
    signal.addEventListener("abort", () => this.#leave(principal), { once: true });
  }

  #leave(principal: string): void {
    this.#taken -= 1;
    const left = (this.#takenBy.get(principal) ?? 1) - 1;
    if (left === 0) this.#takenBy.delete(principal);
    else this.#takenBy.set(principal, left);
  }
}

function refused(what: string, limit: number): FailureError {
  const text = `Too many streams: ${what}, and no more than ${limit} may be`;
  return new FailureError(failure("STREAM_LIMIT_REACHED", { text, retryAfterMs: RETRY_AFTER_MS }));
}
