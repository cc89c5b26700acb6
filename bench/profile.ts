/**
 * Where the microseconds go: `node profile.ts <folder>` reads the CPU profiles that `--profile` left there, and lists, for
 * each of them, self time by place, most first. Idle time is left out.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ENTRIES = 30;
const ROOT = fileURLToPath(new URL("..", import.meta.url));

interface Node {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
}

interface Profile {
  readonly nodes: readonly Node[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

const folder = process.argv[2] ?? ".";
for (const file of readdirSync(folder).filter((name) => name.endsWith(".cpuprofile"))) {
  const profile = JSON.parse(readFileSync(join(folder, file), "utf8")) as Profile;
  console.log(`\n${file}`);
  for (const [title, nameOf] of [
    ["by module", moduleOf],
    ["by function", functionOf],
  ] as const) {
    const times = selfTimes(profile, nameOf);
    const total = times.reduce((sum, [, microseconds]) => sum + microseconds, 0);
    console.log(`  ${title}, of ${(total / 1e6).toFixed(1)} s busy`);
    for (const [name, microseconds] of times.slice(0, ENTRIES))
      console.log(`  ${((100 * microseconds) / total).toFixed(1).padStart(5)} %  ${name}`);
  }
}

function selfTimes(
  { nodes, samples, timeDeltas }: Profile,
  nameOf: (node: Node) => string,
): [string, number][] {
  const names = new Map(nodes.map((node) => [node.id, nameOf(node)]));
  const times = new Map<string, number>();
  for (const [index, id] of samples.entries()) {
    const name = names.get(id) ?? "";
    times.set(name, (times.get(name) ?? 0) + Math.max(0, timeDeltas[index] ?? 0));
  }
  times.delete("(idle)");
  return [...times].toSorted(([, a], [, b]) => b - a);
}

function moduleOf({ callFrame: { url, functionName } }: Node): string {
  if (url === "")
    return functionName === "" ? "(native)" : functionName.startsWith("(") ? functionName : "(native)";
  return placeOf(url);
}

function functionOf({ callFrame: { functionName, url, lineNumber } }: Node): string {
  return url === ""
    ? functionName || "(native)"
    : `${functionName || "(anonymous)"} ${placeOf(url)}:${lineNumber + 1}`;
}

function placeOf(url: string): string {
  return url.replace("file://", "").replace(ROOT, "");
}
