/** What each look of the doctor comes to. */

/**
 * - `ok`: as it should be, or not in use.
 * - `warning`: it works, but will not for ever, or less well than it could; or it could not be looked at.
 * - `problem`: something does not work.
 */
export type Level = "ok" | "warning" | "problem";

export interface Check {
  /** What was looked at: one word, or several with hyphens. */
  readonly name: string;
  readonly level: Level;
  /** What was found. */
  readonly found: string;
  /** What to do; absent where all is well. */
  readonly advice?: string;
}

export function ok(name: string, found: string): Check {
  return { name, level: "ok", found };
}

export function warning(name: string, found: string, advice: string): Check {
  return { name, level: "warning", found, advice };
}

export function problem(name: string, found: string, advice: string): Check {
  return { name, level: "problem", found, advice };
}

const UNITS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1_000],
] as const;

/** `3 d`, `2 h`, `40 s`: the largest unit of which there are two, or one of the smallest. */
export function spanText(ms: number): string {
  const [unit, unitMs] = UNITS.find(([, length]) => ms >= 2 * length) ?? (["s", 1_000] as const);
  return `${Math.floor(ms / unitMs)} ${unit}`;
}

/** Whether a certificate is in its time, and for how long. */
export function checkExpiry(
  name: string,
  { subject, validTo, nowMs }: { readonly subject: string; readonly validTo: Date; readonly nowMs: number },
  advice: string,
): Check {
  const leftMs = validTo.getTime() - nowMs;
  const day = validTo.toISOString().slice(0, 10);
  if (leftMs <= 0) return problem(name, `${subject}, certificate expired on ${day}`, advice);
  const found = `${subject}, certificate until ${day}`;
  return leftMs < SOON_MS ? warning(name, `${found}, in ${spanText(leftMs)}`, advice) : ok(name, found);
}

/** Renewal by ACME comes a month before the end: two weeks before, something keeps it from coming. */
const SOON_MS = 14 * 86_400_000;
