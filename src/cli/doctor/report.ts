/** What the doctor found, for people: a line for each check. */
import { styleText } from "node:util";
import { printable } from "../table.ts";
import type { Check, Level } from "./check.ts";

const COLOURS = { ok: "green", warning: "yellow", problem: "red" } as const satisfies Record<Level, string>;
const LEVEL_WIDTH = "problem".length;

/** Colours only where stdout is a terminal, and as NO_COLOR and FORCE_COLOR say. */
export function renderChecks(checks: readonly Check[]): string {
  const width = Math.max(...checks.map(({ name }) => name.length));
  return checks
    .map(({ name, level, found, advice }) => {
      const coloured = styleText(COLOURS[level], level.padEnd(LEVEL_WIDTH), { stream: process.stdout });
      const text = advice === undefined ? found : `${found} -> ${advice}`;
      return `${coloured}  ${name.padEnd(width)}  ${printable(text)}\n`;
    })
    .join("");
}
