/** Results as Markdown. */
import { DEMANDS, demandText, isMet, type Demand } from "./demands.ts";
import { figures, type Results } from "./results.ts";
import type { RowResult, Sample } from "./rounds.ts";
import { TABLES, type Table } from "./scenarios.ts";
import { median, ratios, short, withSpread } from "./statistics.ts";

export function renderReport(results: Results): string {
  const parts = [
    `# Benchmark`,
    renderMachine(results),
    "## What must hold",
    renderDemands(results),
    ...TABLES.filter(({ name }) => results.tables[name] !== undefined).flatMap((table) => [
      `## ${table.title}`,
      renderTable(table, results),
    ]),
    ...renderClient(results),
    ...renderStartUp(results),
    ...renderMemory(results),
    ...renderCost(results),
    ...renderPostgres(results),
    ...renderMails(results),
  ];
  return `${parts.join("\n\n")}\n`;
}

/**
 * What docs/performance.md tells.
 * @param results all parts
 * @param runs which they are from
 * @param pictures addresses relative to the page
 */
export function renderForDocs(
  results: Results,
  runs: readonly Results[],
  pictures: readonly string[],
): string {
  const tables = [
    ...renderCost(results),
    ...renderPostgres(results),
    ...renderMemory(results),
    ...renderMails(results),
  ].map((part) => part.replace(/^## /, "### "));
  return [...runs.map(renderRun), renderDemands(results), ...pictures.map(pictureLine), ...tables].join(
    "\n\n",
  );
}

function renderRun(run: Results): string {
  const { machine: _machine, options: _options, tables, ...others } = run;
  return `Measured: ${[...Object.keys(tables), ...Object.keys(others)].join(", ")}.\n${renderMachine(run)}`;
}

function pictureLine(path: string): string {
  const name = /([^/]*)\.svg$/.exec(path)?.[1] ?? path;
  return `![${name}, round by round](${path})`;
}

/** The table of demands alone. @param slack see `isMet` */
export function renderDemands(results: Results, slack = 1): string {
  const rows = DEMANDS.flatMap((demand) => {
    const values = demand.values(results);
    return values === undefined ? [] : [demandCells(demand, values, demand.byCpu?.(results), slack)];
  });
  const met = slack === 1 ? "met" : `met within a factor of ${slack}`;
  return markdownTable(["figure", "demand", "measured (rounds)", "by CPU", met], rows);
}

function demandCells(
  demand: Demand,
  values: readonly number[],
  byCpu: readonly number[] | undefined,
  slack: number,
): string[] {
  return [
    demand.figure,
    demandText(demand),
    values.length === 1 ? short(median(values)) : withSpread(values),
    byCpu === undefined ? "" : withSpread(byCpu),
    isMet(demand, median(values), slack) ? "yes" : "NO",
  ];
}

function renderMachine({ machine, options }: Results): string {
  const { cpu, cores, memoryGigabytes, system, node, pinning, syncMs, loadBefore, commit } = machine;
  return [
    `${cpu}, ${cores} cores, ${memoryGigabytes} GB, ${system}, Node ${node}; a sync of 16 KB takes ${syncMs} ms.`,
    `Commit ${commit}; ${pinning}; load average before ${loadBefore}.`,
    `${options.rounds} rounds of ${options.seconds} s for each row, in turn, after two to warm up. Figures are medians of the`,
    "rounds, in brackets the least and the most; ratios are taken within each round.",
  ].join("\n");
}

function renderTable({ name, yardsticks, rows }: Table, results: Results): string {
  const measured = results.tables[name] ?? [];
  const cells = rows.flatMap((row) => {
    const result = measured.find((candidate) => candidate.row.name === row.name);
    return result === undefined ? [] : [rowCells(result)];
  });
  const head = [
    "",
    "calls/s",
    ...yardsticks.map((yardstick) => `/ ${yardstick}`),
    "p50 ms",
    "p99 ms",
    "p999 ms",
    "min ms",
    "CPU us",
    "main thread",
    "workers",
    "RSS MB",
    "server's core",
    "load's core",
    "others",
  ];
  return markdownTable(head, cells);

  function rowCells({ row, samples, residentMegabytes }: RowResult): string[] {
    const of = (read: (sample: Sample) => number) => median(samples.map(read));
    const rates = samples.map(({ callsPerSecond }) => callsPerSecond);
    return [
      row.name,
      of(({ callsPerSecond }) => callsPerSecond).toFixed(0),
      ...yardsticks.map((yardstick) => {
        const base = figures(results, name, yardstick, "callsPerSecond");
        return base === undefined ? "-" : withSpread(ratios(rates, base));
      }),
      short(of(({ p50Ms }) => p50Ms)),
      short(of(({ p99Ms }) => p99Ms)),
      short(of(({ p999Ms }) => p999Ms)),
      short(Math.min(...samples.map(({ minMs }) => minMs))),
      of(({ cpuPerCall }) => cpuPerCall).toFixed(0),
      of(({ mainCpuPerCall }) => mainCpuPerCall).toFixed(0),
      of(({ workersCpuPerCall }) => workersCpuPerCall).toFixed(0),
      residentMegabytes.toFixed(0),
      percent(of(({ serverCpuShare }) => serverCpuShare)),
      percent(of(({ cpuShare }) => cpuShare)),
      percent(of(({ othersShare }) => othersShare)),
    ];
  }
}

function renderClient({ client }: Results): string[] {
  if (client === undefined) return [];
  const of = (name: keyof (typeof client)[number]) => median(client.map((sample) => sample[name]));
  const h2load = ratios(
    client.map((sample) => sample.callsPerSecond),
    client.map((sample) => sample.h2loadCallsPerSecond),
  );
  return [
    "## The load itself",
    `Against the fixed frame, the cheapest server there is, the raw client makes ${of("callsPerSecond").toFixed(0)} calls/s: ` +
      `the server has ${percent(of("serverCpuShare"))} of its core, the client ${percent(of("clientCpuShare"))} of its own.` +
      (Number.isNaN(median(h2load))
        ? " h2load is not installed."
        : ` Ratio to h2load: ${withSpread(h2load)}.`),
  ];
}

function renderStartUp({ startUp }: Results): string[] {
  if (startUp === undefined) return [];
  const cells = (["bareNode", "service"] as const).map((name) => [
    name === "service" ? "countersign" : "bare node",
    withSpread(startUp[name].map(({ startMs }) => startMs)),
    withSpread(startUp[name].map(({ startCpuMs }) => startCpuMs)),
    withSpread(startUp[name].map(({ idleMegabytes }) => idleMegabytes)),
  ]);
  return [
    "## Start-up",
    markdownTable(["", "first answer after ms", "CPU ms until then", "idle RSS MB"], cells),
  ];
}

function renderMemory({ memory }: Results): string[] {
  if (memory === undefined) return [];
  const cells = memory.map(({ calls, residentMegabytes, anonymousMegabytes = Number.NaN, heaps = [] }) => [
    String(calls),
    residentMegabytes.toFixed(0),
    Number.isNaN(anonymousMegabytes) ? "-" : anonymousMegabytes.toFixed(0),
    ...(["total", "young", "used", "external"] as const).map((part) =>
      heaps.length === 0 ? "-" : heaps.map((heap) => heap[part].toFixed(0)).join(" + "),
    ),
  ]);
  return [
    "## Memory",
    "Heaps thread by thread, the main thread first.",
    markdownTable(
      ["calls", "RSS MB", "of no file", "V8's heaps", "young generations", "in use", "buffers outside"],
      cells,
    ),
  ];
}

function renderCost({ cost }: Results): string[] {
  return cost === undefined
    ? []
    : [
        "## Cost of a million verifications, one SendEmailCode and one VerifyEmail each",
        renderCostTable(cost),
      ];
}

/** Per verification in microseconds and bytes, so per million in seconds and MB. */
export function renderCostTable(cost: NonNullable<Results["cost"]>): string {
  const of = (read: (sample: (typeof cost)[number]) => number) => withSpread(cost.map(read));
  return markdownTable(
    ["per million verifications", "rounds"],
    [
      ["CPU seconds of the service, all threads", of((sample) => sample.cpuMicroseconds)],
      ["MB written to disk, log lines among them", of((sample) => sample.writtenBytes)],
      ["MB by which the database grows", of((sample) => sample.databaseBytes)],
      ["MB of request log", of((sample) => sample.logBytes)],
    ],
  );
}

function renderPostgres({ postgres }: Results): string[] {
  if (postgres === undefined) return [];
  if ("leftOut" in postgres) return ["## PostgreSQL", `Left out: ${postgres.leftOut}.`];
  const cells = (["sends", "verifications"] as const).map((kind) => {
    const of = (name: "callsPerSecond" | "cpuPerCall" | "p50Ms" | "p99Ms" | "p999Ms") =>
      withSpread(postgres[kind].map((sample) => sample[name]));
    const call = kind === "sends" ? "SendEmailCode" : "VerifyEmail";
    return [call, of("callsPerSecond"), of("p50Ms"), of("p99Ms"), of("p999Ms"), of("cpuPerCall")];
  });
  return [
    "## PostgreSQL, gRPC, 64 in flight",
    markdownTable(["", "calls/s", "p50 ms", "p99 ms", "p999 ms", "service's CPU us"], cells),
  ];
}

function renderMails({ mails }: Results): string[] {
  if (mails === undefined) return [];
  const cells = [
    ["countersign's outbox", withSpread(mails.service)],
    ["nodemailer's pool", withSpread(mails.nodemailer)],
  ];
  return ["## Mails", markdownTable(["", "mails/s"], cells)];
}

function percent(share: number): string {
  return Number.isNaN(share) ? "-" : `${(100 * share).toFixed(0)} %`;
}

function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}
