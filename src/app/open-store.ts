/**
 * Which database the service runs on: the one place that knows the adapters of the store. The rest of the application
 * has the Store port, and the name to call the database by.
 */
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import type { Config } from "../config.ts";
import type { Metrics } from "../observability/metrics.ts";
import { StartError } from "../observability/start-error.ts";
import { LockedError } from "../store/sqlite/lock.ts";
import { SqliteStore } from "../store/sqlite/sqlite-store.ts";
import type { Store } from "../store/store.ts";

export interface OpenStore {
  readonly store: Store;
  /** The database as people are told of it: never with a password. */
  readonly databaseName: string;
}

/** Opens the database that the settings name, making it where it is new. @throws StartError saying why it cannot */
export async function openStore(config: Config, meter: Metrics): Promise<OpenStore> {
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
  return { store: await openSqlite(config.databasePath, meter), databaseName: config.databasePath };
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
