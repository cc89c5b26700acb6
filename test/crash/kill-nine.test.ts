// kill -9 whenever: what was answered is there, nothing is there twice or in part, and the next start works.
import { expect, test } from "@jest/globals";
import { cpSync, existsSync, readFileSync, watch } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { readLog } from "../contract/history-checker.ts";
import { temporaryFolders } from "../contract/temporary.ts";
import { serverProcesses, type ServerProcess } from "../support/server-process.ts";
import { callUntilGone, SharedUsers } from "./callers.ts";
import { Ledger, ledgerProblems } from "./ledger.ts";
import { Random } from "../support/random.ts";
import { databaseIn, isOnPostgres } from "../support/test-database.ts";
import { openStoreIn } from "../support/test-store.ts";
import { moveCounters, sideTableProblems } from "./side-tables.ts";

/** Another one by hand: CRASH_SEED=7 npm test -- kill-nine */
const SEED = Number(process.env["CRASH_SEED"] ?? 1);
const ROUNDS = 20;
const CALLERS = 64;
const MOST_ANSWERS = 600;
const DATABASE_FILES = ["countersign.db", "countersign.db-wal"];

const temporaryFolder = temporaryFolders();
const startServer = serverProcesses();

test(`kill -9 under ${CALLERS} callers, ${ROUNDS} times on one data directory (seed ${SEED})`, async () => {
  const dataDir = temporaryFolder();
  const random = new Random(SEED);
  const ledger = new Ledger();
  const shared = new SharedUsers(8);
  const tokens = new Set<string>();
  for (let round = 1; round <= ROUNDS; round++) {
    const endAfter = 1 + random.below(MOST_ANSWERS);
    const server = startServer({ dataDir });
    const url = await server.ready();
    const token = adminToken(dataDir);
    tokens.add(token);
    await callUntilGone({
      url,
      token,
      ledger,
      shared,
      count: CALLERS,
      run: `kill-${round}`,
      seed: SEED + round,
      endAfter,
      endServer: () => server.signal("SIGKILL"),
    });
    expect(await server.exited).toEqual({ code: null, signal: "SIGKILL" });
    expect(server.complaints).toBe("");
    // A copy is looked at: the next start has to bring the database itself back in order.
    const problems = await recordProblems(copyOfDatabase(dataDir), ledger, "perhaps executed");
    expect({ round, endAfter, problems }).toEqual({ round, endAfter, problems: [] });
  }
  expect(tokens.size).toBe(1);
}, 180_000);

// How a call in flight is brought to its end differs between the two ways that calls are served.
test.each(["on", "off"])(
  `SIGTERM under ${CALLERS} callers ends with 0, and calls without an answer were not executed (direct calls %s)`,
  async (directUnary) => {
    const dataDir = temporaryFolder();
    const ledger = new Ledger();
    const shared = new SharedUsers(8);
    for (const [round, endAfter] of [1, 64, 200, 600].entries()) {
      const server = startServer({ dataDir, env: { COUNTERSIGN_DIRECT_UNARY: directUnary } });
      const url = await server.ready();
      await callUntilGone({
        url,
        token: adminToken(dataDir),
        ledger,
        shared,
        count: CALLERS,
        run: `term-${round}`,
        seed: SEED + round,
        endAfter,
        endServer: () => server.signal("SIGTERM"),
      });
      expect(await server.exited).toEqual({ code: 0, signal: null });
      expect(server.complaints).toBe("");
      // All is in the database file: a backup of a stopped service has to copy nothing else.
      expect(existsSync(join(dataDir, "countersign.db-wal"))).toBe(false);
      const problems = await recordProblems(dataDir, ledger, "not executed");
      expect({ endAfter, problems }).toEqual({ endAfter, problems: [] });
    }
  },
  60_000,
);

type Moment = readonly [when: string, moment: (dataDir: string, startMs: number) => Promise<unknown>];

