// `countersign keys` where the database is PostgreSQL's, with real instances beside it.
import { afterAll, beforeAll, beforeEach, expect, jest, test } from "@jest/globals";
import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolders } from "../contract/temporary.ts";
import { runCommand, type CommandResult } from "../support/command.ts";
import { TestPostgres } from "../support/postgres-server.ts";
import { serverProcesses, type ServerProcess } from "../support/server-process.ts";

jest.setTimeout(60_000);

const HOUR_MS = 3_600_000;
const AHEAD = ["--import", new URL("../support/clock-offset.ts", import.meta.url).href];
const TOKEN = randomBytes(32).toString("hex");

const folderOf = temporaryFolders();
const startServer = serverProcesses();
let postgres: TestPostgres;
let url: string;

beforeAll(async () => {
  postgres = await TestPostgres.start();
});
beforeEach(async () => {
  url = postgres.url(await postgres.createDatabase());
});
afterAll(() => postgres.stop());

function newKey(): string {
  return randomBytes(32).toString("base64");
}

/** One machine: its settings, and the service on it. */
class Instance {
  readonly env: Record<string, string>;
  #server: ServerProcess | undefined;
  #address = "";

  /** @param keys settings that say which keys */
  constructor(keys: Record<string, string>) {
    this.env = {
      COUNTERSIGN_DATABASE_URL: url,
      COUNTERSIGN_ADMIN_TOKEN: TOKEN,
      COUNTERSIGN_DATA_DIR: folderOf(),
      ...keys,
    };
  }

  async start(): Promise<void> {
    const { COUNTERSIGN_DATA_DIR: dataDir = "", ...env } = this.env;
    this.#server = startServer({ dataDir, env });
    this.#address = await this.#server.ready();
  }

