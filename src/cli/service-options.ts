/** What every command takes that calls a running service. */
import { Option, type Command } from "commander";
import { clientSettingFlags } from "../config.ts";

/** The settings' flags under their names in camel case. */
export interface ServiceFlags {
  readonly url?: string;
  readonly tokenFile?: string;
  readonly dataDir?: string;
  /** Answer with JSON on stdout. */
  readonly json?: true;
}

/** Adds `--url`, `--token-file`, `--data-dir` and `--json`. */
export function addServiceOptions(command: Command): Command {
  for (const { flag, description } of clientSettingFlags) command.addOption(new Option(flag, description));
  return command.option("--json", "answer with one JSON object on stdout");
}
