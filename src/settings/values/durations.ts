/** Spans of time, such as `90s`: a whole number and a unit. As values they are milliseconds. */
import * as v from "valibot";
import { Fault, parsed } from "./parsed.ts";

const SECOND_MS = 1000;
const UNIT_MS = { ms: 1, s: SECOND_MS, m: 60 * SECOND_MS, h: 3600 * SECOND_MS, d: 86_400 * SECOND_MS };

/** Both bounds are durations themselves, and allowed. */
export function duration(min: string, max: string): v.GenericSchema<string, number> {
  const minMs = durationMs(min) ?? 0;
  const maxMs = durationMs(max) ?? Infinity;
  return parsed((text) => {
    const ms = durationMs(text);
    if (ms === undefined) return new Fault("is not a duration: a whole number and one of ms, s, m, h, d");
    return ms >= minMs && ms <= maxMs ? ms : new Fault(`is not between ${min} and ${max}`);
  });
}

/** @param word for a span without an end */
export function durationOr<const Word extends string>(
  word: Word,
  min: string,
  max: string,
): v.GenericSchema<string, number | Word> {
  const spans = duration(min, max);
  return parsed((text) => {
    if (text === word) return word;
    const result = v.safeParse(spans, text);
    return result.success ? result.output : new Fault(`${result.issues[0].message}, or ${word}`);
  });
}

function durationMs(text: string): number | undefined {
  const [, count, unit] = /^(\d+)(ms|s|m|h|d)$/.exec(text) ?? [];
  return count === undefined ? undefined : Number(count) * UNIT_MS[unit as keyof typeof UNIT_MS];
}
