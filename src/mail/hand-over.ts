/**
 * The last check before a mail leaves, across two threads and any number of instances.
 *
 * The mail thread has a connection ready and wants to write MAIL FROM. The main thread knows which commits this process
 * made, and answers the callers who made them; other instances make commits too, and answer their callers. No mail may
 * leave once the commit that superseded its code was answered, whoever answered it.
 *
 * Between the two threads a cell decides, with atomic exchanges:
 *
 *     open       The mail may leave, or may be asked for. A commit that changes the user withdraws it, before its caller
 *                hears of it.
 *     taken      The mail thread took it in the moment before it writes the envelope.
 *     withdrawn  The main thread was first: nothing leaves, and the dispatcher looks again whether the code is live.
 *
 *     open -> taken       by the mail thread, while the main thread's look at the code holds, or with a leave
 *     open -> withdrawn   by the main thread
 *     taken -> open       by the main thread, when the mail thread asks again, for another relay, and the code is live
 *
 * Where every commit is heard of before it is answered, that is all. A look holds for a while: whatever it missed
 * withdraws the mail. Then nothing is asked, which saves two messages between threads for each mail. Past that time the
 * main thread looks again.
 *
 * Where other instances commit too, the last look is taken with a lock, always: the mail thread asks, and the main thread
 * answers with a leave (Store.holdUser). It holds the user from before the look on. A command of any instance that is
 * committed after the look is not answered while the user is held, so the order is: look, MAIL FROM, answer. The leave
 * ends
 *
 *     when the relay has answered MAIL FROM, or the provider has the whole request, or the send is over;
 *     when the code is found dead, or the mail is withdrawn before it was taken;
 *     when its time is over. The mail thread may take the mail until then and asks again later. A leave that is lost
 *         earlier, with the connection to the database, withdraws the mail.
 *
 * A process that dies holds nobody: its lock goes with its connection.
 *
 * Withdrawing what was taken comes too late and does nothing: that mail was on its way before the commit was answered.
 */
import { monotonicNowMs } from "../store/monotonic-clock.ts";
import type { HandOverPermit } from "./mail-transport.ts";

const OPEN = 0;
const WITHDRAWN = 1;
const TAKEN = 2;

/** On the clock of `monotonicNowMs`: the mail must not go. */
const NEVER_MS = 0;

/** What the mail thread gets of a hand-over. */
export interface HandOverCell {
  /** Both threads see it. */
  readonly state: SharedArrayBuffer;
  /** Until when the main thread's look holds, on the clock of `monotonicNowMs`. */
  readonly liveUntilMs: number;
}

/** The mail may be taken, for a while. */
export interface Leave {
  /** On the clock of `monotonicNowMs`. */
  readonly untilMs: number;
  /** Says that commands need not wait for the mail any longer. May be called again. */
  release(): void;
}

/**
 * Looks whether the mail may leave now.
 *
 * @param lost withdraws the mail: to be called when the leave ends by itself
 * @returns undefined when it may not
 */
export type AskLeave = (lost: () => void) => Promise<Leave | undefined>;

/** The main thread's side of one hand-over. */
export class HandOver {
  readonly #buffer = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  readonly #state = new Int32Array(this.#buffer);
  readonly #askLeave: AskLeave;
  #liveUntilMs = NEVER_MS;
  #leave: Leave | undefined;
  /** How often it was asked: what is lost of an earlier leave is of no interest. */
  #asked = 0;
  #isOver = false;

  constructor(askLeave: AskLeave) {
    this.#askLeave = askLeave;
  }

  get cell(): HandOverCell {
    return { state: this.#buffer, liveUntilMs: this.#liveUntilMs };
  }

  get isTaken(): boolean {
    return Atomics.load(this.#state, 0) === TAKEN;
  }

  /** Keeps the mail from leaving, unless it was taken. */
  withdraw(): void {
    if (Atomics.compareExchange(this.#state, 0, OPEN, WITHDRAWN) !== TAKEN) this.#release();
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
   *
   * @returns until when the mail may be taken, on the clock of `monotonicNowMs`; 0 when it must not go
   */
  async ask(): Promise<number> {
    this.#release();
    // First open, then look: a commit that comes after the look withdraws it again.
    Atomics.compareExchange(this.#state, 0, TAKEN, OPEN);
    const asked = ++this.#asked;
    const lost = () => {
      if (asked === this.#asked) this.withdraw();
    };
    const leave = await this.#askLeave(lost).catch(() => undefined);
    if (leave === undefined) return NEVER_MS;
    if (this.#isOver || asked !== this.#asked || Atomics.load(this.#state, 0) === WITHDRAWN) {
      leave.release();
      return NEVER_MS;
    }
    this.#leave = leave;
    return leave.untilMs;
  }

  /** The other side has seen the envelope. */
  arrived(): void {
    this.#release();
  }

  /** The send is over, however it ended. */
  end(): void {
    this.#isOver = true;
    this.#release();
  }

  #release(): void {
    this.#leave?.release();
    this.#leave = undefined;
  }
}

/**
 * The mail thread's side.
 *
 * @param main the main thread's `HandOver`
 */
export function createPermit(
  { state: buffer, liveUntilMs }: HandOverCell,
  main: { ask(): Promise<number>; arrived(): void },
): HandOverPermit {
  const state = new Int32Array(buffer);
  const take = () => Atomics.compareExchange(state, 0, OPEN, TAKEN);
  return {
    async take() {
      if (monotonicNowMs() < liveUntilMs) {
        const found = take();
        if (found !== TAKEN) return found === OPEN;
      }
      for (;;) {
        const untilMs = await main.ask();
        if (untilMs === NEVER_MS) return false;
        if (monotonicNowMs() < untilMs) return take() === OPEN;
      }
    },
    arrived: () => main.arrived(),
  };
}
