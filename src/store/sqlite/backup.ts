/**
 * A copy of the database while a service writes it.
 *
 * A connection of its own opens a read transaction and copies, some pages at a time, what the database was in that moment:
 * with write-ahead logging a reader keeps no writer waiting, nor does what is written meanwhile change what it sees. (Without
 * the transaction SQLite would begin anew with each commit, and under load never come to an end.) Meanwhile the log cannot
 * be written over from its beginning, so it grows by what is committed.
 *
 * The copy is made under another name, gets a rollback journal in place of the log, so that it is one file that needs no
 * other, is checked as a whole, synced, and takes its name last. Whatever happens before leaves no file of that name.
 */
import { existsSync } from "node:fs";
import { link, open, rename, rm, stat, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import Database from "better-sqlite3";
import { StartError } from "../../observability/start-error.ts";
import { openForReading } from "./connection.ts";
import { integrityProblems } from "./integrity.ts";

export interface BackupOptions {
  /** The database. */
  readonly path: string;
  /** The copy. */
  readonly target: string;
  /** Told again and again what is done. */
  readonly onProgress?: (done: BackupProgress) => void;
  /** Gives the backup up while it copies. */
  readonly signal?: AbortSignal;
}

export type BackupProgress =
  | { readonly step: "copying"; readonly bytes: number; readonly ofBytes: number }
  | { readonly step: "checking"; readonly bytes: number };

export interface Backup {
  readonly bytes: number;
  /** Every event up to this position is in the copy, and none beyond. */
  readonly lastPosition: number;
  readonly schemaVersion: number;
}

/** Copied between two looks at everything else: 4 MiB, some milliseconds. */
const PAGES_PER_STEP = 1_024;
const OWNER_ONLY = 0o600;
const MEBIBYTE = 1024 * 1024;

interface Snapshot {
  readonly pageBytes: number;
  readonly lastPosition: number;
  readonly schemaVersion: number;
}

/**
 * @throws StartError for what the operator can change; the signal's reason where it was given up; Error of SQLite or of the
 * file system
 */
export async function backUp(options: BackupOptions): Promise<Backup> {
  const { path, target } = options;
  if (!existsSync(path)) throw new StartError(`there is no database ${path}: is COUNTERSIGN_DATA_DIR right?`);
  refuseExisting(target);
  await refuseFullDisk(path, target);
  const unfinished = `${target}.unfinished`;
  await makeFile(unfinished);
  try {
    const snapshot = await copy(options, unfinished);
    const { size: bytes } = await stat(unfinished);
    options.onProgress?.({ step: "checking", bytes });
    check(unfinished, snapshot);
    await sync(unfinished, "r+");
    await giveName(unfinished, target);
    return { bytes, lastPosition: snapshot.lastPosition, schemaVersion: snapshot.schemaVersion };
  } finally {
    for (const suffix of ["", "-journal", "-wal", "-shm"]) await rm(unfinished + suffix, { force: true });
  }
}

function refuseExisting(target: string): void {
  if (!existsSync(target)) return;
  throw new StartError(`${target} is there already: a backup replaces no file, so choose another name`);
}

async function refuseFullDisk(path: string, target: string): Promise<void> {
  const [{ size }, { bavail, bsize }] = await Promise.all([stat(path), statfs(dirname(target))]);
  const free = bavail * bsize;
  if (free >= size) return;
  const inMebibytes = (bytes: number) => `${Math.ceil(bytes / MEBIBYTE).toLocaleString("en-US")} MiB`;
  throw new StartError(
    `${dirname(target)} has ${inMebibytes(free)} left, and the copy takes ${inMebibytes(size)}: choose another place`,
  );
}

async function makeFile(path: string): Promise<void> {
  try {
    const file = await open(path, "wx", OWNER_ONLY);
    // Whatever the umask is.
    await file.chmod(OWNER_ONLY);
    await file.close();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    throw new StartError(
      `${path} is there: another backup to that name is under way, or one died; in that case remove the file`,
      { cause: error },
    );
  }
}

async function copy({ path, onProgress, signal }: BackupOptions, to: string): Promise<Snapshot> {
  const database = openForReading(path);
  try {
    database.exec("BEGIN");
    // The transaction sees the database as it is from the first read on.
    const snapshot = read(database);
    await database.backup(to, {
      progress({ totalPages, remainingPages }) {
        signal?.throwIfAborted();
        onProgress?.({
          step: "copying",
          bytes: (totalPages - remainingPages) * snapshot.pageBytes,
          ofBytes: totalPages * snapshot.pageBytes,
        });
        return PAGES_PER_STEP;
      },
    });
    return snapshot;
  } finally {
    database.close();
  }
}

function read(database: Database.Database): Snapshot {
  return {
    pageBytes: database.pragma("page_size", { simple: true }) as number,
    lastPosition: database.prepare("SELECT coalesce(max(position), 0) FROM events").pluck().get() as number,
    schemaVersion: database.pragma("user_version", { simple: true }) as number,
  };
}

/** @throws StartError where the copy is not whole */
function check(path: string, { lastPosition }: Snapshot): void {
  const database = new Database(path, { fileMustExist: true });
  try {
    database.pragma("journal_mode = DELETE");
    const problems = [...integrityProblems(database, "integrity_check")];
    if (problems.length === 0 && read(database).lastPosition !== lastPosition) {
      problems.push("its last event is another one");
    }
    if (problems.length === 0) return;
    throw new StartError(
      `the copy is damaged, and was removed; so the database is likely to be damaged, too: ${problems.slice(0, 3).join("; ")}`,
    );
  } finally {
    database.close();
  }
}

/** A file that came to that name meanwhile is not replaced either. */
async function giveName(path: string, name: string): Promise<void> {
  try {
    await link(path, name);
  } catch {
    refuseExisting(name);
    // Not every file system knows several names of one file.
    await rename(path, name);
  }
  // So that the name lasts, too. Windows knows no such thing.
  if (process.platform !== "win32") await sync(dirname(name), "r");
}

async function sync(path: string, flags: "r" | "r+"): Promise<void> {
  const file = await open(path, flags);
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
