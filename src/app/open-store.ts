/**
 * Which database the service runs on: the one place that knows the adapters of the store. The rest of the application
 * has the Store port, and the name to call the database by.
 */
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import type { Config, PostgresConfig } from "../config.ts";
import type { Metrics } from "../observability/metrics.ts";
import { StartError } from "../observability/start-error.ts";
import { PostgresStore } from "../store/postgres/postgres-store.ts";
import { LockedError } from "../store/sqlite/lock.ts";
import { SqliteStore } from "../store/sqlite/sqlite-store.ts";
import type { Store } from "../store/store.ts";
import { urlHost } from "./listening-host.ts";
import { postgresServer } from "./postgres-server.ts";

export interface OpenStore {
  readonly store: Store;
  readonly kind: "SQLite" | "PostgreSQL";
  /** The database as people are told of it: never with a password. */
  readonly databaseName: string;
}

/** Opens the database that the settings name, making it where it is new. @throws StartError saying why it cannot */
export async function openStore(config: Config, meter: Metrics): Promise<OpenStore> {
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
  const { postgres, databasePath } = config;
  if (postgres !== undefined) {
    const databaseName = nameOf(postgres);
    return { store: await openPostgres(postgres, databaseName, meter), kind: "PostgreSQL", databaseName };
  }
  return { store: await openSqlite(databasePath, meter), kind: "SQLite", databaseName: databasePath };
}

/** Without its password. */
function nameOf({ user, host, port, database }: PostgresConfig): string {
  return `postgres://${encodeURIComponent(user)}@${urlHost(host)}:${port}/${encodeURIComponent(database)}`;
}

async function openPostgres(config: PostgresConfig, name: string, meter: Metrics): Promise<Store> {
  const { poolSize, statementTimeoutMs, lockTimeoutMs, pooler } = config;
  try {
    const server = await postgresServer(config);
    return await PostgresStore.open({ server, poolSize, statementTimeoutMs, lockTimeoutMs, pooler, meter });
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw new StartError(`cannot open the database ${name}: ${problem}`, { cause: error });
  }
}

async function openSqlite(path: string, meter: Metrics): Promise<Store> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  try {
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
