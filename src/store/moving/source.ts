/** The SQLite database that is moved: held under its lock, so that no service changes it meanwhile. */
import type { Database } from "better-sqlite3";
import { existsSync } from "node:fs";
import { moveLoggedCounters } from "../sqlite/bucket-table.ts";
import { openForWriting } from "../sqlite/connection.ts";
import { acquireLock, type Lock } from "../sqlite/lock.ts";
import { migrate } from "../sqlite/schema.ts";
import { MoveError } from "./move-error.ts";
import type { Cell, Row, TablePlan } from "./tables.ts";

export class MoveSource {
  readonly #database: Database;
  readonly #lock: Lock;

  private constructor(database: Database, lock: Lock) {
    this.#database = database;
    this.#lock = lock;
  }

  /** @throws LockedError while a service runs on it; MoveError where there is no such file; Error when it cannot be read */
  static open(path: string): MoveSource {
    if (!existsSync(path)) throw new MoveError(`there is no database ${path}`);
    const lock = acquireLock(`${path}.lock`);
    try {
      const database = openForWriting(path);
      migrate(database);
      moveLoggedCounters(database);
      return new MoveSource(database, lock);
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /** Tells this state of this database from any other, as far as its events do. */
  fingerprint(): string {
    const row = this.#database
      .prepare(
        `SELECT count(*) || ' events to position ' || coalesce(max(position), 0) || ' of ' || coalesce(min(created_at_ms), 0)
           || ' to ' || coalesce(max(created_at_ms), 0) AS text FROM events`,
      )
      .get() as { text: string };
    return row.text;
  }

  lastPosition(): number {
    const row = this.#database.prepare("SELECT coalesce(max(position), 0) AS position FROM events").get();
    return (row as { position: number }).position;
  }

  count(plan: TablePlan): number {
    const statement = this.#database.prepare(`SELECT count(*) AS rows FROM ${sourceOf(plan)}`);
    return (statement.get() as { rows: number }).rows;
  }

  /** The rows after the one with this key, in order. */
  page(plan: TablePlan, after: readonly Cell[] | undefined, limit: number): Row[] {
    const key = plan.key.join(", ");
    const places = plan.key.map(() => "?").join(", ");
    const where = after === undefined ? "" : `WHERE (${key}) > (${places})`;
    const statement = this.#database.prepare(
      `SELECT * FROM ${sourceOf(plan)} ${where} ORDER BY ${key} LIMIT ${limit}`,
    );
    return statement.all(...(after ?? [])) as Row[];
  }

  close(): void {
    this.#database.close();
    this.#lock.release();
  }
}

function sourceOf({ name, from = name }: TablePlan): string {
  return from;
}
