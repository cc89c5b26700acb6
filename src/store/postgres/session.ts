/** One connection for as long as a piece of work has it. What is asked without waiting travels together. */
import type { PoolClient, QueryConfig } from "pg";
import { ConnectionLostError, endsConnection } from "./errors.ts";

/** A statement that is sent often. The server plans it once per connection, under its name. */
export interface Statement {
  readonly name: string;
  readonly text: string;
}

export type Value = string | number | null | readonly string[] | readonly number[];

export interface Answer<Row> {
  readonly rows: readonly Row[];
  /** How many rows were written or read. */
  readonly count: number;
  /** What was done, such as COMMIT. */
  readonly command: string;
}

/** pg's types lack the time-out of one query. */
interface TimedQuery extends QueryConfig {
  readonly query_timeout: number;
}

export interface SessionOptions {
  readonly client: PoolClient;
  readonly prepares: boolean;
  /** A query without an answer after so many milliseconds ends the connection. */
  readonly answerTimeoutMs: number;
}

export class Session {
  readonly #options: SessionOptions;
  #isLost = false;
  #onLost = () => {};
  #warning: Error | undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  /** Whether the connection has to go. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** The last thing that the server warned of. */
  get warning(): Error | undefined {
    return this.#warning;
  }

  noteWarning(warning: Error): void {
    this.#warning = warning;
  }

  noteLost(): void {
    if (this.#isLost) return;
    this.#isLost = true;
    this.#onLost();
  }

  /** Calls the listener when the connection is lost, even if nothing is asked; the last one given counts. */
  onLost(listener: () => void): void {
    this.#onLost = listener;
    if (this.#isLost) listener();
  }

  /** @param statement as text: not prepared */
  async query<Row = object>(
    statement: Statement | string,
    values: readonly Value[] = [],
    answerTimeoutMs = this.#options.answerTimeoutMs,
  ): Promise<Answer<Row>> {
    const { client, prepares } = this.#options;
    const { name, text } = typeof statement === "string" ? { name: undefined, text: statement } : statement;
    try {
      const query: TimedQuery = {
        text,
        values: [...values],
        ...(prepares && name !== undefined && { name }),
        query_timeout: answerTimeoutMs,
      };
      const result = await client.query<Row & object>(query);
      return { rows: result.rows, count: result.rowCount ?? 0, command: result.command };
    } catch (error) {
      if (!endsConnection(error)) throw error;
      this.noteLost();
      throw new ConnectionLostError(`the connection to the database was lost: ${(error as Error).message}`, {
        cause: error,
      });
    }
  }
}
