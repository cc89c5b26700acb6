// kill -9 at every step of `countersign keys rotate`: the key file is the old one or the new one, and all that was made
// with a key can be read with it.
import { expect, test } from "@jest/globals";
import { randomBytes } from "node:crypto";
import { cpSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { adoptKeyring, fitsKeyring, readKeyFile } from "../../src/store/key-file.ts";
import { rotateKeys } from "../../src/store/key-rotation.ts";
import { Keyring } from "../../src/store/keyring.ts";
import { SqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { matchesMac } from "../../src/verification/code.ts";
import { temporaryFolders } from "../contract/temporary.ts";
import { POLICY, World } from "../contract/world.ts";
import { runCommand } from "../support/command.ts";

const [OLD, EXPIRED] = [randomBytes(32), randomBytes(32)];
const INBOX_MAILS = 3;

const temporaryFolder = temporaryFolders();

test("a rotation that dies at any step leaves keys that the service starts with, and can be given again", async () => {
  const original = temporaryFolder();
  const code = await makeData(original);
  const outcomes = new Set<string>();
  for (let survived = 0; ; survived++) {
    const dataDir = temporaryFolder();
    cpSync(original, dataDir, { recursive: true });
    const { code: exitCode, signal } = await runCommand(["keys", "rotate"], {
      env: { COUNTERSIGN_DATA_DIR: dataDir, TEST_SURVIVED_STEPS: String(survived) },
      nodeArguments: ["--import", new URL("dies-at-step.ts", import.meta.url).href],
    });
    const { keys, problems } = await look(dataDir, code);
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
}, 120_000);

/** Served with OLD: a live code and mails in the inbox under it; before with EXPIRED, whose code is over. */
async function makeData(dataDir: string): Promise<string> {
  writeFileSync(join(dataDir, "secret.key"), [OLD, EXPIRED].map(keyLine).join(""), { mode: 0o600 });
  const store = await SqliteStore.open({ path: join(dataDir, "countersign.db") });
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

async function look(dataDir: string, code: string): Promise<{ keys: string; problems: string[] }> {
  const secrets = (await readKeyFile(join(dataDir, "secret.key"))) ?? [];
  const keyring = new Keyring(secrets);
  const problems: string[] = [];
  const store = await SqliteStore.open({ path: join(dataDir, "countersign.db") });
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
