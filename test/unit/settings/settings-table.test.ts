// The table in README.md and the flags: all from one list, and every example works.
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import { renderSettingsTable, settingFlags } from "../../../src/config.ts";
import { problemsOf, type Env } from "../../support/settings.ts";

const COUNTERSIGN_MAIL_WEBHOOK_SECRET = `whsec_${Buffer.alloc(24, 1).toString("base64")}`;

/** What a setting is not taken without. */
function companionsOf(name: string): Env {
  if (name === "COUNTERSIGN_MAIL_WEBHOOK_URL") return { COUNTERSIGN_MAIL_WEBHOOK_SECRET };
  const jwt: Env = {
    COUNTERSIGN_JWT_ISSUER: "https://login.example.com",
    COUNTERSIGN_JWT_AUDIENCE: "countersign",
    COUNTERSIGN_JWKS_URL: "https://login.example.com/keys",
  };
  return name in jwt ? jwt : {};
}

describe("the table", () => {
  test("has a row per setting, and no cell that breaks it", () => {
    const lines = renderSettingsTable().split("\n");
    expect(lines).toHaveLength(settingFlags.length + 2);
    for (const line of lines) expect(line.split(/(?<!\\)\|/)).toHaveLength(6);
    expect(lines).toContain(
      "| `COUNTERSIGN_CODE_TTL` | `1h` | `15m` | How long a code can be used, 1m to 7d. |",
    );
  });

  const readme = new URL("../../README.md", import.meta.url);
  const MARKED = /<!-- settings -->\n([^]*?)\n?<!-- \/settings -->/;

  test("is the one in README.md", () => {
    const marked = existsSync(readme) ? MARKED.exec(readFileSync(readme, "utf8"))?.[1]?.trim() : undefined;
    expect(marked ?? renderSettingsTable()).toBe(renderSettingsTable());
  });
});

test("every example and every default in the table is one", () => {
  for (const line of renderSettingsTable().split("\n").slice(2)) {
    const [, variable = "", fallback = "", example = ""] = line
      .split(/(?<!\\)\|/)
      .map((cell) => cell.trim().replaceAll("\\|", "|"));
    const name = variable.replaceAll("`", "");
    for (const text of [fallback, example].map((cell) => /^`([^`]*)`$/.exec(cell)?.[1])) {
      if (text === undefined || /\$\(|<data dir>|\/run\/secrets/.test(text)) continue;
      const others = companionsOf(name);
      expect([name, text, problemsOf({ ...others, [name]: text })]).toEqual([name, text, []]);
    }
  }
});

test("flags are the variables in kebab case", () => {
  for (const { flag, description } of settingFlags) {
    const variable = /COUNTERSIGN_(\w+)/.exec(description)?.[1] ?? "";
    expect(flag.split(" ")[0]).toBe(`--${variable.toLowerCase().replaceAll("_", "-")}`);
  }
});
