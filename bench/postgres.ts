/**
 * Durable SendEmailCode with return_code over gRPC on PostgreSQL: one instance of the service as shipped, against a server that
 * is written by hand with grpc-js and pg, a transaction per call. One PostgreSQL serves both, each its own database.
 * `npm run bench:postgres`; ROUNDS, CALLS and IN_FLIGHT change its size.
 *
 * The ratio is taken within each round, so that what else the machine does falls on both. The demand: at least 2.
 */
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { TestPostgres } from "../test/support/postgres-server.ts";
import { Child } from "./child.ts";
import type { LoadOrder, LoadResult } from "./load.ts";
import { placed } from "./pinning.ts";
import { bannerPort } from "./running-server.ts";
import { median, ratios, short, withSpread } from "./statistics.ts";

const ROUNDS = Number(process.env["ROUNDS"] ?? 7);
const WARM_UP_ROUNDS = 2;
const CALLS = Number(process.env["CALLS"] ?? 4_000);
const CALLS_PER_CONNECTION = 16;
const IN_FLIGHT = Number(process.env["IN_FLIGHT"] ?? 64);
const USERS = 1_000;
const DEMAND = 2;
const TOKEN = randomBytes(32).toString("hex");

const USER_MARKER = "@@@@";
// SendEmailCodeRequest{user_id: "user@@@@", return_code: {}}, framed.
const MESSAGE = Buffer.from([0x0a, 8, ...Buffer.from(`user${USER_MARKER}`), 0x1a, 0]);
const FRAMED = Buffer.concat([Buffer.from([0, 0, 0, 0, MESSAGE.length]), MESSAGE]).toString("base64");

interface Contestant {
  readonly name: string;
  readonly port: number;
  readonly child: Child;
  /** Counts codes that were made. */
  readonly rows: () => Promise<number>;
  calls: number;
}

const folder = mkdtempSync(join(tmpdir(), "countersign-bench-postgres-"));
const server = await TestPostgres.start();

async function countIn(database: string, sql: string): Promise<number> {
  const [row] = await server.query<{ rows: string }>(sql, database);
  return Number(row?.rows);
}

async function startService(): Promise<Contestant> {
  const database = await server.createDatabase();
  const child = new Child({
    place: "server",
    file: "../bin/countersign.js",
    parameters: ["serve"],
    env: {
      COUNTERSIGN_LISTEN: "127.0.0.1:0",
      COUNTERSIGN_DATA_DIR: join(folder, "data"),
      COUNTERSIGN_DATABASE_URL: server.url(database),
      COUNTERSIGN_SECRET_KEY: randomBytes(32).toString("base64"),
      COUNTERSIGN_ADMIN_TOKEN: TOKEN,
      COUNTERSIGN_LOG_LEVEL: "warn",
    },
  });
  const port = await bannerPort(child);
  for (let user = 0; user < USERS; user++) {
    const userId = `user${String(user).padStart(4, "0")}`;
    const response = await fetch(`http://127.0.0.1:${port}/v2/users/human`, {
      method: "POST",
      headers: { authorization: `Bearer ${TOKEN}` },
      body: JSON.stringify({
        userId,
        profile: { givenName: "Ada", familyName: "Lovelace" },
        email: { email: `${userId}@example.com`, isVerified: true },
      }),
    });
    if (!response.ok) throw new Error(await response.text());
  }
  const sql = "SELECT count(*) AS rows FROM events WHERE type = 'user.human.email.code.added'";
  return { name: "countersign", port, child, calls: 0, rows: () => countIn(database, sql) };
}

async function startPeer(): Promise<Contestant> {
  const database = await server.createDatabase();
  const child = new Child({
    place: "server",
    file: "servers/grpc-js-postgres.ts",
    parameters: [server.url(database), String(USERS), TOKEN],
  });
  const { port } = await child.next<{ port: number }>();
  const sql = "SELECT count(*) AS rows FROM events";
  return { name: "grpc-js + pg", port, child, calls: 0, rows: () => countIn(database, sql) };
}

/** @returns calls per second */
async function measure(contestant: Contestant): Promise<number> {
  const order: LoadOrder = {
    protocol: "http2",
    port: contestant.port,
    path: "/zitadel.user.v2.UserService/SendEmailCode",
    headers: { "content-type": "application/grpc", te: "trailers", authorization: `Bearer ${TOKEN}` },
    body: FRAMED,
    calls: CALLS,
    connections: Math.ceil(IN_FLIGHT / CALLS_PER_CONNECTION),
    inFlight: Math.min(IN_FLIGHT, CALLS_PER_CONNECTION),
    counters: [{ marker: USER_MARKER, from: contestant.calls, below: USERS }],
  };
  contestant.calls += CALLS;
  const script = fileURLToPath(new URL("load.ts", import.meta.url));
  const [command, ...rest] = placed("load", [process.execPath, script, JSON.stringify(order)]);
  const { stdout } = await promisify(execFile)(command, rest);
  const { seconds, calls } = JSON.parse(stdout) as LoadResult;
  return calls / seconds;
}

const contestants: Contestant[] = [];
try {
  contestants.push(await startService(), await startPeer());
  const rates = new Map(contestants.map((contestant) => [contestant, [] as number[]]));
  for (let round = 0; round < WARM_UP_ROUNDS + ROUNDS; round++) {
    process.stderr.write(`\rround ${round + 1} of ${WARM_UP_ROUNDS + ROUNDS} `);
    for (const contestant of round % 2 === 0 ? contestants : contestants.toReversed()) {
      const rate = await measure(contestant);
      if (round >= WARM_UP_ROUNDS) rates.get(contestant)?.push(rate);
    }
  }
  process.stderr.write("\r");
  for (const { name, rows, calls } of contestants) {
    const found = await rows();
    if (found !== calls)
      throw new Error(`${name}: ${calls} calls were answered, ${found} codes are on record`);
  }
  const [ours = [], theirs = []] = [...rates.values()];
  console.log(
    `Node ${process.version}, ${cpus()[0]?.model ?? "unknown CPU"}, ${ROUNDS} rounds of ${CALLS} calls, ${IN_FLIGHT} in flight`,
  );
  console.log("| server | calls/s, median |\n|---|---|");
  for (const [{ name }, values] of rates) console.log(`| ${name} | ${short(median(values))} |`);
  const ratio = ratios(ours, theirs);
  console.log(`ratio: ${withSpread(ratio)} (demand: at least ${DEMAND})`);
  process.exitCode = median(ratio) >= DEMAND ? 0 : 1;
} finally {
  await Promise.all(contestants.map(({ child }) => child.stop("SIGTERM")));
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
}
