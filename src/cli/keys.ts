/** `countersign keys`: replaces the secret key, lists the keys, and drops those that nothing needs any more. */
import { Option, type Command } from "commander";
import { loadConfig, settingFlags, type Config } from "../config.ts";
import { StartError } from "../observability/start-error.ts";
import type { CommandContext } from "./command-context.ts";
import type { KeyCommandName } from "./key-commands.ts";

const EXIT_OK = 0;
/** Nothing was done, or not all of it. */
const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

/** The settings that say where keys and database are. The keys themselves are no argument: others can see those. */
const FLAGS = settingFlags.filter(({ flag }) => /^--(data-dir|database-url|secret-key-file) /.test(flag));

const DESCRIPTIONS: Readonly<Record<KeyCommandName, string>> = {
  rotate:
    "Put a new key before the others, for all codes to come; drop those whose last code has expired. Stop the service before, all its instances; start it after.",
  list: "Show the ids of the keys, and until when each is needed.",
  prune: "Drop the keys whose last code has expired.",
};

/** Adds `keys rotate`, `keys list` and `keys prune`. */
export function defineKeys(program: Command, context: CommandContext): void {
  const keys = program
    .command("keys")
    .description(
      "Manage the secret keys of a service that is stopped; on PostgreSQL `list` is for running ones too. Keys are never printed, only their ids.",
    );
  for (const [name, description] of Object.entries(DESCRIPTIONS) as [KeyCommandName, string][]) {
    const command = keys.command(name).description(description);
    for (const { flag, description: meaning } of FLAGS) command.addOption(new Option(flag, meaning));
    command.option("--json", "answer with JSON on stdout");
    command.action(async ({ json, ...flags }: { json?: true } & Record<string, string | undefined>) => {
      context.end(await keysCommand(name, flags, json === true));
    });
  }
}

/**
 * Runs one of the commands; those that change keys against a database that no service has open.
 *
 * @param flags values of the flags under their names in camel case
 * @returns the exit code: 0 when done, 1 when not, 2 for a wrong configuration
 */
export async function keysCommand(
  name: KeyCommandName,
  flags: Readonly<Record<string, string | undefined>>,
  asJson: boolean,
): Promise<number> {
  const loaded = loadConfig(process.env, flags);
  if (!loaded.ok) {
    process.stderr.write(loaded.problems.map((problem) => `${problem}\n`).join(""));
    return EXIT_USAGE;
  }
  for (const warning of loaded.warnings) process.stderr.write(`${warning}\n`);
  // SQLite makes files beside the database while it is open.
  process.umask(0o077);
  try {
    // Loaded here, so that --help and a wrong configuration answer at once.
    const { runKeyCommand } = await import("./key-commands.ts");
    const { renderKeysJson, renderKeysText, renderByHand } = await import("./key-report.ts");
    const result = await runKeyCommand(name, loaded.config, {
      nowMs: Date.now(),
      onProgress: progressLine(),
    });
    process.stdout.write(asJson ? renderKeysJson(result) : renderKeysText(result));
    if (result.byHand === undefined) return EXIT_OK;
    process.stderr.write(renderByHand(result));
  } catch (error) {
    process.stderr.write(`countersign: ${problemOf(error, loaded.config)}\n`);
  }
  return EXIT_FAILED;
}

function problemOf(error: unknown, config: Config): string {
  if (error instanceof StartError) return error.message.replace(/\s*\n\s*/g, " ");
  const { code, path, message } = error as NodeJS.ErrnoException;
  const isFileFault = typeof code === "string" && typeof path === "string";
  if (isFileFault) return `cannot use ${path} (${code}): run this as the user that the service runs as`;
  const { postgres, databasePath } = config;
  return `keys of ${postgres === undefined ? databasePath : postgres.database}: ${message}`;
}

const QUIET_MS = 2_000;

/** For people who wait: a line every two seconds. */
function progressLine(): (users: number) => void {
  let saidMs = performance.now();
  return (users) => {
    if (!process.stderr.isTTY || performance.now() - saidMs < QUIET_MS) return;
    saidMs = performance.now();
    process.stderr.write(`looked at ${users.toLocaleString("en-US")} users\n`);
  };
}
