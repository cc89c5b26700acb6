/**
 * The database that `countersign keys` works on.
 *
 * Keys are changed while no service runs, so that no code is made meanwhile. A SQLite file is locked by whoever has it open.
 * On PostgreSQL a lock keeps instances from starting, and those that run are seen; a look needs neither, and is for a time
 * when they run, too.
 */
import { existsSync } from "node:fs";
import { postgresName, postgresServer } from "../app.ts";
import type { Config, PostgresConfig } from "../config.ts";
import { StartError } from "../observability/start-error.ts";
import { PostgresStore } from "../store/postgres/postgres-store.ts";
import { InstancesRunError, StartLock } from "../store/postgres/start-lock.ts";
import { LockedError } from "../store/sqlite/lock.ts";
import { SqliteStore } from "../store/sqlite/sqlite-store.ts";
import type { Store } from "../store/store.ts";

/** There is nobody who waits for the answer beside the operator. */
const STATEMENT_TIMEOUT_MS = 60_000;
const LOCK_TIMEOUT_MS = 10_000;

export interface KeyDatabase {
  readonly store: Store;
  /** Rejects when a service may have started meanwhile. */
  readonly assertAlone: () => Promise<void>;
  close(): Promise<void>;
}

/** @throws StartError where it is not there, cannot be opened, or is in use and to be changed */
export function openKeyDatabase(
  { databasePath, postgres }: Config,
  purpose: "look" | "change",
): Promise<KeyDatabase> {
  return postgres === undefined ? openFile(databasePath) : openServer(postgres, purpose);
}

async function openFile(path: string): Promise<KeyDatabase> {
  // Opening would make one.
  if (!existsSync(path)) {
    throw new StartError(
      `there is no database ${path}: the first start of the service makes it, and its key; is COUNTERSIGN_DATA_DIR right?`,
    );
  }
  try {
    const store = await SqliteStore.open({ path });
    return { store, assertAlone: () => Promise.resolve(), close: () => store.close() };
  } catch (error) {
    if (error instanceof LockedError) {
      throw new StartError(`${path} is in use by another running Countersign: stop it first`, {
        cause: error,
      });
    }
    throw cannotOpen(path, error);
  }
}

async function openServer(config: PostgresConfig, purpose: "look" | "change"): Promise<KeyDatabase> {
  const name = postgresName(config);
  let lock: StartLock | undefined;
  try {
    const server = await postgresServer(config);
    if (purpose === "change") lock = await StartLock.take(server, LOCK_TIMEOUT_MS);
    const { pooler } = config;
    const statementTimeoutMs = STATEMENT_TIMEOUT_MS;
    const store = await PostgresStore.open({ server, pooler, statementTimeoutMs, use: "command" });
    return {
      store,
      async assertAlone() {
        await lock?.assertHeld();
      },
      async close() {
        await store.close();
        await lock?.release();
      },
    };
  } catch (error) {
    await lock?.release();
    if (error instanceof InstancesRunError) {
      throw new StartError(
        `${name} is in use (${error.message}): stop all instances first; how to replace a key while they run is said in docs/scaling.md`,
        { cause: error },
      );
    }
    throw cannotOpen(name, error);
  }
}

function cannotOpen(name: string, error: unknown): StartError {
  const problem = error instanceof Error ? error.message : String(error);
  return new StartError(`cannot open the database ${name}: ${problem}`, { cause: error });
}
