/**
 * What the direct path is worth: calls per second of SendEmailCode with return_code, direct against connect-node, with
 * the same chain and an in-memory store, in interleaved rounds of one run. `npm run bench:transport`.
 *
 * Where `taskset` exists the server has the first core and the load the second. Every answer is counted, and the bodies'
 * sizes are checked: a refusal has another size.
 */
import { execFileSync, spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { existsSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import { createInterface, type Interface } from "node:readline";
import type { LoadOrder, LoadResult } from "./load.ts";

const ROUNDS = Number(process.env["ROUNDS"] ?? 5);
const WARM_UP_ROUNDS = 2;
const CALLS = Number(process.env["CALLS"] ?? 6_000);
const MODES = ["direct", "connect-node"] as const;
type Mode = (typeof MODES)[number];

interface Format {
  readonly name: string;
  readonly target: number;
  readonly order: Pick<LoadOrder, "protocol" | "path" | "headers" | "body" | "connections" | "inFlight">;
}

const PROCEDURE = "/zitadel.user.v2.UserService/SendEmailCode";
// SendEmailCodeRequest{user_id: "bench", return_code: {}}, framed.
const MESSAGE = Buffer.from([0x0a, 5, ...Buffer.from("bench"), 0x1a, 0]);
const FRAMED = Buffer.concat([Buffer.from([0, 0, 0, 0, MESSAGE.length]), MESSAGE]).toString("base64");
const json = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64");
const HTTP1 = { protocol: "http1", connections: 64, inFlight: 1 } as const;

const FORMATS: readonly Format[] = [
  {
    name: "gRPC, HTTP/2",
    target: 4,
    order: {
      protocol: "http2",
      connections: 4,
      inFlight: 16,
      path: PROCEDURE,
      headers: { "content-type": "application/grpc", te: "trailers" },
      body: FRAMED,
    },
  },
  {
    name: "gRPC-Web, HTTP/1.1",
    target: 3.5,
    order: {
      ...HTTP1,
      path: PROCEDURE,
      headers: { "content-type": "application/grpc-web+proto" },
      body: FRAMED,
    },
  },
  {
    name: "Connect JSON, HTTP/1.1",
    target: 2.5,
    order: {
      ...HTTP1,
      path: PROCEDURE,
      headers: { "content-type": "application/json" },
      body: json({ userId: "bench", returnCode: {} }),
    },
  },
  {
    name: "REST JSON, HTTP/1.1",
    target: 2.5,
    order: {
      ...HTTP1,
      path: "/v2/users/bench/email/send",
      headers: { "content-type": "application/json" },
      body: json({ returnCode: {} }),
    },
  },
];

const pins = canPin()
  ? { server: ["taskset", "-c", "0"], load: ["taskset", "-c", "1"] }
  : { server: [], load: [] };

function canPin(): boolean {
  return availableParallelism() >= 2 && ["/usr/bin/taskset", "/bin/taskset"].some((path) => existsSync(path));
}

/** The command line that runs Node on its core. */
function pinned(pin: readonly string[]): [string, ...string[]] {
  const [first, ...rest] = [...pin, process.execPath];
  return [first ?? process.execPath, ...rest];
}

class Server {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  port = 0;
  token = "";

  constructor(mode: Mode) {
    const [command, ...prefix] = pinned(pins.server);
    const file = new URL("server.ts", import.meta.url).pathname;
    this.#process = spawn(command, [...prefix, file, mode]);
    this.#process.stderr.pipe(process.stderr);
    const lines: Interface = createInterface(this.#process.stdout);
    this.#lines = lines[Symbol.asyncIterator]();
  }

  async #next<Value>(): Promise<Value> {
    const next = await this.#lines.next();
    if (next.done === true) throw new Error("the server ended");
    return JSON.parse(next.value) as Value;
  }

  async ready(): Promise<void> {
    ({ port: this.port, token: this.token } = await this.#next<{ port: number; token: string }>());
  }

  async cpuMicroseconds(): Promise<number> {
    this.#process.stdin.write("cpu\n");
    return (await this.#next<{ cpuMicroseconds: number }>()).cpuMicroseconds;
  }

  stop(): void {
    this.#process.stdin.end();
  }
}

interface Sample {
  readonly callsPerSecond: number;
  readonly cpuPerCall: number;
}

async function measure(server: Server, { order }: Format): Promise<Sample> {
  const headers = { ...order.headers, authorization: `Bearer ${server.token}` };
  const whole: LoadOrder = { ...order, headers, port: server.port, calls: CALLS };
  const before = await server.cpuMicroseconds();
  const [command, ...prefix] = pinned(pins.load);
  const file = new URL("load.ts", import.meta.url).pathname;
  const output = execFileSync(command, [...prefix, file, JSON.stringify(whole)], { encoding: "utf8" });
  const { seconds, calls, bodyBytes } = JSON.parse(output) as LoadResult;
  const cpu = (await server.cpuMicroseconds()) - before;
  // A success carries details and a code: more than 40 bytes in every format. A refusal in gRPC has no body.
  if (calls !== CALLS || bodyBytes < CALLS * 40) throw new Error(`calls were refused: ${output}`);
  return { callsPerSecond: calls / seconds, cpuPerCall: cpu / calls };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

const servers = { direct: new Server("direct"), "connect-node": new Server("connect-node") };
await Promise.all(MODES.map((mode) => servers[mode].ready()));
const samples = new Map<string, Sample[]>();
for (let round = 0; round < WARM_UP_ROUNDS + ROUNDS; round++) {
  process.stderr.write(`\rround ${round + 1} of ${WARM_UP_ROUNDS + ROUNDS}`);
  for (const format of FORMATS) {
    for (const mode of MODES) {
      const sample = await measure(servers[mode], format);
      const key = `${format.name}/${mode}`;
      if (round >= WARM_UP_ROUNDS) samples.set(key, [...(samples.get(key) ?? []), sample]);
    }
  }
}
process.stderr.write("\r");
for (const mode of MODES) servers[mode].stop();

const rows = FORMATS.map(({ name, target }) => {
  const direct = samples.get(`${name}/direct`) ?? [];
  const reference = samples.get(`${name}/connect-node`) ?? [];
  const ratios = direct.map(
    ({ callsPerSecond }, round) => callsPerSecond / (reference[round]?.callsPerSecond ?? 1),
  );
  const cpu = (list: readonly Sample[]) => median(list.map(({ cpuPerCall }) => cpuPerCall)).toFixed(0);
  const spread = `${Math.min(...ratios).toFixed(1)} to ${Math.max(...ratios).toFixed(1)}`;
  return [name, median(ratios).toFixed(2), spread, String(target), cpu(direct), cpu(reference)];
});
const head = ["format", "direct / connect-node", "rounds", "demand", "CPU us direct", "CPU us connect-node"];
console.log(
  `Node ${process.version}, ${cpus()[0]?.model ?? "unknown CPU"}, ${ROUNDS} rounds of ${CALLS} calls, 64 in flight`,
);
console.log(
  pins.server.length > 0 ? "server on core 0, load on core 1" : "cores not pinned: no taskset, or one core",
);
console.log([head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n"));
process.exitCode = rows.every(([, ratio, , target]) => Number(ratio) >= Number(target)) ? 0 : 1;
