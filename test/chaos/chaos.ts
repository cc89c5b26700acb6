// npm run chaos [-- --seed 1 --seconds 60]     three instances, one PostgreSQL, 192 callers, and no peace
import { parseArgs } from "node:util";
import { runChaos } from "./chaos-run.ts";

const CALLERS = 192;
const KILL_EVERY_MS = 5_000;
const SHOWN_PROBLEMS = 40;

const { values } = parseArgs({ options: { seed: { type: "string" }, seconds: { type: "string" } } });
const seed = Number(values.seed ?? 1);
const seconds = Number(values.seconds ?? 60);
if (![seed, seconds].every(Number.isSafeInteger)) {
  console.error("--seed and --seconds take whole numbers");
  process.exit(2);
}

const { problems, ...figures } = await runChaos({
  seed,
  callers: CALLERS,
  durationMs: seconds * 1_000,
  killEveryMs: KILL_EVERY_MS,
  restartsAt: [0.35, 0.7],
  onProgress: (text) => console.log(text),
});
console.log("\n| figure | |\n| --- | ---: |");
for (const [name, value] of Object.entries(figures))
  console.log(`| ${name} | ${Math.round(value * 10) / 10} |`);
for (const problem of problems.slice(0, SHOWN_PROBLEMS)) console.error(problem);
console.log(`\n${problems.length} problems`);
if (problems.length > 0) process.exitCode = 1;
