// npm run crash [-- --seed 1 --kills 210]     kills a service again and again while it mails codes, and judges its mails
import { parseArgs } from "node:util";
import { Random } from "../../support/random.ts";
import { runCrashes } from "./crash-run.ts";
import { figures, tableOf } from "./crash-table.ts";
import { KILL_POINTS, STOPPED } from "./kill-points.ts";
import { schedule } from "./schedule.ts";

const DEFAULT_KILLS = 200;
const KILLS_PER_STOP = 15;
const PROGRESS_EVERY = 10;
const SHOWN_FAULTS = 40;

const { values } = parseArgs({ options: { seed: { type: "string" }, kills: { type: "string" } } });
const seed = Number(values.seed ?? 1);
const kills = Number(values.kills ?? DEFAULT_KILLS);
if (![seed, kills].every(Number.isSafeInteger)) {
  console.error("--seed and --kills take whole numbers");
  process.exit(2);
}

const points = schedule(new Random(seed), kills, Math.ceil(kills / KILLS_PER_STOP));
const startedMs = performance.now();
const elapsed = () => `${Math.round((performance.now() - startedMs) / 1_000)} s`;
console.log(`seed ${seed}, ${points.length} lives`);
const { evidence, judgement, recordProblems } = await runCrashes({
  seed,
  points,
  onProgress(done, all) {
    if (process.stdout.isTTY) process.stdout.write(`\r${done} of ${all}, ${elapsed()}   `);
    else if (done % PROGRESS_EVERY === 0) console.log(`${done} of ${all}, ${elapsed()}`);
  },
});

console.log(`\n${tableOf(figures(evidence, judgement, [...KILL_POINTS, STOPPED]))}\n`);
const { rows, commands } = evidence;
console.log(`${rows.length} mails, ${commands.length} answered commands, ${elapsed()}`);
console.log(
  `MAIL FROM read within the tolerance after the answer that superseded its code: ${judgement.tolerated}`,
);
const problems = [...judgement.findings.map(({ kind, text }) => `${kind}: ${text}`), ...recordProblems];
for (const problem of problems.slice(0, SHOWN_FAULTS)) console.error(problem);
if (problems.length > 0) {
  console.error(
    `${problems.length} faults; the same run again: npm run crash -- --seed ${seed} --kills ${kills}`,
  );
  process.exitCode = 1;
}
