/** `countersign doctor`: whether all that the service depends on is as it should be. */
import { InvalidArgumentError, Option, type Command } from "commander";
import { settingFlags } from "../config.ts";
import type { DoctorFlags } from "./doctor/doctor-command.ts";

/** The settings that a person may want to try; all others come from the environment, as the service's do. */
const FLAGS = settingFlags.filter(({ flag }) =>
  /^--(listen|data-dir|database-url|secret-key-file|smtp-url|mail-from|tls-cert|tls-key) /.test(flag),
);

export interface DoctorContext {
  /** Receives the exit code once the command is over. */
  end(exitCode: number): void;
}

/** Adds `doctor`. */
export function defineDoctor(program: Command, context: DoctorContext): void {
  const command = program
    .command("doctor")
    .description(
      "Look at settings, database, disk, waiting mails, relays, certificates, DNS, key and clock, and say what to do. Changes nothing; the service may run or not.",
    )
    .option("--dkim-selector <name>", "look for this DKIM key of the sender's domain", selector)
    .option("--dns-server <address>", "ask this DNS server (default: the system's)");
  for (const { flag, description } of FLAGS) command.addOption(new Option(flag, description));
  command
    .addOption(
      new Option("--json", "answer with JSON").default(!process.stdout.isTTY, "where stdout is no terminal"),
    )
    .option("--no-json", "answer for people, whatever stdout is")
    .action(async (flags: DoctorFlags) => {
      // Loaded here, so that other commands do not wait for it.
      const { doctorCommand } = await import("./doctor/doctor-command.ts");
      context.end(await doctorCommand(flags));
    });
}

function selector(text: string): string {
  if (/^[\w-]+(?:\.[\w-]+)*$/.test(text)) return text;
  throw new InvalidArgumentError("It has to be the s= of a signature, such as mail2026.");
}
