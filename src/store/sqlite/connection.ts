/** How the database file is opened: for the one writer, and for readers. */
import Database from "better-sqlite3";

export const BUSY_TIMEOUT_MS = 5_000;
/** More gained nothing, not with a million users either: the system keeps the file's pages as well. */
const CACHE_KIBIBYTES = 16 * 1024;
/** Pages of log after which a checkpoint is made beside the commits: 16 MiB. */
export const CHECKPOINT_PAGES = 4_096;
/**
 * Pages of log after which the writer makes a checkpoint within a commit: soon after one beside the commits, so that little
 * is left to copy.
 */
const WRITER_CHECKPOINT_PAGES = 4 * CHECKPOINT_PAGES + 512;

/**
 * The writer's connection. synchronous=FULL is set explicitly: better-sqlite3 compiles SQLite with NORMAL as the default
 * for WAL, under which an acknowledged commit can be lost with the power.
 *
 * @param options.fileMustExist whether a file that is not there is an error rather than made. Default: it is made
 */
export function openForWriting(path: string, { fileMustExist = false } = {}): Database.Database {
  const database = new Database(path, { fileMustExist, timeout: BUSY_TIMEOUT_MS });
  database.pragma("journal_mode = WAL");
  database.pragma("synchronous = FULL");
  // On macOS a sync leaves the drive's own cache alone without these; elsewhere they change nothing.
  database.pragma("fullfsync = ON");
  database.pragma("checkpoint_fullfsync = ON");
  database.pragma(`cache_size = -${CACHE_KIBIBYTES}`);
  database.pragma(`wal_autocheckpoint = ${WRITER_CHECKPOINT_PAGES}`);
  database.pragma("temp_store = MEMORY");
  // What is deleted is to be gone from the file too, see erasure.ts. Within the noise of a command's time.
  database.pragma("secure_delete = ON");
  return database;
}

/** Beside the writer, for checkpoints only. Never waits: the writer may be at one itself. */
export function openForCheckpoints(path: string): Database.Database {
  const database = new Database(path, { fileMustExist: true, timeout: 0 });
  database.pragma("synchronous = FULL");
  database.pragma("checkpoint_fullfsync = ON");
  return database;
}

/** A reader sees what was committed to disk, never what a transaction is about to write. */
export function openForReading(path: string): Database.Database {
  const database = new Database(path, { readonly: true, fileMustExist: true, timeout: BUSY_TIMEOUT_MS });
  database.pragma("temp_store = MEMORY");
  return database;
}

/** SQLite's extended result code by name, such as SQLITE_IOERR_FSYNC; "" for what has none. */
export function sqliteCode(error: unknown): string {
  // Not by instanceof: the class is that of whoever loaded the native part first, in a process that loads it twice.
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === "string" ? code : "";
}
