/**
 * How likely an attacker guesses a code of one address within a day, by the best way that the rules leave open. The
 * attacker has as many clients as it wants and has codes sent whenever it wants; the decider says how many of its tries
 * are compared with codes. docs/security.md says the same in a table, which is held against this.
 */
import { describe, expect, test } from "@jest/globals";
import { readFileSync } from "node:fs";
import { parseEnv } from "node:util";
import { loadConfig, type Config } from "../../../src/config.ts";
import type { Policy } from "../../../src/verification/environment.ts";
import { liveCodes } from "../../../src/verification/user/state.ts";
import { NOW, POLICY } from "./given.ts";
import { SEND, givenUser, humanAdded, sendCode, verify } from "./user/user-data.ts";

const DAY_MS = 86_400_000;
const MOST_ALLOWED = 1e-5;
const ROOT = new URL("../../../", import.meta.url);

function configOf(env: Readonly<Record<string, string | undefined>>): Config {
  const loaded = loadConfig(env);
  if (!loaded.ok) throw new Error(loaded.problems.join("\n"));
  return loaded.config;
}

const production = parseEnv(readFileSync(new URL("examples/production.env", ROOT), "utf8"));
const CASES: readonly [name: string, config: Config][] = [
  ["the defaults", configOf({})],
  ["`examples/production.env`", configOf(production)],
  ["the defaults, five codes live", configOf({ COUNTERSIGN_LIVE_CODES: "5" })],
];

function policyOf({ codeTtlMs, codeMaxAttempts, liveCodes: live, maxFailuresPerDay }: Config): Policy {
  const attempts = { maxAttemptsPerClient: codeMaxAttempts, maxAttemptsPerCode: 10 * codeMaxAttempts };
  return { ...POLICY, ...attempts, codeTtlMs, liveCodes: live, maxFailuresPerDay };
}

interface Attack {
  /** When each wrong try that was compared came. */
  readonly triesMs: readonly number[];
  /** With how many codes they were compared, all together. */
  readonly comparisons: number;
}

/**
 * Guesses until the rules allow no more, at each of these moments. Before each guess all codes are replaced where that
 * helps, so that as many as possible are live and none of them is used up.
 */
function attack(
  policy: Policy,
  momentsMs: readonly { readonly nowMs: number; readonly most: number }[],
): Attack {
  const scenario = givenUser(humanAdded());
  const triesMs: number[] = [];
  let comparisons = 0;
  let clients = 0;
  for (const { nowMs, most } of momentsMs) {
    let isRefreshed = false;
    for (let tries = 0; tries < most;) {
      clients += 1;
      const live = liveCodes(scenario.state, nowMs).length;
      const { events } = scenario.when(verify("WRONG", `client${clients}`), { nowMs, policy });
      if (events.length > 0) {
        triesMs.push(nowMs);
        comparisons += live;
        tries += 1;
        isRefreshed = false;
      } else {
        if (isRefreshed) break;
        for (let codes = 0; codes < policy.liveCodes; codes += 1) {
          scenario.when(sendCode(SEND), { nowMs, policy });
        }
        isRefreshed = true;
      }
    }
  }
  return { triesMs, comparisons };
}

/** Most tries within any 24 hours. */
function mostInADay(triesMs: readonly number[]): number {
  return Math.max(...triesMs.map((from) => triesMs.filter((ms) => ms >= from && ms < from + DAY_MS).length));
}

/** One try begins the day of the counter; the rest come as it ends, and those of the next one right after. */
const ASTRIDE = [
  { nowMs: NOW, most: 1 },
  { nowMs: NOW + DAY_MS - 1, most: Infinity },
  { nowMs: NOW + DAY_MS, most: Infinity },
];

describe.each(CASES)("with %s", (name, config) => {
  const policy = policyOf(config);
  const codes = config.codeAlphabet.length ** config.codeLength;

  test("no day of an attack sees more wrong tries than the two counters that it may touch allow", () => {
    const atOnce = attack(policy, [{ nowMs: NOW, most: Infinity }]);
    expect(atOnce.triesMs).toHaveLength(policy.maxFailuresPerDay);
    const astride = attack(policy, ASTRIDE);
    expect(mostInADay(astride.triesMs)).toBe(2 * policy.maxFailuresPerDay - 1);
    expect(astride.comparisons).toBeLessThanOrEqual(astride.triesMs.length * policy.liveCodes);
  });

  test("the chance is below 1e-5 per address and day, and docs/security.md says what it is", () => {
    const tries = mostInADay(attack(policy, ASTRIDE).triesMs);
    // Each try is compared with all live codes, and no code is guessed with more than that chance.
    const chance = -Math.expm1(tries * Math.log1p(-policy.liveCodes / codes));
    expect(chance).toBeLessThan(MOST_ALLOWED);
    const row = `| ${name} | ${policy.maxFailuresPerDay} | ${policy.liveCodes} | ${tries} | ${chance.toExponential(1)} |`;
    expect(readFileSync(new URL("docs/security.md", ROOT), "utf8")).toContain(row);
  });
});

test("six digits are too few for the default of a hundred tries", () => {
  const { codeAlphabet, codeLength } = configOf({ COUNTERSIGN_CODE_ALPHABET: "0123456789" });
  const codes = codeAlphabet.length ** codeLength;
  expect(199 / codes).toBeGreaterThan(MOST_ALLOWED);
  expect((2 * 5 - 1) / codes).toBeLessThan(MOST_ALLOWED);
});
