// kill -9 at every step of `countersign keys rotate`: the key file is the old one or the new one, and all that was made
// with a key can be read with it.
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { randomBytes } from "node:crypto";
import { cpSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { adoptKeyring, fitsKeyring, readKeyFile } from "../../src/store/key-file.ts";
import { rotateKeys } from "../../src/store/key-rotation.ts";
import { Keyring } from "../../src/store/keyring.ts";
import { matchesMac } from "../../src/verification/code.ts";
import { temporaryFolders } from "../contract/temporary.ts";
import { POLICY, World } from "../contract/world.ts";
import { runCommand } from "../support/command.ts";
import { TestPostgres } from "../support/postgres-server.ts";
import { openStoreAt } from "../support/test-store.ts";

const [OLD, EXPIRED] = [randomBytes(32), randomBytes(32)];
const INBOX_MAILS = 3;

const temporaryFolder = temporaryFolders();
let postgres: TestPostgres;

beforeAll(async () => {
  postgres = await TestPostgres.start();
});
afterAll(() => postgres.stop());

/** What a service leaves behind: a folder with its keys, and a database. */
interface Data {
  readonly folder: string;
  /** For `openStoreAt`. */
  readonly database: string;
}

interface Kind {
  readonly name: string;
  make(): Promise<Data>;
  copy(original: Data): Promise<Data>;
  settings(data: Data): Record<string, string>;
}

const KINDS: readonly Kind[] = [
  {
    name: "SQLite",
    make: async () => sqliteIn(temporaryFolder()),
    async copy({ folder }) {
      const copy = temporaryFolder();
      cpSync(folder, copy, { recursive: true });
      return sqliteIn(copy);
    },
    settings: ({ folder }) => ({ COUNTERSIGN_DATA_DIR: folder }),
  },
  {
    name: "PostgreSQL",
    make: async () => ({
      folder: temporaryFolder(),
      database: postgres.url(await postgres.createDatabase()),
    }),
    async copy({ folder, database }) {
      const copy = temporaryFolder();
      cpSync(folder, copy, { recursive: true });
      const name = new URL(database).pathname.slice(1);
      return { folder: copy, database: postgres.url(await postgres.copyDatabase(name)) };
    },
    settings: ({ folder, database }) => ({
      COUNTERSIGN_DATA_DIR: folder,
      COUNTERSIGN_DATABASE_URL: database,
      COUNTERSIGN_SECRET_KEY_FILE: keyFileIn(folder),
      COUNTERSIGN_ADMIN_TOKEN: "a".repeat(32),
    }),
  },
];

test.each(KINDS.map((kind) => [kind.name, kind] as const))(
  "%s: a rotation that dies at any step leaves keys that the service starts with, and can be given again",
  async (_name, kind) => {
    const original = await kind.make();
    const code = await fill(original);
    const outcomes = new Set<string>();
    for (let survived = 0; ; survived++) {
      const data = await kind.copy(original);
      const { code: exitCode, signal } = await runCommand(["keys", "rotate"], {
        env: { ...kind.settings(data), TEST_SURVIVED_STEPS: String(survived) },
        nodeArguments: ["--import", new URL("dies-at-step.ts", import.meta.url).href],
      });
      const { keys, problems } = await look(data, code);
      expect({ survived, problems }).toEqual({ survived, problems: [] });
      outcomes.add(keys);
      if (signal === "SIGKILL") continue;
      expect(exitCode).toBe(0);
      expect(keys).toBe("fresh, old");
      // Two key files of five or six steps each, a write for each mail, and one for the key's id.
      expect(survived).toBeGreaterThanOrEqual(10 + INBOX_MAILS + 1);
      break;
    }
    expect([...outcomes]).toEqual(["old, expired", "fresh, old, expired", "fresh, old"]);
  },
  120_000,
);

function sqliteIn(folder: string): Data {
  return { folder, database: join(folder, "countersign.db") };
}

function keyFileIn(folder: string): string {
  return join(folder, "secret.key");
}

/** Served with OLD: a live code and mails in the inbox under it; before with EXPIRED, whose code is over. */
async function fill({ folder, database }: Data): Promise<string> {
  writeFileSync(keyFileIn(folder), [OLD, EXPIRED].map(keyLine).join(""), { mode: 0o600 });
  const store = await openStoreAt(database);
  const before = new World(store, {}, new Keyring([EXPIRED]));
  before.nowMs = Date.now() - POLICY.codeTtlMs - 1;
  await before.addOrganization();
  await before.addUser("eve");
  await before.sendCode("eve", { kind: "return" });
  const world = new World(store, {}, new Keyring([OLD, EXPIRED]));
  world.nowMs = Date.now();
  await adoptKeyring(store, world.keyring);
  await world.addUser("ada");
  await world.sendCode("ada");
  for (let index = 0; index < INBOX_MAILS; index++) {
    const deliveryId = `delivery-${index}`;
    const sealed = world.keyring.seal("mail", deliveryId);
    await store.addInboxMail({ deliveryId, receivedAtMs: world.nowMs, sealed });
  }
  await store.close();
  return world.codeOf("ada");
}

function keyLine(key: Uint8Array): string {
  return `${Buffer.from(key).toString("base64")}\n`;
}

async function look({ folder, database }: Data, code: string): Promise<{ keys: string; problems: string[] }> {
  const secrets = (await readKeyFile(keyFileIn(folder))) ?? [];
  const keyring = new Keyring(secrets);
  const problems: string[] = [];
  const store = await openStoreAt(database);
  try {
    if (!(await fitsKeyring(store, keyring))) problems.push("a start would be refused");
    const live = (await store.findUser("ada"))?.code;
    if (!live || !matchesMac(live.mac, keyring.candidateMacs("ada", code)))
      problems.push("the code is no good");
    const [mail] = await store.claimDeliveries(1, Date.now(), Date.now());
    if (mail === undefined || keyring.open(mail.sealedCode, mail.deliveryId) !== code) {
      problems.push("the mail has another code");
    }
    const inbox = await store.listInboxMails(10);
    const opened = inbox.map(({ sealed, deliveryId }) => keyring.open(sealed, deliveryId));
    if (opened.join() !== Array(INBOX_MAILS).fill("mail").join()) problems.push(`inbox: ${opened.join()}`);
    const save = () => Promise.resolve();
    await rotateKeys({ store, secrets, source: "the test", nowMs: Date.now(), save, randomBytes });
  } catch (error) {
    problems.push(String(error));
  } finally {
    await store.close();
  }
  const names = secrets.map((secret) =>
    secret.equals(OLD) ? "old" : secret.equals(EXPIRED) ? "expired" : "fresh",
  );
  return { keys: names.join(", "), problems };
}
