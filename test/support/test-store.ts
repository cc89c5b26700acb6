// A store with data of its own, on the database that the run is on.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PostgresStore } from "../../src/store/postgres/postgres-store.ts";
import { SqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import type { Store } from "../../src/store/store.ts";
import { deserted, newPostgresDatabase, postgresUrlIn } from "./test-database.ts";

export interface TestStore {
  readonly store: Store;
  /** Closes the store and removes its data. */
  readonly dispose: () => Promise<void>;
}

export async function openTestStore(): Promise<TestStore> {
  const url = await newPostgresDatabase();
  if (url === undefined) return await openSqlite();
  const store = await openStoreAt(url);
  // The database goes with the server of the run.
  return { store, dispose: () => store.close() };
}

/** The store of a service whose data directory this is, while the service is not there. */
export async function openStoreIn(dataDir: string): Promise<Store> {
  await deserted(dataDir);
  return await openStoreAt(postgresUrlIn(dataDir) ?? join(dataDir, "countersign.db"));
}

/** @param place the path of a SQLite file, or the URL of a PostgreSQL database */
export async function openStoreAt(place: string): Promise<Store> {
  if (!place.startsWith("postgres://")) return await SqliteStore.open({ path: place });
  const { hostname, port, pathname, username } = new URL(place);
  return await PostgresStore.open({
    server: { host: hostname, port: Number(port), database: pathname.slice(1), user: username },
  });
}

async function openSqlite(): Promise<TestStore> {
  const folder = await mkdtemp(join(tmpdir(), "countersign-store-"));
  const store = await openStoreAt(join(folder, "test.db"));
  return {
    store,
    async dispose() {
      await store.close();
      await rm(folder, { recursive: true });
    },
  };
}
