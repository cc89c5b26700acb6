/** A move between two databases that are still to be opened. */
import { Database } from "../postgres/database.ts";
import type { PostgresServer } from "../postgres/options.ts";
import { migrate } from "../postgres/schema.ts";
import { moveStore, type MoveOptions, type MoveResult } from "./move.ts";
import { MoveSource } from "./source.ts";
import { MoveTarget } from "./target.ts";

export interface MoveDatabasesOptions extends Omit<MoveOptions, "source" | "target"> {
  /** Path of the SQLite database. */
  readonly from: string;
  readonly to: PostgresServer;
}

/**
 * Makes the tables of the target where they are missing, and moves.
 *
 * @throws MoveError, LockedError; Error when one of both cannot be opened
 */
export async function moveDatabases({ from, to, ...options }: MoveDatabasesOptions): Promise<MoveResult> {
  const source = MoveSource.open(from);
  try {
    const database = new Database({ server: to });
    try {
      await database.open();
      await migrate(database);
    } finally {
      await database.close();
    }
    const target = await MoveTarget.open(to);
    try {
      return await moveStore({ source, target, ...options });
    } finally {
      await target.close();
    }
  } finally {
    source.close();
  }
}
