/** Values of flags, read for commander, which tells it as wrong usage when one cannot be. */
import { InvalidArgumentError } from "commander";

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** @throws InvalidArgumentError */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It has to be a whole number from ${min} to ${max}.`);
  };
}

/** `30s`, `12h` @returns milliseconds @throws InvalidArgumentError */
export function durationMs(text: string): number {
  const ms = readDuration(text);
  if (ms !== undefined) return ms;
  throw new InvalidArgumentError("It has to be a whole number and one of ms, s, m, h and d, such as 30s.");
}

/** `12h` for twelve hours ago, or a time as ISO 8601 has it; without a zone it is UTC. @throws InvalidArgumentError */
export function timeOrAgo(text: string): Date {
  const agoMs = readDuration(text);
  if (agoMs !== undefined) return new Date(Date.now() - agoMs);
  // Date.parse takes far more than ISO 8601, and takes a time without a zone for local.
  const [, date, clock, zone = "Z"] =
    /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d:\d\d)?)?$/.exec(text) ?? [];
  const time = new Date(date === undefined ? Number.NaN : `${date}T${clock ?? "00:00"}${zone}`);
  if (!Number.isNaN(time.getTime())) return time;
  throw new InvalidArgumentError(
    "It has to be 30m, 12h or 7d for so long ago, or a time such as 2026-11-22T14:00Z.",
  );
}

/** Collects the values of a flag that may be given several times, whatever they are. */
export function several(text: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), text];
}

/** Collects the values of a flag that may be given several times. */
export function severalOf<const T extends string>(
  choices: readonly T[],
): (text: string, before: readonly T[] | undefined) => readonly T[] {
  return (text, before = []) => {
    const value = choices.find((choice) => choice === text);
    if (value !== undefined) return [...before, value];
    throw new InvalidArgumentError(`It has to be one of ${choices.join(", ")}.`);
  };
}

function readDuration(text: string): number | undefined {
  const [, count, unit] = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text) ?? [];
  return count === undefined ? undefined : Number(count) * UNIT_MS[unit as keyof typeof UNIT_MS];
}
