/** `countersign user`: adds, shows and imports users of a running service. */
import { Option, type Command } from "commander";
import { addServiceOptions, type ServiceFlags } from "./service-options.ts";
import type { ImportFlags } from "./import/import-command.ts";
import type { AddFlags } from "./user-commands.ts";
import { wholeNumber } from "./values.ts";

export interface UserContext {
  /** Receives the exit code once the command is over. */
  end(exitCode: number): void;
}

const DEFAULT_CONCURRENCY = 64;
/** As many calls as the service takes on one connection. */
const MAX_CONCURRENCY = 256;

/** Adds `user add`, `user show` and `user import`. */
export function defineUser(program: Command, context: UserContext): void {
  const user = program.command("user").description("Add, show and import users of a running service.");
  defineAdd(user, context);
  defineShow(user, context);
  defineImport(user, context);
}

function defineAdd(user: Command, context: UserContext): void {
  const add = user
    .command("add")
    .description("Add a user. Without one of --verified, --send-code and --return-code nothing is mailed.")
    .requiredOption("--email <address>", "the user's address")
    .requiredOption("--given-name <name>", "first name")
    .requiredOption("--family-name <name>", "last name")
    .option("--user-id <id>", "id of your own (default: the service makes one)")
    .option("--username <name>", "name to sign in with (default: the address)")
    .option("--organization <id>", "organization of the user (default: the token's)")
    .option("--language <tag>", "language of mails to the user, such as de");
  addVerification(add, "--verified", "the address is known to be the user's", ["sendCode", "returnCode"]);
  addVerification(add, "--send-code", "mail a code to the address", ["verified", "returnCode"]);
  addVerification(add, "--return-code", "make a code and print it instead of mailing it", [
    "verified",
    "sendCode",
  ]);
  addServiceOptions(add).action(async (flags: AddFlags) => {
    // Loaded here, so that other commands do not wait for it.
    const { addUser } = await import("./user-commands.ts");
    context.end(await addUser(flags));
  });
}

function defineShow(user: Command, context: UserContext): void {
  const show = user
    .command("show")
    .description("Show a user.")
    .argument("<id or address>", "the user's id, or an address that one user has");
  addServiceOptions(show).action(async (idOrAddress: string, flags: ServiceFlags) => {
    const { showUser } = await import("./user-commands.ts");
    context.end(await showUser(idOrAddress, flags));
  });
}

function defineImport(user: Command, context: UserContext): void {
  const command = user
    .command("import")
    .description(
      "Add users from CSV (RFC 4180, with a header) or NDJSON. What was added already is passed over, so an import can be given again. docs/cli.md has the columns.",
    )
    .argument("<file>", "the file, or - for stdin")
    .addOption(
      new Option("--format <format>", "what is in it (default: by the file's name)").choices([
        "csv",
        "ndjson",
      ]),
    )
    .option("--organization <id>", "organization of users whose row names none (default: the token's)");
  addVerification(command, "--verified", "the addresses are known to be the users'", ["sendCode", "none"]);
  addVerification(command, "--send-code", "mail a code to each new user", ["verified", "none"]);
  addVerification(
    command,
    "--none",
    "neither, which is the default: the addresses are unverified, nothing is mailed",
    ["verified", "sendCode"],
  );
  command
    .option("--ignore-unknown", "pass over columns that there are no such of, instead of refusing them")
    .option(
      "--concurrency <count>",
      `calls at a time, 1 to ${MAX_CONCURRENCY} (default: ${DEFAULT_CONCURRENCY})`,
      wholeNumber(1, MAX_CONCURRENCY),
    )
    .option("--resume", "go on where an interrupted import of the same input stopped")
    .option("--checkpoint <file>", "where it is kept how far the import came (default: beside the file)")
    .option("--rejected <file>", "write the lines about rejected rows to a file instead of stderr")
    .option("--dry-run", "look for faults in the rows only: no service is called");
  addServiceOptions(command).action(async (file: string, flags: ImportFlags) => {
    const { importCommand } = await import("./import/import-command.ts");
    context.end(
      await importCommand(file, { ...flags, concurrency: flags.concurrency ?? DEFAULT_CONCURRENCY }),
    );
  });
}

function addVerification(command: Command, flag: string, help: string, others: string[]): void {
  command.addOption(new Option(flag, help).conflicts(others));
}
