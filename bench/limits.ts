/**
 * What limits and idempotency cost: durable SendEmailCode with return_code over gRPC, 64 calls in flight, over 1,000
 * users; with all limits on sending set (too high to be met), with a fresh Idempotency-Key on each call, with both, and
 * with neither, in interleaved rounds of one run. `npm run bench:limits`; ROUNDS and CALLS change its size.
 *
 * Each way has a server and a database of its own. The share of calls per second that a way keeps is taken within each
 * round, so that what else the machine does falls on all of them. The demand: with both, at most 15 % fewer calls.
 */
import { execFile, spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { cpus } from "node:os";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import type { LoadOrder, LoadResult } from "./load.ts";

const ROUNDS = Number(process.env["ROUNDS"] ?? 9);
const WARM_UP_ROUNDS = 2;
const CALLS = Number(process.env["CALLS"] ?? 6_000);
const USERS = 1_000;
const MOST_LOST = 0.15;
const CONNECTIONS = 4;
const IN_FLIGHT = 16;

const LIMITS = {
  COUNTERSIGN_SEND_COOLDOWN: "1ms",
  COUNTERSIGN_SENDS_PER_HOUR: "100000",
  COUNTERSIGN_USER_SENDS_PER_HOUR: "100000",
  COUNTERSIGN_PRINCIPAL_SENDS_PER_HOUR: "10000000",
  COUNTERSIGN_CLIENT_SENDS_PER_HOUR: "10000000",
};

interface Way {
  readonly name: string;
  readonly settings: Readonly<Record<string, string>>;
  readonly hasKeys: boolean;
}

const OFF: Way = { name: "neither", settings: {}, hasKeys: false };
const BOTH: Way = { name: "limits and keys", settings: LIMITS, hasKeys: true };
const WAYS: readonly Way[] = [
  OFF,
  { name: "limits", settings: LIMITS, hasKeys: false },
  { name: "keys", settings: {}, hasKeys: true },
  BOTH,
];

const USER_MARKER = "@@@@";
const KEY_MARKER = "#".repeat(9);
// SendEmailCodeRequest{user_id: "user@@@@", return_code: {}}, framed.
const MESSAGE = Buffer.from([0x0a, 8, ...Buffer.from(`user${USER_MARKER}`), 0x1a, 0]);
const FRAMED = Buffer.concat([Buffer.from([0, 0, 0, 0, MESSAGE.length]), MESSAGE]).toString("base64");

interface Sample {
  readonly callsPerSecond: number;
  /** Microseconds of the server's process. */
  readonly cpuPerCall: number;
}

class Server {
  readonly way: Way;
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  #port = 0;
  #token = "";
  #calls = 0;

  constructor(way: Way) {
    this.way = way;
    const file = new URL("limits-server.ts", import.meta.url).pathname;
    this.#process = spawn(process.execPath, [file, String(USERS)], {
      env: { PATH: process.env["PATH"], TMPDIR: process.env["TMPDIR"], ...way.settings },
    });
    this.#process.stderr.pipe(process.stderr);
    this.#lines = createInterface(this.#process.stdout)[Symbol.asyncIterator]();
  }

  async ready(): Promise<void> {
    ({ port: this.#port, token: this.#token } = await this.#next<{ port: number; token: string }>());
  }

  async #next<Value>(): Promise<Value> {
    const next = await this.#lines.next();
    if (next.done === true) throw new Error("the server ended");
    return JSON.parse(next.value) as Value;
  }

  async #cpuMicroseconds(): Promise<number> {
    this.#process.stdin.write("cpu\n");
    return (await this.#next<{ cpuMicroseconds: number }>()).cpuMicroseconds;
  }

  async measure(): Promise<Sample> {
    const counters = [{ marker: USER_MARKER, from: this.#calls, below: USERS }];
    if (this.way.hasKeys) counters.push({ marker: KEY_MARKER, from: this.#calls, below: 1e9 });
    this.#calls += CALLS;
    const order: LoadOrder = {
      protocol: "http2",
      port: this.#port,
      path: "/zitadel.user.v2.UserService/SendEmailCode",
      headers: {
        "content-type": "application/grpc",
        te: "trailers",
        authorization: `Bearer ${this.#token}`,
        ...(this.way.hasKeys && { "idempotency-key": `0190b0c5-7f4a-7c1e-9d2b-${KEY_MARKER}` }),
      },
      body: FRAMED,
      calls: CALLS,
      connections: CONNECTIONS,
      inFlight: IN_FLIGHT,
      counters,
    };
    const file = new URL("load.ts", import.meta.url).pathname;
    const cpuBefore = await this.#cpuMicroseconds();
    const { stdout } = await promisify(execFile)(process.execPath, [file, JSON.stringify(order)]);
    const { seconds, calls, bodyBytes } = JSON.parse(stdout) as LoadResult;
    // A success carries details and a code; a refusal has no body.
    if (calls !== CALLS || bodyBytes < CALLS * 40) throw new Error(`calls were refused: ${stdout}`);
    const cpu = (await this.#cpuMicroseconds()) - cpuBefore;
    return { callsPerSecond: calls / seconds, cpuPerCall: cpu / calls };
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once("exit", resolve));
    this.#process.stdin.end();
    await ended;
  }
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

const servers = WAYS.map((way) => new Server(way));
await Promise.all(servers.map((server) => server.ready()));
const rounds: Map<Way, Sample>[] = [];
for (let round = 0; round < WARM_UP_ROUNDS + ROUNDS; round++) {
  process.stderr.write(`\rround ${round + 1} of ${WARM_UP_ROUNDS + ROUNDS}`);
  const samples = new Map<Way, Sample>();
  // Each round begins with another way: what follows on a sync of the one before is nobody's lot for ever.
  for (let turn = 0; turn < servers.length; turn++) {
    const server = servers[(round + turn) % servers.length];
    if (server !== undefined) samples.set(server.way, await server.measure());
  }
  if (round >= WARM_UP_ROUNDS) rounds.push(samples);
}
process.stderr.write("\r");
await Promise.all(servers.map((server) => server.stop()));

const figures = (way: Way, figure: keyof Sample) =>
  rounds.map((samples) => samples.get(way)?.[figure] ?? Number.NaN);
const keptBy = (way: Way) => {
  const without = figures(OFF, "callsPerSecond");
  return figures(way, "callsPerSecond").map((rate, round) => rate / (without[round] ?? Number.NaN));
};
const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
console.log(
  `Node ${process.version}, ${cpus()[0]?.model ?? "unknown CPU"}, ${ROUNDS} rounds of ${CALLS} calls, ${CONNECTIONS * IN_FLIGHT} in flight`,
);
console.log("| with | calls/s, median | lost, median | rounds | server's CPU us |\n|---|---|---|---|---|");
for (const way of WAYS) {
  const kept = keptBy(way);
  const rate = median(figures(way, "callsPerSecond")).toFixed(0);
  const cpu = median(figures(way, "cpuPerCall")).toFixed(0);
  const spread = `${percent(1 - Math.max(...kept))} to ${percent(1 - Math.min(...kept))}`;
  console.log(`| ${way.name} | ${rate} | ${percent(1 - median(kept))} | ${spread} | ${cpu} |`);
}
const lost = 1 - median(keptBy(BOTH));
console.log(`demand: with limits and keys at most ${percent(MOST_LOST)} lost; ${percent(lost)} are`);
process.exitCode = lost <= MOST_LOST ? 0 : 1;
