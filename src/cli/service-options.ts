/** What every command takes that calls a running service. */
import { Option, type Command } from "commander";
import { clientSettingFlags } from "../config.ts";

/** The settings' flags under their names in camel case. */
export interface ServiceFlags {
  readonly url?: string;
  readonly tokenFile?: string;
  readonly dataDir?: string;
  /** Answer with JSON on stdout. Unless a flag says so: where stdout is no terminal. */
  readonly json?: boolean;
}

/** Adds `--url`, `--token-file`, `--data-dir`, `--json` and `--no-json`. */
export function addServiceOptions(command: Command): Command {
  for (const { flag, description } of clientSettingFlags) command.addOption(new Option(flag, description));
  return command
    .addOption(
      new Option("--json", "answer with JSON").default(!process.stdout.isTTY, "where stdout is no terminal"),
    )
    .option("--no-json", "answer for people, whatever stdout is");
}
