/**
 * Which core the server has, and which the load. By default the first two that there are; BENCH_SERVER_CORE and
 * BENCH_LOAD_CORE choose others, on a machine whose first two share a physical core, say. Without `taskset` or a second
 * core nothing is pinned.
 */
import { existsSync, readFileSync } from "node:fs";

export type Place = "server" | "load" | "anywhere";

const [first = "0", second] = allowedCores();
const CORES = {
  server: process.env["BENCH_SERVER_CORE"] ?? first,
  load: process.env["BENCH_LOAD_CORE"] ?? second ?? first,
};

export const isPinned =
  CORES.server !== CORES.load && ["/usr/bin/taskset", "/bin/taskset"].some((path) => existsSync(path));

/** The cores that this process may use, such as 0 to 3 and 8; none where nobody says. */
function allowedCores(): readonly string[] {
  try {
    const status = readFileSync("/proc/self/status", "utf8");
    const ranges = /^Cpus_allowed_list:\s+(\S+)/m.exec(status)?.[1]?.split(",") ?? [];
    return ranges.flatMap((range) => {
      const [from = 0, to = from] = range.split("-").map(Number);
      return Array.from({ length: to - from + 1 }, (_, index) => String(from + index));
    });
  } catch {
    return [];
  }
}

/** What the benchmark keeps busy; none where nothing is pinned. */
export const pinnedCores: readonly string[] = isPinned ? [CORES.server, CORES.load] : [];

/** A command line that runs where it belongs. */
export function placed(place: Place, command: readonly string[]): [string, ...string[]] {
  const prefix = isPinned && place !== "anywhere" ? ["taskset", "-c", CORES[place]] : [];
  const [program = "", ...parameters] = [...prefix, ...command];
  return [program, ...parameters];
}

export const pinningText = isPinned
  ? `server on core ${CORES.server}, load on core ${CORES.load}`
  : "not pinned: no taskset, or one core";
