// A store with data of its own, on the database that the run is on.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PostgresStore } from "../../src/store/postgres/postgres-store.ts";
import { SqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import type { Store } from "../../src/store/store.ts";
import { newPostgresDatabase } from "./test-database.ts";

export interface TestStore {
  readonly store: Store;
  /** Closes the store and removes its data. */
  readonly dispose: () => Promise<void>;
}

export async function openTestStore(): Promise<TestStore> {
  const url = await newPostgresDatabase();
  return url === undefined ? await openSqlite() : await openPostgres(new URL(url));
}

async function openSqlite(): Promise<TestStore> {
  const folder = await mkdtemp(join(tmpdir(), "countersign-store-"));
  const store = await SqliteStore.open({ path: join(folder, "test.db") });
  return {
    store,
    async dispose() {
      await store.close();
      await rm(folder, { recursive: true });
    },
  };
}

/** The database goes with the server of the run. */
async function openPostgres({ hostname, port, pathname, username }: URL): Promise<TestStore> {
  const server = { host: hostname, port: Number(port), database: pathname.slice(1), user: username };
  const store = await PostgresStore.open({ server });
  return { store, dispose: () => store.close() };
}
