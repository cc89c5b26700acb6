/**
 * Environment and flags -> one typed, validated, frozen Config. Nothing else reads the environment, and this file is
 * the door to settings/, which nobody else opens.
 *
 * A setting is an entry in one of the lists of settings/topics/: parsing, the flag of `serve`, the lines about what is
 * wrong and the table in README.md all come from there. What its text may be is a schema of settings/values/. Loading
 * reads every setting from its flag, else from its variable, else takes its default; then come the rules between
 * settings (conflicts.ts) and the variables that nothing reads (unknown-variables.ts). All problems are told at once.
 *
 * The commands that call a running service read a few settings of their own beside some of these (client-config.ts).
 */
import { assembleConfig } from "./settings/assemble-config.ts";
import type { Config } from "./settings/config-types.ts";
import { conflicts } from "./settings/conflicts.ts";
import type { Sources, Texts } from "./settings/given-text.ts";
import { readSetting } from "./settings/read-setting.ts";
import { SERVER_SETTINGS, type Values } from "./settings/server-settings.ts";
import type { Setting } from "./settings/setting.ts";
import { unknownVariables } from "./settings/unknown-variables.ts";

export { loadClientConfig, type ClientConfig, type ClientConfigResult } from "./settings/client-config.ts";
export type * from "./settings/config-types.ts";
export { clientSettingFlags, settingFlags, type SettingFlag } from "./settings/setting-flags.ts";
export { parseDatabaseUrl, type DatabaseLocation } from "./settings/values/database-url.ts";
export { Fault } from "./settings/values/parsed.ts";
export type { PostgresAddress } from "./settings/values/postgres-url.ts";
export { renderSettingsTable } from "./settings/settings-table.ts";

export type ConfigResult =
  | { readonly ok: true; readonly config: Config; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly problems: readonly string[] };

/**
 * Reads every setting from its flag, else from its variable, else takes its default. A blank text counts as not set.
 * Pure, but for reading the files that SECRET_KEY_FILE, TLS_CERT and TLS_KEY name.
 *
 * @param env the variables of the process
 * @param flags values of `serve`'s flags under their names in camel case (`codeTtl`)
 * @returns the config, and warnings about variables that nothing reads; or every problem, one line each
 */
export function loadConfig(env: Texts, flags: Texts = {}): ConfigResult {
  const sources: Sources = { env, flags };
  const readings = Object.entries<Setting>(SERVER_SETTINGS).map(
    ([key, setting]) => [key, readSetting(setting, sources)] as const,
  );
  // Where a value is missing here, there is a problem too, and the result is not used.
  const values = Object.fromEntries(readings.map(([key, { value }]) => [key, value])) as Values;
  const unknown = unknownVariables(env);
  const problems = [
    ...readings.flatMap(([, reading]) => reading.problems),
    ...conflicts(values, sources),
    ...unknown.problems,
  ];
  if (problems.length > 0) return { ok: false, problems };
  return { ok: true, config: assembleConfig(values), warnings: unknown.warnings };
}
