/**
 * Fills a data folder through the store, thousands of users at a time: `node fill-sqlite.ts <folder> <users> <mails>`.
 * The mails go to the first users.
 */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { bootstrap } from "../../src/access/bootstrap.ts";
import { EnvironmentFactory } from "../../src/store/environment-factory.ts";
import { IdentifierFactory } from "../../src/store/identifiers.ts";
import { adoptKeyring, makeKeyFile } from "../../src/store/key-file.ts";
import { Keyring } from "../../src/store/keyring.ts";
import { SqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { UNAMBIGUOUS_ALPHABET } from "../../src/verification/code.ts";
import { BENCH_POLICY } from "../policy.ts";
import { ADMIN_TOKEN } from "./database.ts";

const IN_FLIGHT = 4_096;

const [folder = "", users, mails] = process.argv.slice(2);
const store = await SqliteStore.open({ path: join(folder, "countersign.db") });
const keyring = new Keyring(await makeKeyFile(join(folder, "secret.key"), randomBytes));
await adoptKeyring(store, keyring);
const environments = new EnvironmentFactory({
  nowMs: Date.now,
  randomBytes,
  identifiers: new IdentifierFactory(Date.now, randomBytes),
  keyring,
  policy: BENCH_POLICY,
  codeAlphabet: UNAMBIGUOUS_ALPHABET,
  codeLength: 6,
});
const { organizationId } = await bootstrap({
  store,
  environments,
  randomBytes,
  adminToken: ADMIN_TOKEN,
  tokenFile: join(folder, "admin.token"),
});

async function add(user: number): Promise<void> {
  const userId = `user${String(user).padStart(7, "0")}`;
  const isMailed = user < Number(mails);
  const caller = { kind: "system" } as const;
  const env = isMailed ? environments.withNewCode(caller, userId).env : environments.plain(caller);
  const profile = { givenName: "Ada", familyName: "Lovelace" };
  const email = {
    address: `${userId}@example.com`,
    verification: { kind: isMailed ? "send" : "none" },
  } as const;
  await store.execute({ type: "user.add", userId, organizationId, profile, email }, env);
}

for (let first = 0; first < Number(users); first += IN_FLIGHT) {
  const count = Math.min(IN_FLIGHT, Number(users) - first);
  await Promise.all(Array.from({ length: count }, (_, index) => add(first + index)));
}
await store.close();
console.log(JSON.stringify({ users: Number(users) }));
process.exit();
