/**
 * The quick form, for a CI: `npm run bench:quick`. It measures the rows that demands look at, in fewer and shorter rounds,
 * and fails where a ratio is less than half as good as demanded, by the clock and by CPU both: never on a time, and not on
 * what a busy machine does to one server and not to another.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DEMANDS, isMet } from "./demands.ts";
import { describeMachine } from "./machine.ts";
import { feasible } from "./prerequisites.ts";
import { renderDemands } from "./report.ts";
import type { Results } from "./results.ts";
import { measureTable } from "./rounds.ts";
import { QUICK } from "./scenarios.ts";
import { median } from "./statistics.ts";

const OPTIONS = { rounds: 5, seconds: 0.4 };
/** Half as good as demanded is gross. */
const SLACK = 2;
/** A tail of so few calls says nothing on a shared machine. */
const LEFT_OUT = /^p99/;

const folder = mkdtempSync(join(tmpdir(), "countersign-bench-"));
try {
  const around = { folder, slowSync: undefined, smtpPort: 0 };
  const rows = await measureTable(feasible(QUICK, undefined), OPTIONS, around);
  const results: Results = { machine: describeMachine(), options: OPTIONS, tables: { [QUICK.name]: rows } };
  console.log(renderDemands(results, SLACK));
  const missed = DEMANDS.filter((demand) => {
    if (LEFT_OUT.test(demand.figure)) return false;
    const measured = [demand.values(results), demand.byCpu?.(results)].filter(
      (values) => values !== undefined,
    );
    return measured.length > 0 && measured.every((values) => !isMet(demand, median(values), SLACK));
  });
  for (const { figure } of missed) console.error(`less than half as good as demanded: ${figure}`);
  process.exitCode = missed.length === 0 ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
