/** Whether memory grows with calls: what one server holds after 20,000 of them and after 200,000. */
import { setTimeout as sleep } from "node:timers/promises";
import { LoadClient } from "./load-client.ts";
import { residentMegabytes } from "./process-usage.ts";
import { progress } from "./progress.ts";
import { startServer, type Surroundings } from "./running-server.ts";
import { SERVERS } from "./server-specs.ts";

const STEP_CALLS = 20_000;
const IDLE_MS = 1_500;

export interface MemorySample {
  readonly calls: number;
  readonly residentMegabytes: number;
}

/** @param calls in all, a multiple of 20,000 */
export async function measureMemory(calls: number, around: Surroundings): Promise<MemorySample[]> {
  const server = await startServer(SERVERS.countersign, around);
  const load = new LoadClient();
  const samples: MemorySample[] = [];
  try {
    for (let made = STEP_CALLS; made <= calls; made += STEP_CALLS) {
      progress(`memory: ${made} of ${calls} calls`);
      await load.run(server, { format: "grpc", call: "return_code", inFlight: 64 }, { calls: STEP_CALLS });
      await sleep(IDLE_MS);
      samples.push({ calls: made, residentMegabytes: residentMegabytes(server.pid) });
    }
    server.check({ sends: calls, verifications: 0 });
  } finally {
    progress("");
    await server.stop();
    await load.stop();
  }
  return samples;
}
