/** What results stand or fall with: the machine, its disk, the versions. */
import { execFileSync } from "node:child_process";
import { fsyncSync, mkdtempSync, openSync, closeSync, readFileSync, rmSync, writeSync } from "node:fs";
import { arch, availableParallelism, cpus, release, tmpdir, totalmem, type } from "node:os";
import { join } from "node:path";
import { pinningText } from "./pinning.ts";
import { median } from "./statistics.ts";

const SYNCS = 50;

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGigabytes: number;
  readonly system: string;
  readonly node: string;
  readonly pinning: string;
  /** Milliseconds of a write of 16 KB and its sync, median: what every durable commit waits for. */
  readonly syncMs: number;
  /** Load average at the start: what else the machine did. */
  readonly loadBefore: string;
  readonly commit: string;
}

export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: availableParallelism(),
    memoryGigabytes: Math.round(totalmem() / 1e9),
    system: `${type()} ${release()} ${arch()}`,
    node: process.version,
    pinning: pinningText,
    syncMs: measureSync(),
    loadBefore: loadAverage(),
    commit: commit(),
  };
}

function measureSync(): number {
  const folder = mkdtempSync(join(tmpdir(), "countersign-bench-sync-"));
  const file = openSync(join(folder, "file"), "w");
  const block = Buffer.alloc(16_384, 1);
  const times = Array.from({ length: SYNCS }, () => {
    const startedMs = performance.now();
    writeSync(file, block);
    fsyncSync(file);
    return performance.now() - startedMs;
  });
  closeSync(file);
  rmSync(folder, { recursive: true });
  return Number(median(times).toFixed(3));
}

function loadAverage(): string {
  try {
    return readFileSync("/proc/loadavg", "utf8").split(" ").slice(0, 3).join(" ");
  } catch {
    return "unknown";
  }
}

function commit(): string {
  try {
    const git = (...parameters: string[]) => execFileSync("git", parameters, { encoding: "utf8" }).trim();
    return git("rev-parse", "--short", "HEAD") + (git("status", "--porcelain") === "" ? "" : " and changes");
  } catch {
    return "unknown";
  }
}

/** For a file's name. */
export function machineName({ cpu, cores }: Machine): string {
  const name = cpu.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");
  return `${name}-${cores}-cores`;
}
