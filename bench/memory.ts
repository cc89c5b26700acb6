/**
 * Whether memory grows with calls: what one server holds after 20,000 of them, after each 20,000 more, and after 200,000;
 * and whose it is: V8's heaps by thread, with their young generations, or what is outside of them.
 */
import { mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { LoadClient } from "./load-client.ts";
import { residentMegabytes, residentPartsMegabytes } from "./process-usage.ts";
import { progress } from "./progress.ts";
import { startService, type Surroundings } from "./running-server.ts";
import { SERVERS } from "./server-specs.ts";

const STEP_CALLS = 20_000;
const IDLE_MS = 1_500;

export interface MemorySample {
  readonly calls: number;
  readonly residentMegabytes: number;
  /** Of them, those that belong to no file. Absent in results of before. */
  readonly anonymousMegabytes?: number;
  /** Thread by thread: the main thread first. */
  readonly heaps?: readonly HeapSample[];
}

/** MB of one thread's V8. */
export interface HeapSample {
  readonly total: number;
  readonly used: number;
  /** Of the total, the young generation. */
  readonly young: number;
  /** Buffers outside of the heap. */
  readonly external: number;
}

/** @param calls in all, a multiple of 20,000 */
export async function measureMemory(calls: number, around: Surroundings): Promise<MemorySample[]> {
  const folder = mkdtempSync(join(around.folder, "memory-"));
  const server = await startService({ ...SERVERS.countersign, reportsMemory: true }, folder, around);
  const load = new LoadClient();
  const samples: MemorySample[] = [];
  try {
    for (let made = STEP_CALLS; made <= calls; made += STEP_CALLS) {
      progress(`memory: ${made} of ${calls} calls`);
      await load.run(server, { format: "grpc", call: "return_code", inFlight: 64 }, { calls: STEP_CALLS });
      await sleep(IDLE_MS);
      samples.push({
        calls: made,
        residentMegabytes: residentMegabytes(server.pid),
        anonymousMegabytes: residentPartsMegabytes(server.pid).anonymous,
        heaps: readHeaps(folder),
      });
    }
    server.check({ sends: calls, verifications: 0 });
  } finally {
    progress("");
    await server.stop();
    await load.stop();
  }
  return samples;
}

function readHeaps(folder: string): HeapSample[] {
  const threads = readdirSync(folder)
    .flatMap((name) => /^memory-(\d+)\.json$/.exec(name)?.[1] ?? [])
    .toSorted((a, b) => Number(a) - Number(b));
  return threads.map((thread) => {
    const report = JSON.parse(readFileSync(join(folder, `memory-${thread}.json`), "utf8")) as Report;
    const { heapTotal, heapUsed, youngTotal, external } = report;
    return {
      total: heapTotal / 1e6,
      used: heapUsed / 1e6,
      young: youngTotal / 1e6,
      external: external / 1e6,
    };
  });
}

/** As memory-reporter.mjs writes it, in bytes. */
type Report = Readonly<Record<"heapTotal" | "heapUsed" | "youngTotal" | "external", number>>;
