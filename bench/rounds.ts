/** One table: its servers are started, its rows measured in turn, round by round, and what they left behind is checked. */
import { setTimeout as sleep } from "node:timers/promises";
import type { LoadResult } from "./load/order.ts";
import { LoadClient } from "./load-client.ts";
import { pinnedCores } from "./pinning.ts";
import { busySeconds, cpuSeconds, residentMegabytes, usageOf } from "./process-usage.ts";
import { progress } from "./progress.ts";
import { startServer, type Acknowledged, type RunningServer, type Surroundings } from "./running-server.ts";
import type { Row, Table } from "./scenarios.ts";
import { SERVERS, type ServerName } from "./server-specs.ts";

const WARM_UP_ROUNDS = 2;
const MAILS_WAITING = 10_000;
const DRAIN_POLL_MS = 50;

export interface RoundOptions {
  readonly rounds: number;
  /** Of each row in each round. */
  readonly seconds: number;
}

/** What one row did in one round. */
export interface Sample extends LoadResult {
  readonly callsPerSecond: number;
  /** Microseconds of the server's process, all threads. */
  readonly cpuPerCall: number;
  /** Of them, those of the main thread, and of the program's worker threads; the rest is V8's and libuv's. */
  readonly mainCpuPerCall: number;
  readonly workersCpuPerCall: number;
  /** Share of a core that the server used: near 1, it is what limits. */
  readonly serverCpuShare: number;
  /** Cores that others used of the two: what is well above 0 makes the sample a rough one. */
  readonly othersShare: number;
}

export interface RowResult {
  readonly row: Row;
  readonly samples: readonly Sample[];
  /** MB at the end. */
  readonly residentMegabytes: number;
}

export async function measureTable(
  table: Table,
  { rounds, seconds }: RoundOptions,
  around: Surroundings,
): Promise<RowResult[]> {
  const servers = new Map<ServerName, RunningServer>();
  const acknowledged = new Map<RunningServer, Acknowledged>();
  const load = new LoadClient();
  try {
    for (const { server } of table.rows) {
      if (!servers.has(server)) servers.set(server, await startServer(SERVERS[server], around));
    }
    for (const server of servers.values()) acknowledged.set(server, { sends: 0, verifications: 0 });
    const samples = new Map<Row, Sample[]>(table.rows.map((row) => [row, []]));
    for (let round = 0; round < WARM_UP_ROUNDS + rounds; round++) {
      progress(`${table.name}: round ${round + 1} of ${WARM_UP_ROUNDS + rounds}`);
      // Each round begins with another row: what follows on a neighbour is nobody's lot for ever.
      for (let turn = 0; turn < table.rows.length; turn++) {
        const row = table.rows[(round + turn) % table.rows.length] as Row;
        const sample = await measure(row, servers.get(row.server) as RunningServer);
        if (round >= WARM_UP_ROUNDS) samples.get(row)?.push(sample);
      }
    }
    progress("");
    for (const [server, counts] of acknowledged) server.check(counts);
    return table.rows.map((row) => ({
      row,
      samples: samples.get(row) ?? [],
      residentMegabytes: residentMegabytes(servers.get(row.server)?.pid ?? 0),
    }));
  } finally {
    for (const server of servers.values()) await server.stop();
    await load.stop();
  }

  async function measure(row: Row, server: RunningServer): Promise<Sample> {
    const gives = { format: "grpc", inFlight: 64 } as const;
    if (row.call === "verify") {
      count(server, "sends", await load.run(server, { ...gives, call: "return_code" }, { seconds }, true));
    }
    if (row.mailsWaiting === true) {
      const mailed = await load.run(server, { ...gives, call: "send_code" }, { calls: MAILS_WAITING });
      count(server, "sends", mailed);
    }
    const busyBefore = busySeconds(pinnedCores);
    const before = usageOf(server.pid);
    const startedMs = performance.now();
    const result = await load.run(server, row, { seconds });
    const elapsedSeconds = (performance.now() - startedMs) / 1_000;
    const after = usageOf(server.pid);
    const busy = busySeconds(pinnedCores) - busyBefore;
    count(server, row.call === "verify" ? "verifications" : "sends", result);
    // What drains now would be work in the next row's time.
    while (server.waitingMails() > 0) await sleep(DRAIN_POLL_MS);
    const usedSeconds = cpuSeconds(after) - cpuSeconds(before);
    return {
      ...result,
      callsPerSecond: result.calls / result.seconds,
      cpuPerCall: (usedSeconds / result.calls) * 1e6,
      mainCpuPerCall: ((after.main - before.main) / result.calls) * 1e6,
      workersCpuPerCall: ((after.workers - before.workers) / result.calls) * 1e6,
      serverCpuShare: usedSeconds / result.seconds,
      othersShare: Math.max(0, (busy - usedSeconds) / elapsedSeconds - result.cpuShare),
    };
  }

  function count(server: RunningServer, kind: keyof Acknowledged, { calls }: LoadResult): void {
    const counts = acknowledged.get(server);
    if (counts !== undefined) counts[kind] += calls;
  }
}
