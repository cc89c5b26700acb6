// The SQLite adapter against the suite that every adapter has to pass.
import { afterAll, jest } from "@jest/globals";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { storeContract, type OpenedStore } from "./store-contract.ts";

jest.setTimeout(60_000);

async function open(): Promise<OpenedStore> {
  const folder = mkdtempSync(join(tmpdir(), "countersign-store-"));
  const path = join(folder, "countersign.db");
  let store = await SqliteStore.open({ path });
  return {
    store,
    async reopen() {
      await store.close();
      store = await SqliteStore.open({ path });
      return store;
    },
    async dispose() {
      await store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

// Starting a thread takes most of a test's time: the next test's store starts while this test runs.
let next = open();

afterAll(async () => (await next).dispose());

storeContract("SqliteStore", () => {
  const opened = next;
  next = open();
  return opened;
});
