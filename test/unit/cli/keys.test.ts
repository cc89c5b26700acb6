// Key rotation as an operator does it: real processes, a real relay, a service that stops, is given a new key, and goes on.
import { afterEach, describe, expect, test } from "@jest/globals";
import Database from "better-sqlite3";
import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { temporaryFolders } from "../../contract/temporary.ts";
import { Relay } from "../../mail/relay.ts";
import { runCommand, type CommandResult } from "../../support/command.ts";
import { serverProcesses, type ServerProcess } from "../../support/server-process.ts";

const HOUR_MS = 3_600_000;
const AHEAD = ["--import", new URL("../../support/clock-offset.ts", import.meta.url).href];
const UNTIL = /\d{4}-\d\d-\d\d \d\d:\d\d UTC/;

const temporaryFolder = temporaryFolders();
const start = serverProcesses();
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

/** A data directory, the processes that use it, and the keys that none of them may print. */
class Installation {
  readonly dataDir = temporaryFolder();
  readonly env: Record<string, string> = {};
  #server: ServerProcess | undefined;
  #url = "";

  get keyFile(): string {
    return join(this.dataDir, "secret.key");
  }

  /** The lines of the key file. */
  get keys(): readonly string[] {
    return readFileSync(this.keyFile, "utf8").trim().split("\n");
  }

  async start(): Promise<void> {
    this.#server = start({ dataDir: this.dataDir, env: { COUNTERSIGN_SHUTDOWN_GRACE: "1s", ...this.env } });
    this.#url = await this.#server.ready();
  }

