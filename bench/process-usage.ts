/** What a process has used so far, as Linux tells it; elsewhere nothing is known and NaN is said. */
import { readdirSync, readFileSync } from "node:fs";

/** Of /proc/stat, whatever the kernel's own clock. */
const TICKS_PER_SECOND = 100;

export interface Usage {
  /** Of all threads. */
  readonly cpuSeconds: number;
  readonly mainThreadCpuSeconds: number;
}

/** Nanoseconds on a core come first in `schedstat`. Threads that ended are missing: servers keep theirs. */
export function usageOf(pid: number): Usage {
  try {
    const seconds = (thread: string) =>
      Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]) / 1e9;
    const threads = readdirSync(`/proc/${pid}/task`);
    return {
      cpuSeconds: threads.reduce((sum, thread) => sum + seconds(thread), 0),
      mainThreadCpuSeconds: seconds(String(pid)),
    };
  } catch {
    return { cpuSeconds: Number.NaN, mainThreadCpuSeconds: Number.NaN };
  }
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
