/**
 * What mail costs the calls beside it, and how fast the outbox drains. `npm run bench:mail`.
 *
 * Three windows in each round, all with 64 callers of SendEmailCode (return_code, so they add no mail):
 *
 *     alone       the service with an empty outbox
 *     drain       the same service, and 10,000 mails (after 5,000 to warm up) that wait in its outbox
 *     nodemailer  the service with an empty outbox, and beside it a process that sends 10,000 mails with nodemailer's
 *                 pool as it comes
 *
 * The mails go to one relay that takes everything. The service is the real one: SQLite on disk, every answer durable.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { bootstrap } from "../src/access/bootstrap.ts";
import { EnvironmentFactory } from "../src/store/environment-factory.ts";
import { IdentifierFactory } from "../src/store/identifiers.ts";
import { adoptKeyring, makeKeyFile } from "../src/store/key-file.ts";
import { Keyring } from "../src/store/keyring.ts";
import { SqliteStore } from "../src/store/sqlite/sqlite-store.ts";
import { UNAMBIGUOUS_ALPHABET } from "../src/verification/code.ts";
import type { CallersOrder, CallersResult } from "./callers.ts";
import { BENCH_POLICY } from "./policy.ts";

const ROUNDS = Number(process.env["ROUNDS"] ?? 3);
const MAILS = Number(process.env["MAILS"] ?? 10_000);
/** Sent before the window begins: neither a process that has just started nor a cold one is what is measured. */
const WARM_UP_MAILS = MAILS / 2;
const WARM_UP_MS = 1_500;
const CALLERS = 64;
/** 64 callers at this pace are some 640 calls a second: a busy service, not a saturated machine. */
const INTERVAL_MS = 100;
const ALONE_MS = 5_000;
const CALLED_USERS = 1_000;
const ADMIN_TOKEN = "bench-token-bench-token-bench-token";

const folder = mkdtempSync(join(tmpdir(), "countersign-bench-mail-"));
const script = (name: string) => fileURLToPath(new URL(name, import.meta.url));

interface Window {
  readonly calls: CallersResult;
  readonly mailsPerSecond: number;
}

/** A child that speaks JSON lines. */
class Child {
  readonly process: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(file: string, parameters: readonly string[] = []) {
    this.process = spawn(process.execPath, [script(file), ...parameters], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    if (this.process.stdout === null) throw new Error("no stdout");
    this.#lines = createInterface(this.process.stdout)[Symbol.asyncIterator]();
  }

  async next<Value>(): Promise<Value> {
    const line = await this.#lines.next();
    if (line.done === true) throw new Error("a process of the bench ended too soon");
    return JSON.parse(line.value) as Value;
  }

  say(): void {
    this.process.stdin?.write("\n");
  }

  async ask<Value>(): Promise<Value> {
    this.say();
    return this.next<Value>();
  }

  end(): void {
    this.process.stdin?.end();
  }
}

/** A data folder whose outbox holds the mails, and one whose outbox is empty. */
async function prepare(dataDir: string, mails: number): Promise<void> {
  mkdirSync(dataDir, { recursive: true });
  const store = await SqliteStore.open({ path: join(dataDir, "countersign.db") });
  const keyring = new Keyring(await makeKeyFile(join(dataDir, "secret.key"), randomBytes));
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
  const tokenFile = join(dataDir, "admin.token");
  const { organizationId } = await bootstrap({
    store,
    environments,
    randomBytes,
    adminToken: ADMIN_TOKEN,
    tokenFile,
  });
  const add = async (userId: string, kind: "send" | "none") => {
    const { env } = environments.withNewCode({ kind: "system" }, userId);
    const profile = { givenName: "Ada", familyName: "Lovelace" };
    const email = { address: `${userId}@bench.example.org`, verification: { kind } };
    await store.execute({ type: "user.add", userId, organizationId, profile, email }, env);
  };
  const jobs = [
    ...Array.from({ length: CALLED_USERS }, (_, index) => () => add(`called-${index}`, "none")),
    ...Array.from({ length: mails }, (_, index) => () => add(`mailed-${index}`, "send")),
  ];
  for (let start = 0; start < jobs.length; start += 1_000) {
    await Promise.all(jobs.slice(start, start + 1_000).map((job) => job()));
  }
  await store.close();
}

async function serve(dataDir: string, sinkPort: number): Promise<{ url: string; stop(): Promise<void> }> {
  const child = spawn(process.execPath, [script("../bin/countersign.js"), "serve"], {
    stdio: ["ignore", "pipe", "inherit"],
    env: {
      PATH: process.env["PATH"],
      COUNTERSIGN_LISTEN: "127.0.0.1:0",
      COUNTERSIGN_DATA_DIR: dataDir,
      COUNTERSIGN_ADMIN_TOKEN: ADMIN_TOKEN,
      COUNTERSIGN_SMTP_URL: `smtp://127.0.0.1:${sinkPort}`,
      COUNTERSIGN_MAIL_FROM: "Countersign <no-reply@bench.example>",
      COUNTERSIGN_LOG_LEVEL: "error",
    },
  });
  const url = await new Promise<string>((resolve, reject) => {
    let text = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
      const found = /^\s*serving\s+(\S+)/m.exec(text)?.[1];
      if (found !== undefined) resolve(found);
    });
    child.once("exit", () => reject(new Error("the service ended")));
  });
  return {
    url,
    stop: () =>
      new Promise((resolve) => {
        child.once("exit", () => resolve());
        child.kill("SIGTERM");
      }),
  };
}

