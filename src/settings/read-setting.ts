/** One setting: what it is given, or its default, as a value. */
import * as v from "valibot";
import { givenText, type Sources } from "./given-text.ts";
import { problemLine } from "./problem-lines.ts";
import type { Setting } from "./setting.ts";

export interface Reading<T> {
  /** Undefined where there is a problem, and where the setting is not set and has no fallback. */
  readonly value: T | undefined;
  /** One line each. */
  readonly problems: readonly string[];
}

export function readSetting<T>(setting: Setting<T>, sources: Sources): Reading<T> {
  const given = givenText(setting, sources);
  const text = given?.text ?? setting.fallback;
  if (text === undefined) return { value: undefined, problems: [] };
  const result = v.safeParse(setting.schema, text, { abortPipeEarly: true });
  if (result.success) return { value: result.output, problems: [] };
  return {
    value: undefined,
    problems: result.issues.map((issue) => problemLine(setting, issue.message, given)),
  };
}
