/** The pictures of a run, by file name: those for which it measured something. */
import type { Results } from "../results.ts";
import type { RowResult, Sample } from "../rounds.ts";
import { SERVERS } from "../server-specs.ts";
import { ratios } from "../statistics.ts";
import { barChart, dotChart, lineChart, stackedChart, type Group, type Line } from "./chart.ts";

const YARDSTICK = "bare node http2, fixed frame";

/** @returns SVG texts under names that end in .svg */
export function plotsOf({ tables }: Results): Map<string, string> {
  const plots = new Map<string, string>();
  const calls = tables["calls"] ?? [];
  const yardstick = calls.find(({ row }) => row.name === YARDSTICK);
  if (yardstick !== undefined) {
    const base = read(yardstick, "callsPerSecond");
    const groups = calls.map((result) =>
      group(result, [["ratio", ratios(read(result, "callsPerSecond"), base)]]),
    );
    plots.set(
      "throughput.svg",
      barChart({ title: "Calls per second, 64 in flight", xAxis: `ratio to ${YARDSTICK}` }, groups),
    );
  }
  if (calls.length > 0) {
    const latencies = calls.map((result) =>
      group(result, [
        ["p50", read(result, "p50Ms")],
        ["p99", read(result, "p99Ms")],
        ["p999", read(result, "p999Ms")],
      ]),
    );
    plots.set(
      "latency.svg",
      dotChart({ title: "Latency, 64 in flight", xAxis: "ms, logarithmic" }, latencies),
    );
  }
  // Results of before threads were told apart have the sum only.
  // Peers, some of which take twenty times as much, would leave the rest too short to read.
  const readable = calls.filter(({ row }) => SERVERS[row.server].kind !== "peer");
  const byThread = readable.filter(({ samples }) =>
    samples.every((sample) => Number.isFinite(sample.workersCpuPerCall)),
  );
  if (byThread.length > 0)
    plots.set(
      "microseconds.svg",
      stackedChart(
        { title: "Where a call's microseconds go", xAxis: "µs of CPU per call, all threads of the server" },
        byThread.map(byThreads),
      ),
    );
  const concurrency = linesOf(
    tables["concurrency"] ?? [],
    ({ row }) => row.inFlight,
    ({ row }) => row.name.replace(/, \d+$/, ""),
  );
  if (concurrency.length > 0)
    plots.set(
      "concurrency.svg",
      lineChart(
        {
          title: "Throughput against concurrency",
          xAxis: "calls in flight, logarithmic",
          yAxis: "calls per second",
        },
        concurrency,
      ),
    );
  const users = linesOf(
    [
      ...(tables["users"] ?? []),
      ...(tables["users-5e6"] ?? []).filter(({ row }) => row.name.includes("5e6")),
    ],
    usersOf,
    ({ row }) => row.name.replace(/, \S+ users$/, ""),
  );
  if (users.length > 0)
    plots.set(
      "users.svg",
      lineChart(
        {
          title: "Throughput against users",
          xAxis: "users in the database, logarithmic",
          yAxis: "calls per second",
        },
        users,
      ),
    );
  return plots;
}

type Figure = { [Name in keyof Sample]: Sample[Name] extends number ? Name : never }[keyof Sample];

function read({ samples }: RowResult, figure: Figure): number[] {
  return samples.map((sample) => sample[figure]);
}

function group({ row }: RowResult, values: readonly (readonly [string, readonly number[]])[]): Group {
  return { name: row.name, values: values.map(([name, rounds]) => ({ name, rounds })) };
}

function byThreads(result: RowResult): Group {
  const of = (part: (sample: Sample) => number) => result.samples.map(part);
  return group(result, [
    ["main thread", of(({ mainCpuPerCall }) => mainCpuPerCall)],
    ["worker threads", of(({ workersCpuPerCall }) => workersCpuPerCall)],
    [
      "V8 and libuv",
      of(
        ({ cpuPerCall, mainCpuPerCall, workersCpuPerCall }) =>
          cpuPerCall - mainCpuPerCall - workersCpuPerCall,
      ),
    ],
  ]);
}

function usersOf({ row }: RowResult): number {
  const spec = SERVERS[row.server];
  return "users" in spec ? spec.users : 0;
}

function linesOf(
  results: readonly RowResult[],
  x: (result: RowResult) => number,
  name: (result: RowResult) => string,
): Line[] {
  return [...Map.groupBy(results, name)].map(([line, points]) => ({
    name: line,
    points: points.map((result) => ({ x: x(result), rounds: read(result, "callsPerSecond") })),
  }));
}
