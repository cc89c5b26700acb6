/**
 * Which core the server has, and which the load. By default the first two; BENCH_SERVER_CORE and BENCH_LOAD_CORE choose
 * others, on a machine whose first two share a physical core, say. Without `taskset` or a second core nothing is pinned.
 */
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";

export type Place = "server" | "load" | "anywhere";

const CORES = {
  server: process.env["BENCH_SERVER_CORE"] ?? "0",
  load: process.env["BENCH_LOAD_CORE"] ?? "1",
};

export const isPinned =
  availableParallelism() >= 2 && ["/usr/bin/taskset", "/bin/taskset"].some((path) => existsSync(path));

/** What the benchmark keeps busy; none where nothing is pinned. */
export const pinnedCores: readonly string[] = isPinned ? [CORES.server, CORES.load] : [];

/** A command line that runs where it belongs. */
export function placed(place: Place, command: readonly string[]): [string, ...string[]] {
  const prefix = isPinned && place !== "anywhere" ? ["taskset", "-c", CORES[place]] : [];
  const [first = "", ...rest] = [...prefix, ...command];
  return [first, ...rest];
}

export const pinningText = isPinned
  ? `server on core ${CORES.server}, load on core ${CORES.load}`
  : "not pinned: no taskset, or one core";
