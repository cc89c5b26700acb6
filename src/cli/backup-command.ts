/** What `countersign backup` does. */
import { loadConfig } from "../config.ts";
import { StartError } from "../observability/start-error.ts";
import { backUp, type Backup } from "../store/sqlite/backup.ts";
import { BackupLine } from "./backup-line.ts";
import { EXIT_FAILED, EXIT_OK, EXIT_USAGE, SIGNAL_EXIT_CODES } from "./exit-codes.ts";
import { watchInterrupts } from "./import/interrupts.ts";
import { bytesText, countText } from "./table.ts";
import { writeJson } from "./write-json.ts";

/** The settings' flags under their names in camel case. */
export interface BackupFlags {
  readonly dataDir?: string;
  readonly databaseUrl?: string;
  /** Answer with JSON on stdout. */
  readonly json?: boolean;
}

/**
 * @param file the copy
 * @returns the exit code: 0 when it is there and sound, 1 when there is none, 2 for a wrong configuration, 130 or 143 when a
 * signal ended it
 */
export async function backupCommand(file: string, { json, ...flags }: BackupFlags): Promise<number> {
  const loaded = loadConfig(process.env, { ...flags });
  if (!loaded.ok) {
    process.stderr.write(loaded.problems.map((problem) => `${problem}\n`).join(""));
    return EXIT_USAGE;
  }
  const { databasePath, postgres } = loaded.config;
  if (postgres !== undefined) {
    process.stderr.write(
      "countersign: no backup was made: the database is PostgreSQL's, which has backups of its own (pg_dump, or pg_basebackup with an archive of its log): docs/operations.md\n",
    );
    return EXIT_USAGE;
  }
  // SQLite makes files beside a database that it opens.
  process.umask(0o077);
  const interrupts = watchInterrupts();
  const line = new BackupLine(process.stderr);
  try {
    const { signal } = interrupts;
    const backup = await backUp({
      path: databasePath,
      target: file,
      onProgress: (progress) => line.show(progress),
      signal,
    });
    line.end();
    if (json === true) writeJson({ file, ...backup });
    else process.stdout.write(reportOf(file, backup));
    return EXIT_OK;
  } catch (error) {
    line.end();
    if (interrupts.received !== undefined) return SIGNAL_EXIT_CODES[interrupts.received];
    process.stderr.write(`countersign: no backup was made: ${problemOf(error)}\n`);
    return EXIT_FAILED;
  } finally {
    interrupts.unwatch();
  }
}

function reportOf(file: string, { bytes, lastPosition }: Backup): string {
  return (
    `${file}: ${bytesText(bytes)}, checked, with all events up to position ${countText(lastPosition)}.\n` +
    "Keep the secret key too, and apart from it: without the key a database is refused.\n"
  );
}

function problemOf(error: unknown): string {
  if (error instanceof StartError) return error.message;
  const { code, path, message } = error as NodeJS.ErrnoException;
  if (typeof code === "string" && typeof path === "string") return `cannot use ${path} (${code})`;
  return message;
}
