/** Wakes those who wait for commits. It is a hint: what was committed is in the database, and read there. */
import type { Store } from "../store/store.ts";

export class CommitBell {
  readonly #store: Pick<Store, "committed">;
  readonly #waiting = new Set<() => void>();
  #isListening = false;
  #lastPosition = 0;

  constructor(store: Pick<Store, "committed">) {
    this.#store = store;
  }

  /** From now on, for the life of the store. To be called before the first look at the database. */
  listen(): void {
    if (this.#isListening) return;
    this.#isListening = true;
    this.#store.committed(({ position }) => {
      this.#lastPosition = Math.max(this.#lastPosition, position);
      for (const wake of this.#waiting) wake();
    });
  }

  /** Resolves once something may lie beyond the position: at once, with the next commit, the signal, or after the time. */
  beyond(position: number, signal: AbortSignal, timeoutMs: number): Promise<void> {
    if (this.#lastPosition > position || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      const timer = setTimeout(wake, timeoutMs);
      this.#waiting.add(wake);
      signal.addEventListener("abort", wake);
    });
  }
}
