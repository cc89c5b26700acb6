// npm run fuzz [-- --seed 1 --inputs 100000 --minutes 10]     sends mutated inputs to a server of its own
// npm run fuzz -- --replay file                               sends what a failed run has written down
import { readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Attempt } from "./attempts.ts";
import { fuzz, FuzzFailure, replay, type FuzzResult } from "./fuzz-run.ts";

const DEFAULT_INPUTS = 100_000;
const DEFAULT_MINUTES = 10;
const SHOWN_BYTES = 2_000;

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    inputs: { type: "string" },
    minutes: { type: "string" },
    replay: { type: "string" },
  },
});

const seed = Number(values.seed ?? Date.now() % 2 ** 31);
const inputs = Number(values.inputs ?? DEFAULT_INPUTS);
const minutes = Number(values.minutes ?? DEFAULT_MINUTES);
if (![seed, inputs, minutes].every(Number.isFinite)) {
  console.error("--seed, --inputs and --minutes take numbers");
  process.exit(2);
}

try {
  if (values.replay === undefined) await run();
  else await runAgain(values.replay);
} catch (error) {
  if (!(error instanceof FuzzFailure)) throw error;
  await report(error);
  process.exitCode = 1;
}

async function run(): Promise<void> {
  console.log(`seed ${seed}, ${inputs} inputs, at most ${minutes} minutes`);
  const isTerminal = process.stdout.isTTY;
  let shown = 0;
  const result = await fuzz({
    seed,
    inputs,
    maxMs: minutes * 60_000,
    onProgress(line) {
      if (isTerminal) process.stdout.write(`\r${line}   `);
      else if (++shown % 10 === 0) console.log(line);
    },
  });
  if (isTerminal) console.log();
  showResult(result);
}

function showResult({ inputs: done, durationMs, kinds, statuses, residentMiB }: FuzzResult): void {
  const list = (counts: ReadonlyMap<string, number>) =>
    [...counts]
      .toSorted(([, a], [, b]) => b - a)
      .map(([name, count]) => `${name}: ${count}`)
      .join(", ");
  console.log(
    `${done} inputs in ${Math.round(durationMs / 1_000)} s, no fault${done < inputs ? "; the time was up" : ""}`,
  );
  console.log(`inputs   ${list(kinds)}`);
  console.log(`answers  ${list(statuses)}`);
  if (residentMiB !== undefined) {
    const { first, highest, last } = residentMiB;
    console.log(
      `memory   ${[first, highest, last].map(Math.round).join(", ")} MiB at first, at most, at last`,
    );
  }
}

/** Buffers travel as base64. */
interface StoredAttempt extends Omit<Attempt, "chunks"> {
  readonly chunks: readonly string[];
}

async function runAgain(path: string): Promise<void> {
  const { attempts } = JSON.parse(await readFile(path, "utf8")) as { attempts: readonly StoredAttempt[] };
  console.log(`replaying ${attempts.length} of ${path}`);
  await replay(
    attempts.map(({ chunks, ...attempt }) => ({
      ...attempt,
      chunks: chunks.map((chunk) => Buffer.from(chunk, "base64")),
    })),
  );
  console.log("no fault");
}

async function report({ message: problem, attempts }: FuzzFailure): Promise<void> {
  const path = join(tmpdir(), `countersign-fuzz-${seed}-${Date.now()}.json`);
  const stored: StoredAttempt[] = attempts.map(({ chunks, ...attempt }) => ({
    ...attempt,
    chunks: chunks.map((chunk) => chunk.toString("base64")),
  }));
  await writeFile(path, JSON.stringify({ seed, problem, attempts: stored }));
  console.error(`\nFAULT (seed ${seed}): ${problem}`);
  const [only, ...others] = attempts;
  if (only !== undefined && others.length === 0) {
    console.error(`input ${only.number}, ${only.kind}:`);
    console.error(JSON.stringify(Buffer.concat(only.chunks).subarray(0, SHOWN_BYTES).toString("latin1")));
  } else {
    console.error(`one of the last ${attempts.length} connections`);
  }
  console.error(`again: npm run fuzz -- --replay ${path}`);
}
