/** What a process has used so far, as Linux tells it; elsewhere nothing is known and NaN is said. */
import { readdirSync, readFileSync } from "node:fs";

/** Of /proc/stat, whatever the kernel's own clock. */
const TICKS_PER_SECOND = 100;

/** Seconds on a core, by what the threads are for. */
export interface Usage {
  readonly main: number;
  /** The program's own worker threads. */
  readonly workers: number;
  /** Everything else: V8's collectors and compilers, the pool of libuv. */
  readonly runtime: number;
}

const UNKNOWN: Usage = { main: Number.NaN, workers: Number.NaN, runtime: Number.NaN };

/** Threads that ended are missing: servers keep theirs. */
export function usageOf(pid: number): Usage {
  try {
    const usage = { main: 0, workers: 0, runtime: 0 };
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      const read = (file: string) => readFileSync(`/proc/${pid}/task/${thread}/${file}`, "utf8");
      // Node's name for them; the kernel cuts names at 15 letters.
      const isWorker = read("comm").startsWith("WorkerThread");
      const kind = thread === String(pid) ? "main" : isWorker ? "workers" : "runtime";
      // Nanoseconds on a core come first.
      usage[kind] += Number(read("schedstat").split(" ")[0]) / 1e9;
    }
    return usage;
  } catch {
    return UNKNOWN;
  }
}

export function cpuSeconds({ main, workers, runtime }: Usage): number {
  return main + workers + runtime;
}

/** Resident memory in MB. */
export function residentMegabytes(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1_000;
  } catch {
    return Number.NaN;
  }
}

/** Resident memory in MB, by whether a file is behind it: a program's code and mapped files, or heaps and stacks. */
export function residentPartsMegabytes(pid: number): {
  readonly anonymous: number;
  readonly ofFiles: number;
} {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const read = (name: string) =>
      Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) / 1_000;
    return { anonymous: read("RssAnon"), ofFiles: read("RssFile") + read("RssShmem") };
  } catch {
    return { anonymous: Number.NaN, ofFiles: Number.NaN };
  }
}

/** Bytes that a process has had the kernel write to a disk so far: none on a file system in memory. */
export function writtenBytes(pid: number): number {
  try {
    return Number(/^write_bytes: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, "utf8"))?.[1]);
  } catch {
    return Number.NaN;
  }
}

/** Seconds for which these cores were busy with anything since the system started. */
export function busySeconds(cores: readonly string[]): number {
  try {
    const lines = readFileSync("/proc/stat", "utf8").split("\n");
    const busyTicks = (core: string) => {
      const [user = 0, nice = 0, system = 0, , , interrupts = 0, softInterrupts = 0, stolen = 0] =
        lines
          .find((line) => line.startsWith(`cpu${core} `))
          ?.split(/\s+/)
          .slice(1)
          .map(Number) ?? [];
      return user + nice + system + interrupts + softInterrupts + stolen;
    };
    return cores.reduce((sum, core) => sum + busyTicks(core), 0) / TICKS_PER_SECOND;
  } catch {
    return Number.NaN;
  }
}
