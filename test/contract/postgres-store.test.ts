// The PostgreSQL adapter against the suite that every adapter has to pass.
import { afterAll, beforeAll, jest } from "@jest/globals";
import { PostgresStore } from "../../src/store/postgres/postgres-store.ts";
import { TestPostgres } from "../support/postgres-server.ts";
import { storeContract, type OpenedStore } from "./store-contract.ts";

jest.setTimeout(60_000);

let server: TestPostgres;

beforeAll(async () => {
  server = await TestPostgres.start();
});

afterAll(() => server.stop());

/** There is one instance: it looks for others' commits so seldom that no test hears of what it has found. */
const POLL_INTERVAL_MS = 600_000;

storeContract("PostgresStore", async (): Promise<OpenedStore> => {
  const database = await server.createDatabase();
  const open = () => PostgresStore.open({ server: server.at(database), pollIntervalMs: POLL_INTERVAL_MS });
  let store = await open();
  return {
    store,
    async reopen() {
      await store.close();
      store = await open();
      return store;
    },
    async dispose() {
      await store.close();
      await server.dropDatabase(database);
    },
  };
});
