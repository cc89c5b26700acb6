/**
 * The benchmark: `npm run bench`, or `npm run bench -- calls tls` for some of its parts. bench/README.md says how to read it.
 *
 *     --rounds 7        rounds of each table, after two to warm up; at least 5 to be worth quoting
 *     --seconds 1.5     of each row in each round
 *     --profile folder  CPU profiles of the service, one per server
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Child } from "./child.ts";
import { checkClient } from "./client-check.ts";
import { describeMachine, machineName } from "./machine.ts";
import { measureDrain } from "./mail-drain.ts";
import { measureMemory } from "./memory.ts";
import { feasible } from "./prerequisites.ts";
import { renderReport } from "./report.ts";
import type { Results } from "./results.ts";
import { measureTable, type RowResult } from "./rounds.ts";
import type { Surroundings } from "./running-server.ts";
import { TABLES } from "./scenarios.ts";
import { SlowSync } from "./slow-sync.ts";
import { measureStartUp } from "./start-up.ts";

const MEMORY_CALLS = 200_000;
const PARTS = ["client", "start-up", "memory", "mails"];
const SLOWEST_SYNC_MS = 20;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "7" },
    seconds: { type: "string", default: "1.5" },
    profile: { type: "string" },
  },
});
const unknown = positionals.filter(
  (name) => !PARTS.includes(name) && !TABLES.some((table) => table.name === name),
);
if (unknown.length > 0) {
  const known = [...TABLES.map(({ name }) => name), ...PARTS].join(", ");
  process.stderr.write(`no part called ${unknown.join(", ")}; there are ${known}\n`);
  process.exit(2);
}
const isWanted = (name: string, onRequest = false) =>
  positionals.length === 0 ? !onRequest : positionals.includes(name);

const options = { rounds: Number(values.rounds), seconds: Number(values.seconds) };
const folder = mkdtempSync(join(tmpdir(), "countersign-bench-"));
const machine = describeMachine();
const sink = new Child({ place: "load", file: "mail-sink.ts" });
try {
  const { port: smtpPort } = await sink.next<{ port: number }>();
  const slowSync = SlowSync.compile(folder);
  await slowSync?.check(SLOWEST_SYNC_MS);
  const profiles = values.profile === undefined ? {} : { profiles: resolve(values.profile) };
  const around: Surroundings = { folder, slowSync, smtpPort, ...profiles };

  const client = isWanted("client") ? await checkClient(options.rounds, options.seconds, around) : undefined;
  const tables: Record<string, readonly RowResult[]> = {};
  for (const table of TABLES.filter(({ name, onRequest }) => isWanted(name, onRequest))) {
    tables[table.name] = await measureTable(feasible(table, slowSync), options, around);
  }
  const results: Results = {
    machine,
    options,
    tables,
    client,
    startUp: isWanted("start-up") ? await measureStartUp(options.rounds, around) : undefined,
    memory: isWanted("memory") ? await measureMemory(MEMORY_CALLS, around) : undefined,
    mails: isWanted("mails") ? await measureDrain(options.rounds, sink, around) : undefined,
  };
  const report = renderReport(results);
  console.log(report);
  const date = new Date().toISOString().slice(0, 10);
  const path = fileURLToPath(
    new URL(`results/${[date, machineName(machine), ...positionals].join("-")}`, import.meta.url),
  );
  mkdirSync(fileURLToPath(new URL("results", import.meta.url)), { recursive: true });
  writeFileSync(`${path}.json`, `${JSON.stringify(results)}\n`);
  writeFileSync(`${path}.md`, report);
  process.stderr.write(`written to ${path}.md and .json\n`);
} finally {
  await sink.stop();
  rmSync(folder, { recursive: true, force: true });
}
