/** A look at the database from outside, whether a service has it open or not: reads alone, in one transaction. */
import { statSync } from "node:fs";
import type { PendingState } from "../deliveries.ts";
import { openForReading } from "./connection.ts";
import { integrityProblems } from "./integrity.ts";
import { SCHEMA_VERSION } from "./schema.ts";

export interface DatabaseInspection {
  readonly bytes: number;
  /** Of the log beside it, which holds what was written last. */
  readonly logBytes: number;
  /** 0 for a file without tables; then all that follows is empty. */
  readonly schemaVersion: number;
  /** What this program brings a database to. */
  readonly programSchemaVersion: number;
  /** What is damaged. */
  readonly damage: readonly string[];
  readonly lastPosition: number;
  /** Milliseconds since the Unix epoch; undefined where there is no event. */
  readonly lastEventAtMs: number | undefined;
  /** Mails that have not come to their end. */
  readonly waiting: readonly WaitingMails[];
  /** Since when the mail has been due that is due longest; undefined where none waits. */
  readonly dueSinceMs: number | undefined;
  readonly metadata: ReadonlyMap<string, string>;
}

export interface WaitingMails {
  readonly state: PendingState;
  readonly count: number;
  readonly oldestQueuedAtMs: number;
}

/** Reads the whole file once, some seconds per gigabyte. @throws Error of SQLite where it cannot be opened or read */
export function inspectDatabase(path: string): DatabaseInspection {
  const database = openForReading(path);
  try {
    return database.transaction(() => {
      const pluck = (sql: string) => database.prepare(sql).pluck().get() as number | null;
      const schemaVersion = database.pragma("user_version", { simple: true }) as number;
      const files = {
        bytes: bytesOf(path),
        logBytes: bytesOf(`${path}-wal`),
        schemaVersion,
        programSchemaVersion: SCHEMA_VERSION,
      };
      const damage = integrityProblems(database, "quick_check");
      if (schemaVersion === 0 || damage.length > 0) return { ...files, damage, ...NOTHING };
      const rows = database.prepare("SELECT key, value FROM metadata").raw().all() as [string, string][];
      return {
        ...files,
        damage,
        lastPosition: pluck("SELECT max(position) FROM events") ?? 0,
        lastEventAtMs: pluck("SELECT created_at_ms FROM events ORDER BY position DESC LIMIT 1") ?? undefined,
        waiting: database
          .prepare(
            `SELECT state, count(*) AS count, min(queued_at_ms) AS oldestQueuedAtMs
             FROM outbox WHERE due_at_ms IS NOT NULL GROUP BY state ORDER BY state`,
          )
          .all() as WaitingMails[],
        dueSinceMs: pluck("SELECT min(due_at_ms) FROM outbox WHERE due_at_ms > 0") ?? undefined,
        metadata: new Map(rows),
      };
    })();
  } finally {
    database.close();
  }
}

const NOTHING = {
  lastPosition: 0,
  lastEventAtMs: undefined,
  waiting: [],
  dueSinceMs: undefined,
  metadata: new Map<string, string>(),
};

function bytesOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
