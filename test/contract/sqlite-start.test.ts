// A start on a database that is as it should be writes nothing, and the writer thread comes with the first write.
import { afterEach, expect, test } from "@jest/globals";
import { readdirSync, renameSync } from "node:fs";
import { dirname, join } from "node:path";
import { bootstrap } from "../../src/access/bootstrap.ts";
import { adoptKeyring } from "../../src/store/key-file.ts";
import { SqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { temporaryFolders } from "./temporary.ts";
import { World } from "./world.ts";

const TOKEN = "token-of-the-operator-token-of-the-operator";

const folderOf = temporaryFolders();
const stores: SqliteStore[] = [];
afterEach(() => Promise.all(stores.splice(0).map((store) => store.close())));

async function open(path: string): Promise<SqliteStore> {
  const store = await SqliteStore.open({ path });
  stores.push(store);
  return store;
}

/** @returns how many transactions it made */
async function startOn(path: string, adminToken: string): Promise<number> {
  const store = await open(path);
  let commits = 0;
  store.committed(() => (commits += 1));
  const { environments, keyring } = new World(store);
  expect(await adoptKeyring(store, keyring)).toBe(true);
  await bootstrap({
    store,
    environments,
    randomBytes: () => new Uint8Array(),
    adminToken,
    tokenFile: join(dirname(path), "admin.token"),
  });
  await store.close();
  return commits;
}

test("a later start makes no transaction, unless the admin token is another", async () => {
  const path = join(folderOf(), "countersign.db");
  expect(await startOn(path, TOKEN)).toBeGreaterThan(0);
  expect(await startOn(path, TOKEN)).toBe(0);
  expect(await startOn(path, `other-${TOKEN}`)).toBeGreaterThan(0);
  expect(await startOn(path, `other-${TOKEN}`)).toBe(0);
});

test("a database in which nothing was written is one file after its close", async () => {
  const path = join(folderOf(), "countersign.db");
  await startOn(path, TOKEN);
  const store = await open(path);
  expect(await store.lastPosition()).toBeGreaterThan(0);
  await store.close();
  expect(readdirSync(dirname(path)).toSorted()).toEqual(["countersign.db", "countersign.db.lock"]);
});

test("a database that is closed with its first write under way has it", async () => {
  const path = join(folderOf(), "countersign.db");
  await startOn(path, TOKEN);
  const store = await open(path);
  await Promise.all([store.setMetadata("colour", "green", "always"), store.close()]);
  expect(await (await open(path)).getMetadata("colour")).toBe("green");
});

test("a database that is gone by the first write refuses it, and the store has failed", async () => {
  const path = join(folderOf(), "countersign.db");
  await startOn(path, TOKEN);
  const store = await open(path);
  for (const end of ["", "-wal", "-shm"]) renameSync(path + end, `${path}.away${end}`);
  await expect(store.setMetadata("colour", "green", "always")).rejects.toMatchObject({
    failure: { name: "STORE_UNAVAILABLE" },
  });
  expect((await store.failed).message).toBe("unable to open database file");
});

test("mails that a killed process had in hand are due when the next one has the database open", async () => {
  const path = join(folderOf(), "countersign.db");
  const store = await open(path);
  const world = new World(store);
  await world.addOrganization();
  await world.addUser("ada", { email: { address: "ada@example.com", verification: { kind: "send" } } });
  const leaseUntilMs = world.nowMs + 3_600_000;
  expect(await store.claimDeliveries(1, world.nowMs, leaseUntilMs)).toHaveLength(1);
  expect(await store.nextDeliveryDueMs()).toBe(leaseUntilMs);
  // Leases outlive their process; a dispatcher that ends in peace releases them first.
  await store.close();
  expect(await (await open(path)).nextDeliveryDueMs()).toBe(0);
});
