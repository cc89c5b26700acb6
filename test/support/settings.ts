// Loading settings, and what a table of good and bad values expects.
import { expect } from "@jest/globals";
import { loadConfig, type Config } from "../../src/config.ts";

export type Env = Record<string, string | undefined>;

export function load(env: Env, flags: Env = {}): Config {
  const result = loadConfig(env, flags);
  if (!result.ok) throw new Error(result.problems.join("\n"));
  return result.config;
}

export function problemsOf(env: Env, flags: Env = {}): readonly string[] {
  const result = loadConfig(env, flags);
  return result.ok ? [] : result.problems;
}

/** @param name without the prefix */
export function expectTaken(name: string, text: string, expected: Partial<Config>): void {
  expect(load({ [`COUNTERSIGN_${name}`]: text })).toMatchObject(expected);
}

/** In one line that shows the value. */
export function expectRefused(name: string, text: string, fault: string): void {
  const [problem = "", ...others] = problemsOf({ [`COUNTERSIGN_${name}`]: text });
  expect(others).toEqual([]);
  expect(problem).toContain(`COUNTERSIGN_${name}: "`);
  expect(problem).toContain(`" ${fault}; example: COUNTERSIGN_${name}=`);
  // oxlint-disable-next-line no-control-regex -- one line that a terminal can show
  expect(problem).not.toMatch(/[\u0000-\u001F\u007F-\u009F]/);
}

/** In one line without the value, which is or could hold a secret. */
export function expectRefusedUnshown(name: string, text: string, fault: string): void {
  const [problem, ...others] = problemsOf({ [`COUNTERSIGN_${name}`]: text });
  expect(others).toEqual([]);
  expect(problem?.split("; example: ")[0]).toBe(`COUNTERSIGN_${name}: the value ${fault}`);
  expect(problem).toContain(`; example: COUNTERSIGN_${name}=`);
}
