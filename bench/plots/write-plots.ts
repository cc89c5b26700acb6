/** `npm run bench -- plots [results.json]`: the pictures, and the generated tables, of docs/performance.md from a run. */
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { renderForDocs } from "../report.ts";
import type { Results } from "../results.ts";
import { plotsOf } from "./plots.ts";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const RESULTS = here("../results");
const PICTURES = here("../../docs/performance");
const PAGE = here("../../docs/performance.md");
const GENERATED = /(<!-- bench:begin[^>]*-->)[^]*(<!-- bench:end -->)/;

/** @returns the files written */
export function writePlots(results: Results, folder: string): string[] {
  mkdirSync(folder, { recursive: true });
  return [...plotsOf(results)].map(([name, svg]) => {
    const path = join(folder, name);
    writeFileSync(path, svg);
    return path;
  });
}

/** @param file results of a run. Default: the latest. @throws Error when there are none */
export function writeDocs(file = latestResults()): string[] {
  const results = JSON.parse(readFileSync(file, "utf8")) as Results;
  const page = readFileSync(PAGE, "utf8");
  if (!GENERATED.test(page)) throw new Error(`${PAGE} has no lines bench:begin and bench:end`);
  writeFileSync(
    PAGE,
    page.replace(
      GENERATED,
      (_, begin: string, end: string) => `${begin}\n\n${renderForDocs(results)}\n\n${end}`,
    ),
  );
  return [...writePlots(results, PICTURES), PAGE];
}

function latestResults(): string {
  const files = readdirSync(RESULTS, { withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".json"))
    .map(({ name }) => join(RESULTS, name));
  const [latest] = files.toSorted((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
  if (latest === undefined) throw new Error(`no results in ${RESULTS}: npm run bench makes some`);
  return latest;
}