test("kill -9 at any moment of the first start leaves a data directory that the next start can use", async () => {
  const startMs = await timeOfStart();
  const moments: Moment[] = [
    ["right after the spawn", () => Promise.resolve()],
    ...["countersign.db.lock", "countersign.db", "countersign.db-wal", "secret.key", "admin.token"].map(
      (name): Moment => [`when ${name} is there`, (dataDir) => fileAppears(dataDir, name)],
    ),
    ...[0.4, 0.6, 0.7, 0.8, 0.9, 1].map((part): Moment => [
      `after ${part} of a start's time`,
      (_, ms) => sleep(part * ms),
    ]),
  ];
  for (const [when, moment] of moments) {
    const dataDir = temporaryFolder();
    const reached = moment(dataDir, startMs);
    const server = startServer({ dataDir });
    await Promise.race([reached, server.ready()]);
    expect({ when, exit: await server.end("SIGKILL") }).toMatchObject({ when, exit: { signal: "SIGKILL" } });
    expect({ when, problems: await firstStartProblems(dataDir) }).toEqual({ when, problems: [] });
  }
}, 120_000);

test("nor does a first start that dies between two of its writes", async () => {
  for (let survived = 0; ; survived++) {
    const dataDir = temporaryFolder();
    const server = startServer({
      dataDir,
      env: { TEST_SURVIVED_WRITES: String(survived) },
      nodeArguments: ["--import", new URL("dies-at-write.ts", import.meta.url).href],
    });
    const isReady = await server.ready().then(
      () => true,
      () => false,
    );
    expect((await server.end("SIGKILL")).signal).toBe("SIGKILL");
    const problems = await firstStartProblems(dataDir);
    expect({ survived, problems }).toEqual({ survived, problems: [] });
    if (isReady) {
      // The key's id, the ids, the organization, the account, the token.
      expect(survived).toBeGreaterThanOrEqual(5);
      return;
    }
  }
}, 60_000);

function adminToken(dataDir: string): string {
  return readFileSync(join(dataDir, "admin.token"), "utf8").trim();
}

/**
 * The database as the killed process left it; without the -shm file, as no power cut would leave one either. On PostgreSQL
 * there is nothing to bring in order, and so no copy.
 */
function copyOfDatabase(dataDir: string): string {
  if (isOnPostgres) return dataDir;
  const copy = temporaryFolder();
  for (const name of DATABASE_FILES) cpSync(join(dataDir, name), join(copy, name));
  return copy;
}

async function recordProblems(
  dataDir: string,
  ledger: Ledger,
  unanswered: "perhaps executed" | "not executed",
): Promise<string[]> {
  const store = await openStoreIn(dataDir);
  try {
    const log = await readLog(store, 1_000);
    const problems = await ledgerProblems(store, ledger, unanswered);
    await moveCounters(store);
    return [...problems, ...(await sideTableProblems(databaseIn(dataDir), log))];
  } finally {
    await store.close();
  }
}

async function timeOfStart(): Promise<number> {
  const startedMs = performance.now();
  const server = startServer({ dataDir: temporaryFolder() });
  await server.ready();
  const elapsedMs = performance.now() - startedMs;
  await server.end("SIGKILL");
  return elapsedMs;
}

function fileAppears(folder: string, name: string): Promise<void> {
  return new Promise((resolve) => {
    const watcher = watch(folder, (_, changed) => {
      if (changed !== name) return;
      watcher.close();
      resolve();
    });
    watcher.unref();
  });
}

/** The next start serves, its token works, and there is one organization and one account. */
async function firstStartProblems(dataDir: string): Promise<string[]> {
  const server: ServerProcess = startServer({ dataDir });
  const problems: string[] = [];
  try {
    const url = await server.ready();
    const response = await fetch(`${url}/v2/users/human`, {
      method: "POST",
      signal: AbortSignal.timeout(15_000),
      headers: { authorization: `Bearer ${adminToken(dataDir)}`, "content-type": "application/json" },
      body: JSON.stringify({
        profile: { givenName: "Ada", familyName: "Lovelace" },
        email: { email: "ada@example.com", returnCode: {} },
      }),
    });
    if (!response.ok) problems.push(`a call was answered ${response.status}: ${await response.text()}`);
  } catch (error) {
    return [String(error)];
  }
  const { code } = await server.end("SIGTERM");
  if (code !== 0 || server.complaints !== "") problems.push(`ended with ${code}: ${server.complaints}`);
  const store = await openStoreIn(dataDir);
  const log = await readLog(store);
  await store.close();
  const types = log.filter(({ aggregateType }) => aggregateType !== "user").map(({ type }) => type);
  if (new Set(types).size !== 3 || types.length !== 3) problems.push(`it recorded ${types.join()}`);
  return problems;
}
