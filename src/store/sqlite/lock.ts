/**
 * The exclusive lock on a database: one process at a time may write it.
 *
 * A SQLite transaction on an empty file beside the database holds it, because the operating system drops such a lock
 * with the process, however that ends: there is no stale lock file to clean up.
 */
import Database from "better-sqlite3";
import { sqliteCode } from "./connection.ts";

export interface Lock {
  release(): void;
}

export class LockedError extends Error {
  override readonly name = "LockedError";
}

/** @throws LockedError when another process (or another store of this one) holds the lock */
export function acquireLock(path: string): Lock {
  const database = new Database(path, { timeout: 0 });
  try {
    database.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    if (sqliteCode(error).startsWith("SQLITE_BUSY")) {
      throw new LockedError(`${path} is held by another running Countersign`, { cause: error });
    }
    throw error;
  }
  return { release: () => database.close() };
}
