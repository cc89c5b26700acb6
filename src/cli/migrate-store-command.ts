/** What `countersign migrate-store` does. */
import { postgresServer } from "../app.ts";
import { Fault, parseDatabaseUrl } from "../config.ts";
import { MoveError } from "../store/moving/move-error.ts";
import type { MoveProgress, MoveResult } from "../store/moving/move.ts";
import { moveDatabases } from "../store/moving/move-databases.ts";
import { LockedError } from "../store/sqlite/lock.ts";
import { EXIT_FAILED, EXIT_OK, EXIT_USAGE, SIGNAL_EXIT_CODES } from "./exit-codes.ts";
import { Progress } from "./import/progress.ts";
import { watchInterrupts } from "./import/interrupts.ts";
import { countText } from "./table.ts";
import { writeJson } from "./write-json.ts";

export interface MigrateStoreFlags {
  readonly from: string;
  readonly to?: string;
}

/** @returns the exit code: 0 moved and compared, 1 stopped by what stderr says, 2 wrong usage, 130 or 143 interrupted */
export async function migrateStoreCommand({ from, to }: Required<MigrateStoreFlags>): Promise<number> {
  const source = parseDatabaseUrl(from);
  const target = parseDatabaseUrl(to);
  if (source instanceof Fault) return usage(`--from ${source.text}`);
  if (target instanceof Fault) return usage(`where to move to ${target.text}`);
  if (source.kind !== "sqlite" || target.kind !== "postgres") {
    return usage("a move goes --from sqlite:<path> --to postgres://user:password@host/database");
  }
  const interrupts = watchInterrupts();
  let now: MoveProgress = { phase: "copying", table: "", rows: 0, allRows: 1 };
  const progress = new Progress(process.stderr, () => ({
    rows: now.rows,
    rejected: 0,
    part: now.allRows === 0 ? 1 : now.rows / now.allRows,
  }));
  try {
    const result = await moveDatabases({
      from: source.path,
      to: await postgresServer(target.address),
      nowMs: Date.now(),
      signal: interrupts.signal,
      onProgress: (state) => {
        const isNewPhase = state.phase !== now.phase;
        // What an earlier run has copied says nothing of this one's speed.
        const isFirst = now.table === "";
        now = state;
        if (isNewPhase)
          progress.say(`copied ${countText(state.allRows)} rows; comparing each with its source\n`);
        if (isNewPhase || isFirst) progress.startClock();
      },
    });
    progress.end();
    if (result.isFinished) return report(result);
    process.stderr.write("stopped; the same command goes on from here\n");
    return SIGNAL_EXIT_CODES[interrupts.received ?? "SIGTERM"];
  } catch (error) {
    progress.end();
    process.stderr.write(`${problemOf(error, source.path)}\n`);
    return EXIT_FAILED;
  } finally {
    interrupts.unwatch();
  }
}

function usage(problem: string): number {
  process.stderr.write(`${problem}\n`);
  return EXIT_USAGE;
}

function report({ rows }: MoveResult): number {
  if (process.stdout.isTTY) {
    for (const [table, count] of Object.entries(rows))
      process.stdout.write(`${table.padEnd(20)}${countText(count).padStart(14)}\n`);
    process.stdout.write("everything is there, and every row is as it was in the source\n");
  } else writeJson({ rows });
  process.stderr.write(
    "start the service with COUNTERSIGN_DATABASE_URL set to the new database, and with COUNTERSIGN_SECRET_KEY and COUNTERSIGN_ADMIN_TOKEN as they are in the data directory (secret.key, admin.token)\n",
  );
  return EXIT_OK;
}

function problemOf(error: unknown, databasePath: string): string {
  if (error instanceof LockedError)
    return `${databasePath} is in use by a running Countersign: stop it first, so that nothing changes during the move`;
  const message = error instanceof Error ? error.message : String(error);
  return error instanceof MoveError
    ? message
    : `the move stopped: ${message}; the same command goes on from here`;
}
