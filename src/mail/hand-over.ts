/**
 * The last check before a mail leaves, across two threads.
 *
 * The mail thread has a connection ready and wants to write MAIL FROM. The main thread knows which commits were made, and
 * answers the callers who made them. No mail may leave once the commit that superseded its code was answered:
 *
 *     open       The mail may be asked for. A commit that changes the user withdraws it, before its caller hears of it.
 *     taken      The mail thread took it, with one atomic exchange, in the moment before it writes the envelope.
 *     withdrawn  The main thread was first: nothing leaves, and the dispatcher looks again whether the code is live.
 *
 *     open -> taken       by the mail thread, after the main thread found the code live
 *     open -> withdrawn   by the main thread
 *     taken -> open       by the main thread, when the mail thread asks again, for another relay, and the code is live
 *
 * Withdrawing what was taken comes too late and does nothing: that mail was on its way before the commit was answered.
 */
import type { HandOverPermit } from "./mail-transport.ts";

const OPEN = 0;
const WITHDRAWN = 1;
const TAKEN = 2;

/** The state that both threads see. */
export type HandOverCell = SharedArrayBuffer;

/** The main thread's side of one hand-over. */
export class HandOver {
  readonly cell: HandOverCell = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  readonly #state = new Int32Array(this.cell);
  readonly #isLive: () => Promise<boolean>;

  /** @param isLive whether the mail may leave now */
  constructor(isLive: () => Promise<boolean>) {
    this.#isLive = isLive;
  }

  get isTaken(): boolean {
    return Atomics.load(this.#state, 0) === TAKEN;
  }

  /** Keeps the mail from leaving, unless it was taken. */
  withdraw(): void {
    Atomics.compareExchange(this.#state, 0, OPEN, WITHDRAWN);
  }

  /** What the mail thread asks before it takes the mail, for the first relay and for each further one. */
  async ask(): Promise<boolean> {
    // First open, then look: a commit that comes after the look withdraws it again.
    Atomics.compareExchange(this.#state, 0, TAKEN, OPEN);
    return await this.#isLive();
  }
}

/**
 * The mail thread's side.
 *
 * @param ask the main thread's `HandOver.ask`
 */
export function createPermit(cell: HandOverCell, ask: () => Promise<boolean>): HandOverPermit {
  const state = new Int32Array(cell);
  return {
    async take() {
      return (await ask()) && Atomics.compareExchange(state, 0, OPEN, TAKEN) === OPEN;
    },
  };
}
