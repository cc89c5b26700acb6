/** What the commands that call a running service have in common on the command line. */
import { Option, type Command } from "commander";
import type { CommandContext } from "./command-context.ts";
import { addServiceOptions } from "./service-options.ts";
import { wholeNumber } from "./values.ts";

/**
 * Adds what all of them take, and says what runs.
 *
 * @param load finds the function that runs: by an import of its own, so that other commands do not wait for it. It gets
 *   the arguments and the flags, and returns the exit code
 */
export function runOnService(
  command: Command,
  context: CommandContext,
  load: () => Promise<(...given: never[]) => Promise<number>>,
): void {
  addServiceOptions(command).action(async (...given: unknown[]) => {
    const run = await load();
    // The last one is the command itself.
    context.end(await run(...(given.slice(0, -1) as never[])));
  });
}

const DEFAULT_LIST_LIMIT = 50;
const MAX_LIST_LIMIT = 10_000;

/** `--limit` of the commands that list. */
export function limitOption(): Option {
  return new Option("--limit <count>", `how many at most, up to ${MAX_LIST_LIMIT}`)
    .argParser(wholeNumber(1, MAX_LIST_LIMIT))
    .default(DEFAULT_LIST_LIMIT);
}
