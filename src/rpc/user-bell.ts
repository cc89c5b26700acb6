/** Wakes those who wait for a user to change. It is a hint: what has changed is in the database, and read there. */
import type { Store } from "../store/store.ts";

/** Of one who waits. Silent until the user changes, and silent again once it was waited for. */
export interface Ring {
  /** Resolves once the user has changed since the last wait: at once, or then; with the signal, or after the time. */
  wait(signal: AbortSignal, timeoutMs: number): Promise<void>;
  /** Has to be called when nobody waits any more. */
  end(): void;
}

export class UserBell {
  readonly #store: Pick<Store, "committed">;
  readonly #rings = new Map<string, Set<() => void>>();
  #isListening = false;

  constructor(store: Pick<Store, "committed">) {
    this.#store = store;
  }

  /** To be called before the first look at the user in the database. */
  of(userId: string): Ring {
    this.#listen();
    let isRung = false;
    let wake = () => {};
    const ring = () => {
      isRung = true;
      wake();
    };
    this.#add(userId, ring);
    return {
      wait: (signal, timeoutMs) =>
        new Promise((resolve) => {
          const resume = () => {
            clearTimeout(timer);
            signal.removeEventListener("abort", resume);
            wake = () => {};
            isRung = false;
            resolve();
          };
          const timer = setTimeout(resume, timeoutMs);
          signal.addEventListener("abort", resume);
          wake = resume;
          if (isRung || signal.aborted) resume();
        }),
      end: () => this.#remove(userId, ring),
    };
  }

  /** For the life of the store, from the first who waits. */
  #listen(): void {
    if (this.#isListening) return;
    this.#isListening = true;
    this.#store.committed(({ changedUsers }) => {
      if (this.#rings.size === 0) return;
      for (const userId of changedUsers) {
        for (const ring of this.#rings.get(userId) ?? []) ring();
      }
    });
  }

  #add(userId: string, ring: () => void): void {
    const rings = this.#rings.get(userId);
    if (rings === undefined) this.#rings.set(userId, new Set([ring]));
    else rings.add(ring);
  }

  #remove(userId: string, ring: () => void): void {
    const rings = this.#rings.get(userId);
    rings?.delete(ring);
    if (rings?.size === 0) this.#rings.delete(userId);
  }
}
