/** `npm run bench -- plots [results.json ...]`: the pictures, and the generated tables, of docs/performance.md from a run. */
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
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

/**
 * @param files results of runs; parts that several have are taken from the last. Default: the latest alone.
 * @returns the files written
 * @throws Error when there are no results, or the page lacks the lines between which they go
 */
export function writeDocs(files: readonly string[]): string[] {
  const runs = (files.length === 0 ? [latestResults()] : files).map(
    (file) => JSON.parse(readFileSync(file, "utf8")) as Results,
  );
  const results = merge(runs);
  const page = readFileSync(PAGE, "utf8");
  if (!GENERATED.test(page)) throw new Error(`${PAGE} has no lines bench:begin and bench:end`);
  rmSync(PICTURES, { recursive: true, force: true });
  const pictures = writePlots(results, PICTURES);
  const text = renderForDocs(
    results,
    runs,
    pictures.map((path) => relative(dirname(PAGE), path)),
  );
  writeFileSync(
    PAGE,
    page.replace(GENERATED, (_, begin: string, end: string) => `${begin}\n\n${text}\n\n${end}`),
  );
  return [...pictures, PAGE];
}

function merge(all: readonly Results[]): Results {
  const tables = Object.assign({}, ...all.map((results) => results.tables)) as Results["tables"];
  return { ...(Object.assign({}, ...all) as Results), tables };
}

function latestResults(): string {
  const files = readdirSync(RESULTS, { withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".json"))
    .map(({ name }) => join(RESULTS, name));
  const [latest] = files.toSorted((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
  if (latest === undefined) throw new Error(`no results in ${RESULTS}: npm run bench makes some`);
  return latest;
}