  async stop(): Promise<void> {
    expect(await this.#server?.end("SIGTERM")).toEqual({ code: 0, signal: null });
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  keys(command: "list" | "rotate" | "prune", aheadMs = 0): Promise<CommandResult> {
    return runCommand(["keys", command], {
      env: { ...this.env, TEST_CLOCK_OFFSET_MS: String(aheadMs) },
      nodeArguments: AHEAD,
    });
  }

  async post(path: string, body: object): Promise<{ status: number; answer: Record<string, unknown> }> {
    const response = await fetch(`${this.#address}${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(10_000),
    });
    return { status: response.status, answer: (await response.json()) as Record<string, unknown> };
  }

  /** @returns the code */
  async addUser(userId: string): Promise<string> {
    const { answer } = await this.post("/v2/users/human", {
      userId,
      profile: { givenName: "Ada", familyName: "Lovelace" },
      email: { email: `${userId}@example.com`, returnCode: {} },
    });
    return String(answer["emailCode"]);
  }

  async verify(userId: string, verificationCode: string): Promise<number> {
    return (await this.post(`/v2/users/${userId}/email/verify`, { verificationCode })).status;
  }
}

test("a key file is rotated once all instances are stopped; what was made before is good after it", async () => {
  const path = join(folderOf(), "keys");
  const oldKey = newKey();
  writeFileSync(path, `${oldKey}\n`, { mode: 0o600 });
  const [a, b] = [
    new Instance({ COUNTERSIGN_SECRET_KEY_FILE: path }),
    new Instance({ COUNTERSIGN_SECRET_KEY_FILE: path }),
  ];
  const early = await a.keys("list");
  expect(early).toMatchObject({ code: 1, stdout: "", stderr: expect.stringContaining("has no tables yet") });
  await Promise.all([a.start(), b.start()]);
  const code = await a.addUser("ada");

  const whileRunning = await a.keys("list");
  expect(whileRunning).toMatchObject({ code: 0, stderr: "" });
  expect(whileRunning.stdout).toMatch(/^Newest key [0-9a-f]{16} in /);
  await a.stop();
  for (const command of ["rotate", "prune"] as const) {
    const refused = await a.keys(command);
    expect(refused).toMatchObject({ code: 1, stdout: "" });
    expect(refused.stderr).toMatch(
      /^countersign: postgres:\S+ is in use \(running instances have \d+ connections\): stop all instances first; /,
    );
  }
  expect(readFileSync(path, "utf8")).toBe(`${oldKey}\n`);
  await b.stop();

  const rotated = await a.keys("rotate");
  expect(rotated).toMatchObject({ code: 0, stderr: "" });
  expect(rotated.stdout).toMatch(/\nNext: .* give the file to all instances, and start them\.\n$/);
  expect(rotated.stdout + whileRunning.stdout).not.toContain(oldKey.slice(0, 20));
  expect(readFileSync(path, "utf8").split("\n")).toEqual([expect.stringMatching(/^.{43}=$/), oldKey, ""]);
  // An instance that was not given the new file would make codes that the others cannot read.
  const forgotten = new Instance({ COUNTERSIGN_SECRET_KEY: oldKey });
  await expect(forgotten.start()).rejects.toThrow("does not hold the key");
  await Promise.all([a.start(), b.start()]);
  const fresh = await a.addUser("eve");
  expect(await b.verify("ada", code)).toBe(200);
  expect(await b.verify("eve", fresh)).toBe(200);
  await Promise.all([a.stop(), b.stop()]);

  const late = await a.keys("prune", 2 * HOUR_MS);
  expect(late).toMatchObject({ code: 0, stdout: expect.stringContaining("was dropped") });
  expect(readFileSync(path, "utf8").split("\n")).toHaveLength(2);
});

test("keys of a variable are replaced while the instances run, as `keys rotate` says", async () => {
  const [oldKey, nextKey] = [newKey(), newKey()];
  const [a, b] = [
    new Instance({ COUNTERSIGN_SECRET_KEY: oldKey }),
    new Instance({ COUNTERSIGN_SECRET_KEY: oldKey }),
  ];
  await Promise.all([a.start(), b.start()]);
  const { code, stdout, stderr } = await a.keys("rotate");
  expect([code, stdout]).toEqual([1, ""]);
  expect(stderr).toContain("Put it last in COUNTERSIGN_SECRET_KEY of every instance");

  let users = 0;
  /** What either makes, the other knows. */
  const sendAndVerify = async () => {
    for (const [maker, other] of [
      [a, b],
      [b, a],
    ] as const) {
      const userId = `user-${++users}`;
      const given = await maker.addUser(userId);
      expect([userId, await other.verify(userId, given)]).toEqual([userId, 200]);
    }
  };
  for (const keys of [`${oldKey},${nextKey}`, `${nextKey},${oldKey}`]) {
    for (const instance of [a, b]) {
      instance.env["COUNTERSIGN_SECRET_KEY"] = keys;
      await instance.restart();
      await sendAndVerify();
    }
  }
  const now = await a.keys("list");
  expect(now.stdout).toMatch(/\nOld key [0-9a-f]{16} is needed until .*; then it may be taken out\.\n$/);
  const late = await a.keys("list", 2 * HOUR_MS);
  expect(late.stdout).toMatch(/is not needed any more; take it out of COUNTERSIGN_SECRET_KEY\.\n$/);
  await Promise.all([a.stop(), b.stop()]);
});

test("a database that a newer version changed is left alone", async () => {
  const { pathname } = new URL(url);
  await postgres.query(
    "CREATE TABLE schema_migrations (version INTEGER, served_from INTEGER); INSERT INTO schema_migrations VALUES (99, 99)",
    pathname.slice(1),
  );
  const { code, stderr } = await new Instance({ COUNTERSIGN_SECRET_KEY: newKey() }).keys("prune");
  expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining("run a newer Countersign") });
});

test("a database that is not there is told without its password", async () => {
  const gone = new Instance({ COUNTERSIGN_SECRET_KEY: newKey() });
  gone.env["COUNTERSIGN_DATABASE_URL"] = "postgres://ada:sesame@127.0.0.1:1/countersign";
  for (const command of ["list", "prune"] as const) {
    const { code, stdout, stderr } = await gone.keys(command);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(
      /^countersign: cannot open the database postgres:\/\/ada@127\.0\.0\.1:1\/countersign: [^\n]+\n$/,
    );
    expect(stderr).not.toContain("sesame");
  }
});
