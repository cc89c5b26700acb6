// The table of limits in docs/security.md says what the settings are, by default and in the production sample.
import { describe, expect, test } from "@jest/globals";
import { readFileSync } from "node:fs";
import { parseEnv } from "node:util";
import { loadConfig, type Config } from "../../src/config.ts";

const ROOT = new URL("../../", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, ROOT), "utf8");

function configOf(env: Readonly<Record<string, string | undefined>>): Config {
  const loaded = loadConfig(env);
  if (!loaded.ok) throw new Error(loaded.problems.join("\n"));
  return loaded.config;
}

const DEFAULTS = configOf({});
const PRODUCTION = configOf(parseEnv(read("examples/production.env")));

const count = (value: number) => (value === 0 ? "off" : value.toLocaleString("en"));

const LIMITS: readonly (readonly [setting: string, shown: (config: Config) => string])[] = [
  ["`COUNTERSIGN_CODE_MAX_ATTEMPTS`", ({ codeMaxAttempts }) => count(codeMaxAttempts)],
  ["ten times that", ({ codeMaxAttempts }) => count(10 * codeMaxAttempts)],
  ["`COUNTERSIGN_FAILURES_PER_DAY`", ({ maxFailuresPerDay }) => count(maxFailuresPerDay)],
  [
    "`COUNTERSIGN_SEND_COOLDOWN`",
    ({ sendCooldownMs }) => (sendCooldownMs === 0 ? "off" : `${sendCooldownMs / 1_000} s`),
  ],
  ["`COUNTERSIGN_SENDS_PER_HOUR`", ({ sendsPerHour }) => count(sendsPerHour)],
  ["`COUNTERSIGN_USER_SENDS_PER_HOUR`", ({ userSendsPerHour }) => count(userSendsPerHour)],
  ["`COUNTERSIGN_PRINCIPAL_SENDS_PER_HOUR`", ({ principalSendsPerHour }) => count(principalSendsPerHour)],
  ["`COUNTERSIGN_CLIENT_SENDS_PER_HOUR`", ({ clientSendsPerHour }) => count(clientSendsPerHour)],
  ["`COUNTERSIGN_TEST_MAILS_PER_HOUR`", ({ testMailsPerHour }) => count(testMailsPerHour)],
];

/** The rows of the table, without its head. */
const rows = read("docs/security.md")
  .split("\n## Limits\n")[1]
  ?.split("\n")
  .filter((line) => line.startsWith("| "))
  .slice(1, 1 + LIMITS.length)
  .map((line) => line.split("|").map((cell) => cell.trim()));

describe("the table of limits in docs/security.md", () => {
  test.each(LIMITS.map(([setting, shown], index) => [setting, shown, rows?.[index]] as const))(
    "%s",
    (setting, shown, row) => {
      const [, , purpose, byDefault, inProduction, itsSetting] = row ?? [];
      expect([itsSetting, byDefault, inProduction]).toEqual([setting, shown(DEFAULTS), shown(PRODUCTION)]);
      expect(purpose).not.toBe("");
    },
  );
});