/** Calls, and counts them after `warmUp`. */
async function watch(
  url: string,
  warmUp: () => Promise<void>,
  during: () => Promise<number>,
): Promise<Window> {
  const userIds = Array.from({ length: CALLED_USERS }, (_, index) => `called-${index}`);
  const order: CallersOrder = {
    url,
    token: ADMIN_TOKEN,
    userIds,
    callers: CALLERS,
    intervalMs: INTERVAL_MS,
  };
  const callers = new Child("callers.ts", [JSON.stringify(order)]);
  await warmUp();
  callers.say();
  const mailsPerSecond = await during();
  callers.end();
  return { calls: await callers.next<CallersResult>(), mailsPerSecond };
}

const sink = new Child("mail-sink.ts");
const { port: sinkPort } = await sink.next<{ port: number }>();
const countMails = async () => (await sink.ask<{ mails: number }>()).mails;

async function arrived(mails: number): Promise<void> {
  while ((await countMails()) < mails) await sleep(20);
}

/** @returns mails per second */
async function drained(mails: number): Promise<number> {
  const startedMs = performance.now();
  const before = await countMails();
  await arrived(mails);
  return (mails - before) / ((performance.now() - startedMs) / 1_000);
}

async function round(number: number): Promise<Record<"alone" | "drain" | "nodemailer", Window>> {
  const dataDir = join(folder, `round-${number}`);
  cpSync(join(folder, "full"), dataDir, { recursive: true });
  const before = await countMails();
  const busy = await serve(dataDir, sinkPort);
  const drain = await watch(
    busy.url,
    () => arrived(before + WARM_UP_MAILS),
    () => drained(before + WARM_UP_MAILS + MAILS),
  );
  // The outbox is empty now.
  const quiet = () => sleep(WARM_UP_MS);
  const alone = await watch(busy.url, quiet, async () => {
    await sleep(ALONE_MS);
    return 0;
  });
  const pool = new Child("nodemailer-pool.ts", [String(sinkPort), String(WARM_UP_MAILS), String(MAILS)]);
  const nodemailer = await watch(
    busy.url,
    () => pool.next(),
    async () => MAILS / (await pool.next<{ seconds: number }>()).seconds,
  );
  await busy.stop();
  rmSync(dataDir, { recursive: true });
  return { alone, drain, nodemailer };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

try {
  process.stderr.write(`queueing ${MAILS} mails`);
  await prepare(join(folder, "full"), WARM_UP_MAILS + MAILS);
  const rounds: Awaited<ReturnType<typeof round>>[] = [];
  for (let number = 0; number <= ROUNDS; number++) {
    process.stderr.write(`\rround ${number} of ${ROUNDS}${number === 0 ? " (warm-up)" : "          "}   `);
    const windows = await round(number);
    if (number > 0) rounds.push(windows);
  }
  process.stderr.write("\r");
  console.log(
    `Node ${process.version}, ${cpus()[0]?.model ?? "unknown CPU"}, ${ROUNDS} rounds of ${MAILS} mails`,
  );
  console.log("| window | calls/s | p50 ms | p99 ms | mails/s |\n| --- | --- | --- | --- | --- |");
  for (const name of ["alone", "drain", "nodemailer"] as const) {
    const of = (read: (window: Window) => number) => median(rounds.map((windows) => read(windows[name])));
    const cells = [
      of(({ calls }) => calls.calls / calls.seconds).toFixed(0),
      of(({ calls }) => calls.p50Ms).toFixed(2),
      of(({ calls }) => calls.p99Ms).toFixed(2),
      of(({ mailsPerSecond }) => mailsPerSecond).toFixed(0),
    ];
    console.log(`| ${name} | ${cells.join(" | ")} |`);
  }
  const p99 = median(rounds.map(({ alone, drain }) => drain.calls.p99Ms / alone.calls.p99Ms));
  const speed = median(
    rounds.map(({ drain, nodemailer }) => drain.mailsPerSecond / nodemailer.mailsPerSecond),
  );
  console.log(`p99 of calls, drain / alone: ${p99.toFixed(2)} (demand: at most 2)`);
  console.log(`mails per second, drain / nodemailer: ${speed.toFixed(2)} (demand: at least 1.5)`);
  process.exitCode = p99 <= 2 && speed >= 1.5 ? 0 : 1;
} finally {
  sink.end();
  rmSync(folder, { recursive: true, force: true });
}
