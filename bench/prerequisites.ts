/** What this machine lacks, and how to get it; and the scenarios that remain. */
import { existsSync } from "node:fs";
import type { Row, Table } from "./scenarios.ts";
import { SERVERS, type ServerSpec } from "./server-specs.ts";
import type { SlowSync } from "./slow-sync.ts";

const specOf = ({ server }: Row): ServerSpec => SERVERS[server];

function isInstalled(name: string): boolean {
  return existsSync(new URL(`node_modules/${name}`, import.meta.url));
}

/** The table with the rows that can be measured here; what is left out is said on stderr. */
export function feasible(table: Table, slowSync: SlowSync | undefined): Table {
  const rows = table.rows.filter((row) => {
    const problem = problemOf(specOf(row), slowSync);
    if (problem !== undefined) process.stderr.write(`left out: ${row.name}: ${problem}\n`);
    return problem === undefined;
  });
  return { ...table, rows };
}

function problemOf(spec: ServerSpec, slowSync: SlowSync | undefined): string | undefined {
  if (spec.kind === "peer" && spec.needs !== undefined && !isInstalled(spec.needs))
    return `${spec.needs} is missing: npm install --prefix bench`;
  if (spec.kind !== "yardstick" && spec.syncDelayMs !== undefined && slowSync === undefined)
    return "a slow disk needs Linux and a C compiler";
  return undefined;
}
