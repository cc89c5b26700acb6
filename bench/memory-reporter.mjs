/**
 * Loaded into each thread of a service under test: writes what the thread's V8 holds, twice a second, to
 * `memory-<thread>.json` in the folder that BENCH_MEMORY_FOLDER names. Only the memory part asks for it.
 */
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { getHeapSpaceStatistics } from "node:v8";
import { threadId } from "node:worker_threads";

const INTERVAL_MS = 500;
const folder = process.env.BENCH_MEMORY_FOLDER;

function report() {
  const { heapTotal, heapUsed, external } = process.memoryUsage();
  const youngSpaces = getHeapSpaceStatistics().filter(({ space_name: name }) => name.startsWith("new_"));
  const youngTotal = youngSpaces.reduce((sum, space) => sum + space.space_size, 0);
  const path = join(folder, `memory-${threadId}.json`);
  writeFileSync(`${path}.new`, JSON.stringify({ heapTotal, heapUsed, external, youngTotal }));
  renameSync(`${path}.new`, path);
}

if (folder !== undefined) setInterval(report, INTERVAL_MS).unref();