  async stop(): Promise<void> {
    expect(await this.#server?.end("SIGTERM")).toEqual({ code: 0, signal: null });
  }

  async post(path: string, body: object): Promise<{ status: number; answer: Record<string, unknown> }> {
    const token = readFileSync(join(this.dataDir, "admin.token"), "utf8").trim();
    const response = await fetch(`${this.#url}${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(10_000),
    });
    return { status: response.status, answer: (await response.json()) as Record<string, unknown> };
  }

  /** @returns the code where it is returned */
  async addUser(userId: string, verification: object): Promise<string> {
    const { status, answer } = await this.post("/v2/users/human", {
      userId,
      profile: { givenName: "Ada", familyName: "Lovelace" },
      email: { email: `${userId}@example.com`, ...verification },
    });
    expect([status, answer]).toEqual([200, expect.anything()]);
    return String(answer["emailCode"]);
  }

  async inbox(): Promise<readonly unknown[]> {
    const response = await fetch(`${this.#url}/inbox?format=json`, { signal: AbortSignal.timeout(10_000) });
    return ((await response.json()) as { mails: unknown[] }).mails;
  }

  async verify(userId: string, verificationCode: string): Promise<number> {
    return (await this.post(`/v2/users/${userId}/email/verify`, { verificationCode })).status;
  }

  async keysCommand(
    args: readonly string[],
    { env = {}, aheadMs = 0 }: { env?: Record<string, string>; aheadMs?: number } = {},
  ): Promise<CommandResult> {
    const before = this.#everyKey(env);
    const result = await runCommand(["keys", ...args], {
      env: {
        COUNTERSIGN_DATA_DIR: this.dataDir,
        ...this.env,
        ...env,
        TEST_CLOCK_OFFSET_MS: String(aheadMs),
      },
      nodeArguments: AHEAD,
    });
    for (const key of [...before, ...this.#everyKey(env)]) {
      expect(result.stdout + result.stderr).not.toContain(key.replace(/=+$/, ""));
      expect(result.stdout + result.stderr).not.toContain(Buffer.from(key, "base64").toString("hex"));
    }
    return result;
  }

  async keysJson(args: readonly string[], options?: { aheadMs: number }): Promise<KeysDocument> {
    const { code, stdout, stderr } = await this.keysCommand([...args, "--json"], options);
    expect([code, stderr]).toEqual([0, ""]);
    return JSON.parse(stdout) as KeysDocument;
  }

  /** The id of the key that the user's live code is under. */
  keyIdOf(userId: string): string {
    const database = new Database(join(this.dataDir, "countersign.db"), { readonly: true });
    const keyId = database
      .prepare("SELECT state ->> '$.code.mac.keyId' FROM aggregates WHERE type = 'user' AND id = ?")
      .pluck()
      .get(userId);
    database.close();
    return String(keyId);
  }

  #everyKey(env: Record<string, string>): readonly string[] {
    const { COUNTERSIGN_SECRET_KEY = "", COUNTERSIGN_SECRET_KEY_FILE } = { ...this.env, ...env };
    const files = [this.keyFile, COUNTERSIGN_SECRET_KEY_FILE ?? ""].filter((path) => existsSync(path));
    const texts = [COUNTERSIGN_SECRET_KEY, ...files.map((path) => readFileSync(path, "utf8"))];
    return texts.flatMap((text) => text.split(/[\s,]+/)).filter((key) => key.length > 40);
  }
}

interface KeysDocument {
  readonly keys: readonly {
    id: string;
    newest: boolean;
    needed: boolean;
    lastCodeExpiresAt: string | null;
  }[];
  readonly added: string | null;
  readonly dropped: readonly string[];
  readonly resealedInboxMails: number;
  readonly done: boolean;
}

function newKey(): string {
  return randomBytes(32).toString("base64");
}

test("codes and mails of before a rotation are good after it; the old key goes once the last of them is over", async () => {
  const gate = Promise.withResolvers<void>();
  const relay = await Relay.start({
    // Mails wait for the greeting.
    options: { onConnect: (_session, callback) => void openAfter(gate.promise, callback) },
  });
  closing.push(() => relay.stop());
  const service = new Installation();
  service.env["COUNTERSIGN_SMTP_URL"] = `smtp://127.0.0.1:${relay.port}`;
  await service.start();
  const code = await service.addUser("ada", { returnCode: {} });
  const spent = await service.addUser("grace", { returnCode: {} });
  expect(await service.verify("grace", spent)).toBe(200);
  await service.addUser("alan", { sendCode: {} });
  const [oldKey] = service.keys;
  const oldId = service.keyIdOf("ada");

  const whileRunning = await service.keysCommand(["rotate"]);
  expect(whileRunning).toMatchObject({ code: 1, stdout: "" });
  expect(whileRunning.stderr).toBe(
    `countersign: ${join(service.dataDir, "countersign.db")} is in use by another running Countersign: stop it first\n`,
  );
  await service.stop();

  const rotated = await service.keysCommand(["rotate"]);
  expect(rotated).toMatchObject({ code: 0, stderr: "" });
  const lines = rotated.stdout.split("\n");
  const [, newId = ""] =
    /^New key ([0-9a-f]{16}) stands first in \S+secret\.key: /.exec(lines[0] ?? "") ?? [];
  expect(lines).toEqual([
    expect.stringContaining(newId),
    expect.stringMatching(
      new RegExp(`^Old key ${oldId} is needed until ${UNTIL.source}, when its last code expires; `),
    ),
    expect.stringMatching(/^Next: .*start the service\.$/),
    "",
  ]);
  expect(service.keys).toEqual([expect.not.stringContaining(oldKey ?? ""), oldKey]);
  expect(statSync(service.keyFile).mode & 0o777).toBe(0o600);

  await service.start();
  gate.resolve();
  const { raw } = await relay.mail();
  const [, mailed = ""] = /^([A-Z2-9]{6})\r?$/m.exec(raw) ?? [];
  expect(await service.verify("alan", mailed)).toBe(200);
  expect(await service.verify("ada", code)).toBe(200);
  expect(await service.verify("ada", code)).toBe(200);
  expect(await service.verify("grace", spent)).toBe(200);
  const fresh = await service.addUser("edsger", { returnCode: {} });
  expect([service.keyIdOf("edsger"), newId.length]).toEqual([newId, 16]);
  await service.stop();

  const early = await service.keysJson(["prune"]);
  expect(early).toMatchObject({ keys: [{ id: newId }, { id: oldId, needed: true }], dropped: [] });
  const untilMs = Date.parse(early.keys[1]?.lastCodeExpiresAt ?? "");
  expect(untilMs - Date.now()).toBeGreaterThan(0.9 * HOUR_MS);
  expect(untilMs - Date.now()).toBeLessThanOrEqual(HOUR_MS);
  const late = await service.keysJson(["prune"], { aheadMs: 2 * HOUR_MS });
  expect(late).toMatchObject({ keys: [{ id: newId }], dropped: [oldId] });
  expect(service.keys).toHaveLength(1);

  await service.start();
  expect(await service.verify("edsger", fresh)).toBe(200);
  await service.stop();
}, 60_000);

test("rotations one after another, without a start in between, keep every key that is needed", async () => {
  const service = new Installation();
  await service.start();
  const code = await service.addUser("ada", { returnCode: {} });
  await service.stop();
  const first = await service.keysJson(["rotate"]);
  const second = await service.keysJson(["rotate"]);
  expect(second.dropped).toEqual([first.added]);
  expect(second.keys).toMatchObject([{ id: second.added, newest: true }, first.keys[1]]);
  expect(await service.keysJson(["list"])).toMatchObject({ keys: second.keys, added: null, dropped: [] });
  await service.start();
  expect(await service.verify("ada", code)).toBe(200);
  await service.stop();
}, 30_000);

test("the dev inbox is read after a rotation as before it, with the new key alone", async () => {
  const service = new Installation();
  await service.start();
  await service.addUser("ada", { sendCode: {} });
  await mailsInInbox(service, 1);
  await service.stop();
  const rotated = await service.keysJson(["rotate"], { aheadMs: 2 * HOUR_MS });
  expect(rotated).toMatchObject({ resealedInboxMails: 1, keys: [{ id: rotated.added }] });
  await service.start();
  expect(await mailsInInbox(service, 1)).toMatchObject([{ to: "ada@example.com" }]);
  await service.stop();
}, 30_000);

describe("keys of COUNTERSIGN_SECRET_KEY", () => {
  test("are rotated by hand, as the command says", async () => {
    const service = new Installation();
    const [oldKey, nextKey] = [newKey(), newKey()];
    service.env["COUNTERSIGN_SECRET_KEY"] = oldKey;
    await service.start();
    const code = await service.addUser("ada", { returnCode: {} });
    await service.stop();
    const { code: exitCode, stdout, stderr } = await service.keysCommand(["rotate"]);
    expect([exitCode, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(
      /^countersign: the keys come from COUNTERSIGN_SECRET_KEY, which a command cannot change; nothing was changed\. /,
    );
    expect(stderr).toContain("openssl rand -base64 32");
    expect(stderr).toMatch(
      new RegExp(`first key now, ${service.keyIdOf("ada")}: needed until ${UNTIL.source}, when`),
    );
    expect(existsSync(service.keyFile)).toBe(false);

    service.env["COUNTERSIGN_SECRET_KEY"] = `${nextKey},${oldKey}`;
    await service.start();
    expect(await service.verify("ada", code)).toBe(200);
    await service.stop();
    expect(await service.keysCommand(["prune"])).toMatchObject({ code: 0, stderr: "" });
    const late = await service.keysCommand(["prune"], { aheadMs: 2 * HOUR_MS });
    expect(late.code).toBe(1);
    expect(late.stderr).toMatch(
      /\n {2}Take the second key, [0-9a-f]{16}, out of COUNTERSIGN_SECRET_KEY\.\n$/,
    );
    service.env["COUNTERSIGN_SECRET_KEY"] = nextKey;
    await service.start();
    await service.stop();
  }, 30_000);

  test("with --json the state is told as ever, and that it is not done", async () => {
    const service = new Installation();
    service.env["COUNTERSIGN_SECRET_KEY"] = newKey();
    await service.start();
    await service.stop();
    const { code, stdout } = await service.keysCommand(["rotate", "--json"]);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      source: { kind: "variable", name: "COUNTERSIGN_SECRET_KEY" },
      keys: [{ newest: true }],
      added: null,
      done: false,
    });
  });
});

describe("keys of COUNTERSIGN_SECRET_KEY_FILE", () => {
  async function served(): Promise<{ service: Installation; path: string; oldKey: string; code: string }> {
    const service = new Installation();
    const path = join(temporaryFolder(), "keys");
    const oldKey = newKey();
    writeFileSync(path, `${oldKey},${newKey()}`);
    chmodSync(path, 0o640);
    service.env["COUNTERSIGN_SECRET_KEY_FILE"] = path;
    await service.start();
    const code = await service.addUser("ada", { returnCode: {} });
    await service.stop();
    return { service, path, oldKey, code };
  }

  test("are rotated in that file, which stays as readable as it was", async () => {
    const { service, path, oldKey, code } = await served();
    const { dropped } = await service.keysJson(["rotate"]);
    expect(dropped).toHaveLength(1);
    expect(readFileSync(path, "utf8").split("\n")).toEqual([expect.stringMatching(/^.{43}=$/), oldKey, ""]);
    expect(statSync(path).mode & 0o777).toBe(0o640);
    expect(existsSync(service.keyFile)).toBe(false);
    await service.start();
    expect(await service.verify("ada", code)).toBe(200);
    await service.stop();
  }, 30_000);

  test("where it cannot be replaced, the command says what to do", async () => {
    const { service, path, oldKey } = await served();
    // Not by permissions, which root does not feel.
    mkdirSync(`${path}.new`);
    const { code, stdout, stderr } = await service.keysCommand(["rotate"]);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(
      `countersign: ${path} cannot be replaced (ERR_FS_EISDIR); nothing was changed. To rotate by hand:\n`,
    );
    expect(readFileSync(path, "utf8")).toContain(oldKey);
    rmSync(`${path}.new`, { recursive: true });
    await service.start();
    await service.stop();
  }, 30_000);
});

describe("what stands in the way", () => {
  test("no database yet: nothing is made", async () => {
    const service = new Installation();
    const { code, stdout, stderr } = await service.keysCommand(["rotate"]);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(
      /^countersign: there is no database \S+countersign\.db: the first start of the service makes it, [^\n]+\n$/,
    );
    expect(existsSync(join(service.dataDir, "countersign.db.lock"))).toBe(false);
  });

  test("a file that is no database", async () => {
    const service = new Installation();
    writeFileSync(
      join(service.dataDir, "countersign.db"),
      "no database at all, but long enough to be read as one",
    );
    const { code, stderr } = await service.keysCommand(["list"]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^countersign: cannot open the database \S+: file is not a database\n$/);
  });

  test("a key file that is missing, broken or another's", async () => {
    const service = new Installation();
    await service.start();
    await service.stop();
    const [key = ""] = service.keys;
    const problems: Record<string, string> = {
      [`${key}\nhunter2hunter2\n`]: `${service.keyFile}, line 2: not a key of 32 bytes in base64; restore the file from its backup`,
      "": `${service.keyFile} holds no key; restore the file from its backup`,
      [`${newKey()}\n`]: `${service.keyFile} does not hold the key that the database was last served with: restore that key; codes on their way cannot be read without it`,
    };
    for (const [content, problem] of Object.entries(problems)) {
      writeFileSync(service.keyFile, content);
      const { code, stdout, stderr } = await service.keysCommand(["rotate"]);
      expect([code, stdout, stderr]).toEqual([1, "", `countersign: ${problem}\n`]);
      expect(readFileSync(service.keyFile, "utf8")).toBe(content);
    }
    rmSync(service.keyFile);
    const { stderr } = await service.keysCommand(["rotate"]);
    expect(stderr).toBe(
      `countersign: ${service.keyFile} is missing, and the database was written with its key: restore the file from the backup\n`,
    );
    expect(existsSync(service.keyFile)).toBe(false);
  }, 60_000);

  test("a start with a broken key file says the same", async () => {
    const service = new Installation();
    writeFileSync(service.keyFile, "hunter2hunter2\n");
    const server = start({ dataDir: service.dataDir });
    expect((await server.exited).code).toBe(1);
    expect(server.complaints).toBe(
      `countersign: ${service.keyFile}, line 1: not a key of 32 bytes in base64; restore the file from its backup\n`,
    );
  });

  test("wrong settings are told as `serve` tells them", async () => {
    const { code, stderr } = await new Installation().keysCommand(["rotate"], {
      env: { COUNTERSIGN_CODE_LENGTH: "x", COUNTERSIGN_SECRET_KEY: "hunter2hunter2" },
    });
    expect(code).toBe(2);
    expect(stderr).toMatch(/^COUNTERSIGN_SECRET_KEY: the value is not 32 bytes in base64 \(key 1 of 1\)/m);
    expect(stderr).not.toContain("hunter2");
  });
});

/** Waits until the inbox has so many mails. */
async function mailsInInbox(service: Installation, count: number): Promise<readonly unknown[]> {
  for (;;) {
    const mails = await service.inbox();
    if (mails.length >= count) return mails;
    await sleep(20);
  }
}

/** A relay greets when it may. */
async function openAfter(opened: Promise<void>, greet: () => void): Promise<void> {
  await opened;
  greet();
}
