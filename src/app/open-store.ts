/**
 * Which database the service runs on: the one place that knows the adapters of the store. The rest of the application
 * has the Store port, and the name to call the database by. An adapter is loaded where it is used.
 */
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import type { Config, PostgresConfig } from "../config.ts";
import type { CommitMeter } from "../observability/meters.ts";
import { StartError } from "../observability/start-error.ts";
import { LockedError } from "../store/sqlite/lock.ts";
import type { Store } from "../store/store.ts";
import { postgresName, postgresServer } from "./postgres-server.ts";

export interface OpenStore {
  readonly store: Store;
  readonly kind: "SQLite" | "PostgreSQL";
  /** The database as people are told of it: never with a password. */
  readonly databaseName: string;
}

/** Opens the database that the settings name, making it where it is new. @throws StartError saying why it cannot */
export async function openStore(config: Config, meter: CommitMeter): Promise<OpenStore> {
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
  const { postgres, databasePath } = config;
  if (postgres !== undefined) {
    const databaseName = postgresName(postgres);
    return { store: await openPostgres(postgres, databaseName, meter), kind: "PostgreSQL", databaseName };
  }
  return { store: await openSqlite(databasePath, meter), kind: "SQLite", databaseName: databasePath };
}

async function openPostgres(config: PostgresConfig, name: string, meter: CommitMeter): Promise<Store> {
  const { poolSize, statementTimeoutMs, lockTimeoutMs, pooler } = config;
  try {
    const { PostgresStore } = await import("../store/postgres/postgres-store.ts");
    const server = await postgresServer(config);
    return await PostgresStore.open({ server, poolSize, statementTimeoutMs, lockTimeoutMs, pooler, meter });
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw new StartError(`cannot open the database ${name}: ${problem}`, { cause: error });
  }
}

async function openSqlite(path: string, meter: CommitMeter): Promise<Store> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  try {
    const { SqliteStore } = await import("../store/sqlite/sqlite-store.ts");
    return await SqliteStore.open({ path, meter });
  } catch (error) {
    if (error instanceof LockedError) {
      throw new StartError(
        `${path} is in use by another running Countersign: stop that one, or set COUNTERSIGN_DATA_DIR to another directory`,
        { cause: error },
      );
    }
    const problem = error instanceof Error ? error.message : String(error);
    throw new StartError(`cannot open the database ${path}: ${problem}`, { cause: error });
  }
}
