/**
 * How many mails may be claimed and not yet sent.
 *
 * Every claim is a commit, so a fast relay wants many mails at a time; but what is claimed for a slow one only waits under
 * its lease. The window starts at two mails for each connection. Every mail that was through within a second of its claim
 * makes room for one more; one that took longer halves the window.
 */
export class ClaimWindow {
  readonly #min: number;
  readonly #max: number;
  #size: number;

  /** @param connections mails that can be handed over at the same time */
  constructor(connections: number) {
    this.#min = connections * MIN_PER_CONNECTION;
    this.#max = connections * MAX_PER_CONNECTION;
    this.#size = this.#min;
  }

  get size(): number {
    return this.#size;
  }

  /** @param tookMs from the claim of a mail to its outcome */
  note(tookMs: number): void {
    this.#size =
      tookMs <= SOON_MS
        ? Math.min(this.#size + 1, this.#max)
        : Math.max(Math.floor(this.#size / 2), this.#min);
  }
}

export const MIN_PER_CONNECTION = 2;
export const MAX_PER_CONNECTION = 40;
export const SOON_MS = 1_000;
