/** How long the service takes from its start to its first answer, and what it holds while nothing happens. */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Child } from "./child.ts";
import { cpuSeconds, residentMegabytes, usageOf } from "./process-usage.ts";
import { progress } from "./progress.ts";
import { startService, type Surroundings } from "./running-server.ts";
import { SERVERS } from "./server-specs.ts";

/** Until what the start left behind was collected or not. */
const IDLE_MS = 1_500;

export interface StartSample {
  readonly startMs: number;
  /** Of all threads, until then. */
  readonly startCpuMs: number;
  readonly idleMegabytes: number;
}

export interface StartResult {
  readonly service: readonly StartSample[];
  readonly bareNode: readonly StartSample[];
}

export async function measureStartUp(rounds: number, around: Surroundings): Promise<StartResult> {
  const folder = join(around.folder, "start-up");
  const service: StartSample[] = [];
  const bareNode: StartSample[] = [];
  for (let round = 0; round <= rounds; round++) {
    progress(`start-up: round ${round + 1} of ${rounds + 1}`);
    const samples = [await startBareNode(), await startOnce()] as const;
    // The first one reads files that are not in memory yet.
    if (round === 0) continue;
    bareNode.push(samples[0]);
    service.push(samples[1]);
  }
  progress("");
  return { service, bareNode };

  async function startOnce(): Promise<StartSample> {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder);
    // Filled before the clock runs: an operator's database is there already.
    await SERVERS["countersign, 1e3 users"].database.fill(folder, { users: 1_000, mails: 0 });
    const startedMs = performance.now();
    const server = await startService({ ...SERVERS.countersign, database: FILLED }, folder, around);
    await fetch(`http://127.0.0.1:${server.port}/healthz`);
    const startMs = performance.now() - startedMs;
    const startCpuMs = cpuSeconds(usageOf(server.pid)) * 1_000;
    await sleep(IDLE_MS);
    const idleMegabytes = residentMegabytes(server.pid);
    await server.stop();
    return { startMs, startCpuMs, idleMegabytes };
  }
}

const FILLED = { ...SERVERS.countersign.database, fill: () => Promise.resolve() };

async function startBareNode(): Promise<StartSample> {
  const startedMs = performance.now();
  const child = new Child({ place: "server", file: "servers/bare-node.js" });
  const { port } = await child.next<{ port: number }>();
  await fetch(`http://127.0.0.1:${port}/`);
  const startMs = performance.now() - startedMs;
  const startCpuMs = cpuSeconds(usageOf(child.pid)) * 1_000;
  await sleep(IDLE_MS);
  const idleMegabytes = residentMegabytes(child.pid);
  await child.stop();
  return { startMs, startCpuMs, idleMegabytes };
}
