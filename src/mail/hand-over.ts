/**
 * The last check before a mail leaves, across two threads.
 *
 * The mail thread has a connection ready and wants to write MAIL FROM. The main thread knows which commits were made, and
 * answers the callers who made them. No mail may leave once the commit that superseded its code was answered:
 *
 *     open       The mail may leave, or may be asked for. A commit that changes the user withdraws it, before its caller
 *                hears of it.
 *     taken      The mail thread took it, with one atomic exchange, in the moment before it writes the envelope.
 *     withdrawn  The main thread was first: nothing leaves, and the dispatcher looks again whether the code is live.
 *
 *     open -> taken       by the mail thread, while the main thread's look at the code holds, or after another look
 *     open -> withdrawn   by the main thread
 *     taken -> open       by the main thread, when the mail thread asks again, for another relay, and the code is live
 *
 * A look holds for a while where every commit is heard of: whatever it missed withdraws the mail. Then nothing is asked,
 * which saves two messages between threads for each mail. Elsewhere, and past that time, the main thread looks again.
 *
 * Withdrawing what was taken comes too late and does nothing: that mail was on its way before the commit was answered.
 */
import type { HandOverPermit } from "./mail-transport.ts";

const OPEN = 0;
const WITHDRAWN = 1;
const TAKEN = 2;

/** What the mail thread gets of a hand-over. */
export interface HandOverCell {
  /** Both threads see it. */
  readonly state: SharedArrayBuffer;
  /** Until when the main thread's look holds, on the clock of `monotonicNowMs`. */
  readonly liveUntilMs: number;
}

/** The main thread's side of one hand-over. */
export class HandOver {
  readonly #buffer = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  readonly #state = new Int32Array(this.#buffer);
  readonly #isLive: () => Promise<boolean>;
  #liveUntilMs = 0;

  /** @param isLive whether the mail may leave now */
  constructor(isLive: () => Promise<boolean>) {
    this.#isLive = isLive;
  }

  get cell(): HandOverCell {
    return { state: this.#buffer, liveUntilMs: this.#liveUntilMs };
  }

  get isTaken(): boolean {
    return Atomics.load(this.#state, 0) === TAKEN;
  }

  /** Keeps the mail from leaving, unless it was taken. */
  withdraw(): void {
    Atomics.compareExchange(this.#state, 0, OPEN, WITHDRAWN);
  }

  /**
   * The mail was found live, and nobody need look again for so long. To be called before the mail thread gets the cell.
   *
   * @param forMs 0 where other processes may change the user meanwhile
   */
  foundLive(forMs: number): void {
    this.#liveUntilMs = monotonicNowMs() + forMs;
  }

  /**
   * What the mail thread asks before it takes the mail, for the first relay and for each further one. A look that fails,
   * since the database is away, lets nothing leave: whoever looks again finds out why.
   */
  async ask(): Promise<boolean> {
    // First open, then look: a commit that comes after the look withdraws it again.
    Atomics.compareExchange(this.#state, 0, TAKEN, OPEN);
    return await this.#isLive().catch(() => false);
  }
}

/**
 * The mail thread's side.
 *
 * @param ask the main thread's `HandOver.ask`
 */
export function createPermit(
  { state: buffer, liveUntilMs }: HandOverCell,
  ask: () => Promise<boolean>,
): HandOverPermit {
  const state = new Int32Array(buffer);
  const take = () => Atomics.compareExchange(state, 0, OPEN, TAKEN);
  return {
    async take() {
      if (monotonicNowMs() < liveUntilMs) {
        const found = take();
        if (found !== TAKEN) return found === OPEN;
      }
      return (await ask()) && take() === OPEN;
    },
  };
}

/** The same clock in all threads, which nobody sets: milliseconds since some time in the past. */
function monotonicNowMs(): number {
  return Number(process.hrtime.bigint()) / 1_000_000;
}
