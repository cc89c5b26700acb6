/**
 * What a million verifications cost: CPU of the service, bytes that it writes, bytes that stay in the database. A
 * verification is one SendEmailCode and one VerifyEmail with its code, over gRPC, on SQLite, with the defaults as shipped.
 */
import Database from "better-sqlite3";
import { mkdtempSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { LoadClient } from "./load-client.ts";
import { cpuSeconds, usageOf, writtenBytes } from "./process-usage.ts";
import { progress } from "./progress.ts";
import { startService, type Surroundings } from "./running-server.ts";
import { SERVERS } from "./server-specs.ts";

const GRPC = { format: "grpc", inFlight: 64 } as const;
/** For the checkpoint thread to copy what the last calls left in the log, and for the pool to write its lines. */
const SETTLE_MS = 3_000;

/** Of one round, in which each user was verified once; per verification, so that a million is as many microseconds in seconds. */
export interface CostSample {
  readonly verifications: number;
  readonly cpuMicroseconds: number;
  /** That the process had the kernel send to a disk: /proc/<pid>/io. NaN where that is not told. */
  readonly writtenBytes: number;
  /** By which the database grew: pages in use. */
  readonly databaseBytes: number;
  /** Of the request log. */
  readonly logBytes: number;
}

export async function measureCost(rounds: number, around: Surroundings): Promise<CostSample[]> {
  const folder = mkdtempSync(join(around.folder, "cost-"));
  const server = await startService(SERVERS.countersign, folder, around);
  const load = new LoadClient();
  const acknowledged = { sends: 0, verifications: 0 };
  const samples: CostSample[] = [];

  async function verifyEachUser(): Promise<number> {
    const extent = { calls: server.users };
    const sends = await load.run(server, { ...GRPC, call: "return_code" }, extent, true);
    const verifications = await load.run(server, { ...GRPC, call: "verify" }, extent);
    acknowledged.sends += sends.calls;
    acknowledged.verifications += verifications.calls;
    if (verifications.calls !== sends.calls)
      throw new Error(`${sends.calls} codes were given and ${verifications.calls} used`);
    return verifications.calls;
  }

  try {
    progress("cost: warming up");
    await verifyEachUser();
    for (let round = 0; round < rounds; round++) {
      progress(`cost: round ${round + 1} of ${rounds}`);
      await sleep(SETTLE_MS);
      const before = countersOf(server.pid, folder);
      const verifications = await verifyEachUser();
      await sleep(SETTLE_MS);
      const after = countersOf(server.pid, folder);
      samples.push({
        verifications,
        cpuMicroseconds: ((after.cpuSeconds - before.cpuSeconds) * 1e6) / verifications,
        writtenBytes: (after.writtenBytes - before.writtenBytes) / verifications,
        databaseBytes: (after.databaseBytes - before.databaseBytes) / verifications,
        logBytes: (after.logBytes - before.logBytes) / verifications,
      });
    }
    server.check(acknowledged);
  } finally {
    progress("");
    await server.stop();
    await load.stop();
  }
  return samples;
}

function countersOf(pid: number, folder: string) {
  return {
    cpuSeconds: cpuSeconds(usageOf(pid)),
    writtenBytes: writtenBytes(pid),
    databaseBytes: databaseBytes(folder),
    logBytes: statSync(join(folder, "log")).size,
  };
}

/** Pages in use, those among them that are still in SQLite's log only: the size of the file grows in steps. */
function databaseBytes(folder: string): number {
  const database = new Database(join(folder, "countersign.db"), { readonly: true });
  try {
    const pragma = (name: string) => database.pragma(name, { simple: true }) as number;
    return (pragma("page_count") - pragma("freelist_count")) * pragma("page_size");
  } finally {
    database.close();
  }
}
