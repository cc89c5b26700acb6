/**
 * Whether the load is what limits: the most that the raw client gets out of the cheapest server there is, what of a core
 * either of them uses meanwhile, and, where h2load is installed, what that one gets out of it.
 */
import { execFile, spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { LoadClient } from "./load-client.ts";
import { placed } from "./pinning.ts";
import { cpuSeconds, usageOf } from "./process-usage.ts";
import { requestOf } from "./requests.ts";
import { startServer, type RunningServer, type Surroundings } from "./running-server.ts";
import { SERVERS } from "./server-specs.ts";

const WARM_UP_ROUNDS = 1;

export interface ClientSample {
  readonly callsPerSecond: number;
  readonly clientCpuShare: number;
  readonly serverCpuShare: number;
  /** NaN where h2load is not installed. */
  readonly h2loadCallsPerSecond: number;
}

export async function checkClient(
  rounds: number,
  seconds: number,
  around: Surroundings,
): Promise<ClientSample[]> {
  const server = await startServer(SERVERS["node http2"], around);
  const load = new LoadClient();
  const samples: ClientSample[] = [];
  for (let round = 0; round < WARM_UP_ROUNDS + rounds; round++) {
    const before = cpuSeconds(usageOf(server.pid));
    const result = await load.run(server, { format: "grpc", call: "return_code", inFlight: 64 }, { seconds });
    const usedSeconds = cpuSeconds(usageOf(server.pid)) - before;
    const callsPerSecond = result.calls / result.seconds;
    const h2loadCallsPerSecond = await runH2load(server, result.calls, around.folder);
    if (round < WARM_UP_ROUNDS) continue;
    samples.push({
      callsPerSecond,
      clientCpuShare: result.cpuShare,
      serverCpuShare: usedSeconds / result.seconds,
      h2loadCallsPerSecond,
    });
  }
  await server.stop();
  await load.stop();
  return samples;
}

async function runH2load({ port, token }: RunningServer, calls: number, folder: string): Promise<number> {
  if (spawnSync("h2load", ["--version"]).status !== 0) return Number.NaN;
  const { path, headers, body } = requestOf("grpc", "return_code", token);
  mkdirSync(folder, { recursive: true });
  const bodyFile = join(folder, "h2load-body");
  writeFileSync(bodyFile, Buffer.from(body, "base64"));
  const [command, ...parameters] = placed("load", [
    "h2load",
    `--requests=${calls}`,
    "--clients=4",
    "--max-concurrent-streams=16",
    "--threads=1",
    `--data=${bodyFile}`,
    ...Object.entries(headers).map(([name, value]) => `--header=${name}: ${value}`),
    `http://127.0.0.1:${port}${path}`,
  ]);
  const { stdout } = await promisify(execFile)(command, parameters);
  return Number(/, ([\d.]+) req\/s/.exec(stdout)?.[1]);
}
