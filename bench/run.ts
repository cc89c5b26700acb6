/**
 * The benchmark: `npm run bench`, or `npm run bench -- calls tls` for some of its parts. bench/README.md says how to read it.
 *
 * `npm run bench -- plots [results.json ...]` measures nothing: it renews docs/performance.md and its pictures.
 *
 *     --rounds 7        rounds of each table, after two to warm up; at least 5 to be worth quoting
 *     --seconds 1.5     of each row in each round
 *     --profile folder  CPU profiles of the service, one per server
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Child } from "./child.ts";
import { checkClient } from "./client-check.ts";
import { measureCost } from "./cost.ts";
import { describeMachine, machineName } from "./machine.ts";
import { measureDrain } from "./mail-drain.ts";
import { measureMemory } from "./memory.ts";
import { measureOnPostgres } from "./on-postgres.ts";
import { feasible } from "./prerequisites.ts";
import { writeDocs, writePlots } from "./plots/write-plots.ts";
import { renderReport } from "./report.ts";
import type { Results } from "./results.ts";
import { measureTable } from "./rounds.ts";
import type { Surroundings } from "./running-server.ts";
import { TABLES } from "./scenarios.ts";
import { SlowSync } from "./slow-sync.ts";
import { measureStartUp } from "./start-up.ts";

const MEMORY_CALLS = 200_000;
const PARTS = ["client", "start-up", "memory", "cost", "postgres", "mails"];
const STARTS_SECONDS = 20;
const OTHER_PART_SECONDS = 60;
const SLOWEST_SYNC_MS = 20;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "7" },
    seconds: { type: "string", default: "1.5" },
    profile: { type: "string" },
  },
});
if (positionals[0] === "plots") {
  for (const written of writeDocs(positionals.slice(1))) console.log(written);
  process.exit();
}
const unknown = positionals.filter(
  (name) => !PARTS.includes(name) && !TABLES.some((table) => table.name === name),
);
if (unknown.length > 0) {
  const known = [...TABLES.map(({ name }) => name), ...PARTS].join(", ");
  process.stderr.write(`no part called ${unknown.join(", ")}; there are ${known}\n`);
  process.exit(2);
}
const onRequest = new Set(TABLES.filter((table) => table.onRequest === true).map(({ name }) => name));
const isWanted = (name: string) =>
  positionals.length === 0 ? !onRequest.has(name) : positionals.includes(name);

const options = { rounds: Number(values.rounds), seconds: Number(values.seconds) };
const folder = mkdtempSync(join(tmpdir(), "countersign-bench-"));
const machine = describeMachine();
const date = new Date().toISOString().slice(0, 10);
const fileName = [date, machineName(machine), ...positionals].join("-");
const path = fileURLToPath(new URL(`results/${fileName}`, import.meta.url));
let results: Results = { machine, options, tables: {} };

type Step = readonly [name: string, measure: () => Promise<Partial<Results>>];

function write(measured: Results): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.json`, `${JSON.stringify(measured)}\n`);
  writeFileSync(`${path}.md`, renderReport(measured));
}

/** Roughly, users that are in bench/.cache already taken for granted. */
function estimateSeconds(part: string): number {
  const turns = options.rounds + 2;
  const table = TABLES.find(({ name }) => name === part);
  if (table !== undefined) {
    const filled = table.rows.filter(({ call }) => call === "verify").length;
    return STARTS_SECONDS + turns * options.seconds * (table.rows.length + filled);
  }
  return part === "postgres" ? STARTS_SECONDS + turns * options.seconds * 2 : OTHER_PART_SECONDS;
}

const sink = new Child({ place: "load", file: "mail-sink.ts" });
try {
  const { port: smtpPort } = await sink.next<{ port: number }>();
  const slowSync = SlowSync.compile(folder);
  await slowSync?.check(SLOWEST_SYNC_MS);
  const profiles = values.profile === undefined ? {} : { profiles: resolve(values.profile) };
  const around: Surroundings = { folder, slowSync, smtpPort, ...profiles };

  const steps: readonly Step[] = [
    ["client", async () => ({ client: await checkClient(options.rounds, options.seconds, around) })],
    ...TABLES.map((table): Step => {
      const measure = () => measureTable(feasible(table, slowSync), options, around);
      return [table.name, async () => ({ tables: { ...results.tables, [table.name]: await measure() } })];
    }),
    ["start-up", async () => ({ startUp: await measureStartUp(options.rounds, around) })],
    ["memory", async () => ({ memory: await measureMemory(MEMORY_CALLS, around) })],
    ["cost", async () => ({ cost: await measureCost(options.rounds, around) })],
    ["postgres", async () => ({ postgres: await measureOnPostgres(options, around) })],
    ["mails", async () => ({ mails: await measureDrain(options.rounds, sink, around) })],
  ];
  const wanted = steps.filter(([name]) => isWanted(name));
  for (const [index, [name, measure]] of wanted.entries()) {
    const left = wanted.slice(index).reduce((sum, [later]) => sum + estimateSeconds(later), 0);
    process.stderr.write(
      `part ${index + 1} of ${wanted.length}: ${name}; about ${Math.ceil(left / 60)} min left\n`,
    );
    results = { ...results, ...(await measure()) };
    // After each part: a later one that fails takes nothing along.
    write(results);
  }
  const pictures = writePlots(results, path);
  console.log(renderReport(results));
  process.stderr.write(`${pictures.length} pictures in ${path}\n`);
  process.stderr.write(`written to ${path}.md and .json\n`);
} finally {
  await sink.stop();
  rmSync(folder, { recursive: true, force: true });
}
