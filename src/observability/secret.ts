/** A value that must not be printed: logs, JSON, templates and console.log all show `[secret]` in its place. */
import { inspect } from "node:util";

const SHOWN = "[secret]";

export class Secret<T = string> {
  // A private field: neither spreading nor structured cloning carries it along.
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  /** The value itself, for the one place that uses it. */
  reveal(): T {
    return this.#value;
  }

  toString(): string {
    return SHOWN;
  }

  toJSON(): string {
    return SHOWN;
  }

  [inspect.custom](): string {
    return SHOWN;
  }
}
