/** Settings as flags of the command line. */
import { CLIENT_SETTINGS } from "./client-settings.ts";
import { SERVER_SETTINGS } from "./server-settings.ts";
import { defaultOf, flagOf, variableOf, type Setting } from "./setting.ts";

/** A setting as the command line shows it. */
export interface SettingFlag {
  /** `--code-ttl <duration>` */
  readonly flag: string;
  /** The help, the variable and the default, one line of plain text. */
  readonly description: string;
}

/** The flags of `serve`, one per setting. */
export const settingFlags: readonly SettingFlag[] = Object.values<Setting>(SERVER_SETTINGS).map(settingFlag);

/** The flags of every command that calls a running service. */
export const clientSettingFlags: readonly SettingFlag[] =
  Object.values<Setting>(CLIENT_SETTINGS).map(settingFlag);

function settingFlag(setting: Setting): SettingFlag {
  const { help, placeholder } = setting;
  return {
    flag: `${flagOf(setting)} <${placeholder}>`,
    description: `${help} [${variableOf(setting)}, default: ${defaultOf(setting)}]`.replaceAll("`", ""),
  };
}
