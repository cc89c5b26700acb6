/**
 * Where the microseconds go: `node profile.ts <folder> [skip]` reads the CPU profiles that `--profile` left there, one per
 * thread, and lists shares of the time that was not idle, most first.
 *
 * A native or internal function counts for the nearest caller that is the service's own or a package, in the first list;
 * in the second it stands for itself. What comes first, such as the start, is skipped: `skip` is the share of each
 * profile's time, 0.25 by default.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const ENTRIES = 25;

interface Node {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  readonly children?: readonly number[];
}

interface Profile {
  readonly nodes: readonly Node[];
  readonly samples: readonly number[];
  /** Microseconds. */
  readonly timeDeltas: readonly number[];
}

const [folder = ".", skip = "0.25"] = process.argv.slice(2);
for (const file of readdirSync(folder).filter((name) => name.endsWith(".cpuprofile"))) {
  const profile = JSON.parse(readFileSync(join(folder, file), "utf8")) as Profile;
  const times = selfTimes(profile, Number(skip));
  const owners = ownersOf(profile.nodes);
  const functions = new Map(profile.nodes.map((node) => [node.id, nameOf(node)]));
  console.log(`\n${file}`);
  print("by the service's own function, or package", times, owners);
  print("by function", times, functions);
}

/** Microseconds by node. */
function selfTimes({ samples, timeDeltas }: Profile, skipped: number): Map<number, number> {
  const startsAt = skipped * timeDeltas.reduce((sum, delta) => sum + delta, 0);
  const times = new Map<number, number>();
  let at = 0;
  for (const [index, id] of samples.entries()) {
    const delta = Math.max(0, timeDeltas[index] ?? 0);
    at += delta;
    if (at >= startsAt) times.set(id, (times.get(id) ?? 0) + delta);
  }
  return times;
}

function ownersOf(nodes: readonly Node[]): Map<number, string> {
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])));
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const isOwned = (node: Node) => node.callFrame.url.startsWith("file:");
  return new Map(
    nodes.map((node) => {
      let owner: Node | undefined = node;
      while (owner !== undefined && !isOwned(owner)) owner = byId.get(parents.get(owner.id) ?? -1);
      const packageName = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(owner?.callFrame.url ?? "")?.[1];
      return [node.id, packageName ?? nameOf(owner ?? node)];
    }),
  );
}

function nameOf({ callFrame: { functionName, url, lineNumber } }: Node): string {
  const place = url.replace(/^file:.*\/(?=dist\/|node_modules\/)/, "");
  return `${functionName || "(anonymous)"}${place === "" ? "" : ` ${place}:${lineNumber + 1}`}`;
}

function print(title: string, times: ReadonlyMap<number, number>, names: ReadonlyMap<number, string>): void {
  const sums = new Map<string, number>();
  for (const [id, microseconds] of times) {
    const name = names.get(id) ?? "";
    sums.set(name, (sums.get(name) ?? 0) + microseconds);
  }
  sums.delete("(idle)");
  const total = [...sums.values()].reduce((sum, microseconds) => sum + microseconds, 0);
  console.log(`  ${title}, of ${(total / 1e6).toFixed(1)} s`);
  const sorted = [...sums].toSorted(([, a], [, b]) => b - a).slice(0, ENTRIES);
  for (const [name, microseconds] of sorted)
    console.log(`  ${((100 * microseconds) / total).toFixed(1).padStart(5)} %  ${name}`);
}
