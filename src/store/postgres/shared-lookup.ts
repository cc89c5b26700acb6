/**
 * Look-ups by key that share round trips: what is asked in one turn of the event loop, or while all trips are under way,
 * travels together.
 *
 * Every trip starts after it was asked for, so an answer is never older than its question.
 */
export class SharedLookup<Value> {
  readonly #read: (keys: readonly string[]) => Promise<ReadonlyMap<string, Value>>;
  readonly #maxTrips: number;
  #waiting = new Map<string, PromiseWithResolvers<Value | undefined>>();
  #trips = 0;

  /** @param maxTrips how many trips may be under way at a time. Default 2. */
  constructor(read: (keys: readonly string[]) => Promise<ReadonlyMap<string, Value>>, maxTrips = 2) {
    this.#read = read;
    this.#maxTrips = maxTrips;
  }

  find(key: string): Promise<Value | undefined> {
    const known = this.#waiting.get(key);
    if (known !== undefined) return known.promise;
    const answer = Promise.withResolvers<Value | undefined>();
    this.#waiting.set(key, answer);
    if (this.#waiting.size === 1) setImmediate(() => this.#flush());
    return answer.promise;
  }

  #flush(): void {
    if (this.#trips >= this.#maxTrips || this.#waiting.size === 0) return;
    const asked = this.#waiting;
    this.#waiting = new Map();
    this.#trips += 1;
    this.#read([...asked.keys()])
      .then(
        (found) => {
          for (const [key, { resolve }] of asked) resolve(found.get(key));
        },
        (error: Error) => {
          for (const { reject } of asked.values()) reject(error);
        },
      )
      .finally(() => {
        this.#trips -= 1;
        this.#flush();
      });
  }
}
