/** A database that `countersign migrate-store` has not filled yet is nothing to serve from. */
import type { Database } from "./database.ts";

/** In `metadata`, from the first row of a move to its end. */
export const UNFINISHED_MOVE_KEY = "unfinished_move";

/** @throws Error while a move into the database is not at its end */
export async function refuseUnfinishedMove(database: Database): Promise<void> {
  const { rows } = await database.read("SELECT 1 FROM metadata WHERE key = $1", [UNFINISHED_MOVE_KEY]);
  if (rows.length > 0) {
    throw new Error(
      "a move into it was begun and is not at its end: run the same `countersign migrate-store` again, or empty the database",
    );
  }
}
