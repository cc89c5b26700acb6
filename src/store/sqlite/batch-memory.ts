/**
 * Values by key that stand in memory until they move into a table in bulk; for rows that lie in no order, of which each
 * would change a page of its own.
 *
 * They are durable all the same: who uses this appends what a batch has set to a table, within the batch's transaction,
 * and sets it again when the database is opened.
 *
 *     begin()        a batch begins; what one before has set without a commit is forgotten
 *     find(), set()  by a task; it sees its own values and those of the tasks before it
 *     keep()         the task is done: its values belong to the batch
 *     drop()         the task was rolled back, and its values with it
 *     committed()    the batch's values stay
 */
interface Change<Value> {
  readonly key: string;
  readonly value: Value;
  /** What stood there. */
  readonly before: Value | undefined;
}

export class BatchMemory<Value> {
  #values = new Map<string, Value>();
  /** Oldest first. */
  readonly #changes: Change<Value>[] = [];
  /** So many of the changes belong to tasks that are done. */
  #kept = 0;

  begin(): void {
    this.#undoTo(0);
  }

  find(key: string): Value | undefined {
    return this.#values.get(key);
  }

  set(key: string, value: Value): void {
    this.change(key, this.#values.get(key), value);
  }

  /** The same where it is known what stands there. @param before as `find` says */
  change(key: string, before: Value | undefined, value: Value): void {
    this.#changes.push({ key, before, value });
    this.#values.set(key, value);
  }

  keep(): void {
    this.#kept = this.#changes.length;
  }

  drop(): void {
    this.#undoTo(this.#kept);
  }

  committed(): void {
    this.#changes.length = 0;
    this.#kept = 0;
  }

  /** What stands there, the values of the batch included. */
  all(): ReadonlyMap<string, Value> {
    return this.#values;
  }

  /** What the batch has set, as it is now. */
  changed(): ReadonlyMap<string, Value> {
    const changed = new Map<string, Value>();
    for (const { key, value } of this.#changes) changed.set(key, value);
    return changed;
  }

  /** Forgets one of a batch that was committed. */
  delete(key: string): void {
    this.#values.delete(key);
  }

  /** Forgets everything, as it has moved. @returns what was there */
  clear(): ReadonlyMap<string, Value> {
    const values = this.#values;
    this.#values = new Map();
    return values;
  }

  #undoTo(kept: number): void {
    for (const { key, before } of this.#changes.splice(kept).toReversed()) {
      if (before === undefined) this.#values.delete(key);
      else this.#values.set(key, before);
    }
    this.#kept = kept;
  }
}
