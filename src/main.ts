/** argv -> command. Exit codes: 0 done, 1 failed, 2 wrong usage or configuration; docs/cli.md has the others. */
import { Command, CommanderError } from "commander";
import { defineAccount } from "./cli/account.ts";
import { defineBackup } from "./cli/backup.ts";
import { defineDoctor } from "./cli/doctor.ts";
import { defineEvent } from "./cli/event.ts";
import { defineMigrateStore } from "./cli/migrate-store.ts";
import { defineMail } from "./cli/mail.ts";
import { defineKeys } from "./cli/keys.ts";
import { defineOrg } from "./cli/org.ts";
import { defineServe } from "./cli/serve.ts";
import { defineToken } from "./cli/token.ts";
import { defineUser } from "./cli/user.ts";
import { setV8Flags } from "./cli/v8-flags.ts";
import { packageVersion } from "./observability/package-version.ts";

/**
 * Runs one command to its end; `serve` ends with a signal.
 *
 * @param argv arguments after the program's name
 * @returns the exit code
 */
export async function main(argv: readonly string[]): Promise<number> {
  // `serve` does it itself, when its modules are loaded.
  if (argv[0] !== "serve") setV8Flags();
  let exitCode = 0;
  const program = createProgram((code) => {
    exitCode = code;
  }, argv[0]);
  try {
    await program.parseAsync(argv, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? 0 : 2;
  }
  return exitCode;
}

type Define = (program: Command, context: { readonly version: string; end(exitCode: number): void }) => void;

/** By name, in the order of the help. */
const COMMANDS: ReadonlyMap<string, Define> = new Map<string, Define>([
  ["serve", defineServe],
  ["keys", defineKeys],
  ["migrate-store", defineMigrateStore],
  ["backup", defineBackup],
  ["doctor", defineDoctor],
  ["user", defineUser],
  ["mail", defineMail],
  ["event", defineEvent],
  ["token", defineToken],
  ["account", defineAccount],
  ["org", defineOrg],
]);

/**
 * All commands and their flags, or the one that was asked for.
 *
 * @param end receives the exit code of the command that ran
 * @param asked the first argument: the name of a command, or anything else. Default: all commands are there
 */
export function createProgram(end: (exitCode: number) => void, asked = ""): Command {
  const version = packageVersion();
  const program = new Command("countersign")
    .description("E-mail verification as a service: gRPC, gRPC-Web, Connect and REST on one port.")
    .version(version, "--version", "print the version")
    .helpOption("--help", "print this help")
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(withoutValues(text)) })
    .showHelpAfterError("(--help lists what there is)");
  const one = COMMANDS.get(asked);
  for (const define of one === undefined ? COMMANDS.values() : [one]) define(program, { version, end });
  return program;
}

/** A mistyped `--admin-tokn=<token>` is reported without the token. */
function withoutValues(text: string): string {
  return text.replace(/(unknown option '[^=']*)=.*'/s, "$1'");
}
