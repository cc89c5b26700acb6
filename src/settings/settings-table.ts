/** Settings as documentation. */
import { SERVER_SETTINGS } from "./server-settings.ts";
import { defaultOf, variableOf, type Setting } from "./setting.ts";

/** The settings table of README.md: Markdown, without a trailing line break. */
export function renderSettingsTable(): string {
  const rows = Object.values<Setting>(SERVER_SETTINGS).map((setting) => [
    `\`${variableOf(setting)}\``,
    defaultOf(setting),
    `\`${setting.example}\``,
    setting.help,
  ]);
  return [["Variable", "Default", "Example", "Meaning"], ["---", "---", "---", "---"], ...rows]
    .map((cells) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`)
    .join("\n");
}
