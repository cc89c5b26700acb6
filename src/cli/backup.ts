/** `countersign backup`: a copy of the database, whether the service runs or not. */
import { Option, type Command } from "commander";
import { settingFlags } from "../config.ts";
import type { BackupFlags } from "./backup-command.ts";

/** The settings that say where the database is. */
const FLAGS = settingFlags.filter(({ flag }) => /^--(data-dir|database-url) /.test(flag));

export interface BackupContext {
  /** Receives the exit code once the command is over. */
  end(exitCode: number): void;
}

/** Adds `backup`. */
export function defineBackup(program: Command, context: BackupContext): void {
  const command = program
    .command("backup")
    .description(
      "Copy the database as it is at this moment, while the service goes on, and check the copy. The secret key is not in it.",
    )
    .argument("<file>", "the copy; a file that is there is not replaced");
  for (const { flag, description } of FLAGS) command.addOption(new Option(flag, description));
  command
    .addOption(
      new Option("--json", "answer with JSON").default(!process.stdout.isTTY, "where stdout is no terminal"),
    )
    .option("--no-json", "answer for people, whatever stdout is")
    .action(async (file: string, flags: BackupFlags) => {
      // Loaded here, so that other commands do not wait for it.
      const { backupCommand } = await import("./backup-command.ts");
      context.end(await backupCommand(file, flags));
    });
}
