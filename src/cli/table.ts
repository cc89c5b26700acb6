/** Answers as people read them. Values come from strangers: none of them can steer a terminal. */

/** Spaces between two columns. */
const GAP = "  ";
const ELLIPSIS = "…";

/** `label  value`, one fact a line; facts without a value are left out. */
export function renderFacts(facts: readonly (readonly [label: string, value: string])[]): string {
  const shown = facts.filter(([, value]) => value !== "");
  const width = Math.max(...shown.map(([label]) => label.length));
  return shown.map(([label, value]) => `${label.padEnd(width)}${GAP}${printable(value)}\n`).join("");
}

/**
 * @param widthLimit columns of the terminal, to which lines are cut; undefined, or 0 as from terminals that do not tell:
 * nothing is cut
 */
export function renderTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  widthLimit: number | undefined,
): string {
  const all = [header, ...rows.map((row) => row.map(printable))];
  const widths = header.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all
    .map((row) => {
      const line = row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(GAP);
      return `${cut(line.trimEnd(), widthLimit)}\n`;
    })
    .join("");
}

function cut(line: string, widthLimit: number | undefined): string {
  if (widthLimit === undefined || widthLimit === 0 || line.length <= widthLimit) return line;
  return `${line.slice(0, widthLimit - 1).trimEnd()}${ELLIPSIS}`;
}

/** On one line, without escape sequences and without marks that turn the direction of text. */
export function printable(text: string): string {
  return text
    .replace(/\s*[\r\n]+\s*/g, " ")
    .replace(/[\p{Cc}\u061C\u200E\u200F\u2028-\u202E\u2066-\u2069]/gu, "?");
}

/** `2026-11-22 14:05:07 UTC`; "" for no time. */
export function timeText(time: Date | undefined): string {
  return time === undefined ? "" : `${time.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** `9,999` */
export function countText(count: number): string {
  return count.toLocaleString("en-US");
}

const BYTE_UNITS = ["KiB", "MiB", "GiB", "TiB"] as const;

/** `812 B`, `12.3 MiB` */
export function bytesText(bytes: number): string {
  let [value, unit]: [number, string] = [bytes, "B"];
  for (const next of BYTE_UNITS) {
    if (value < 1_024) break;
    [value, unit] = [value / 1_024, next];
  }
  return `${unit === "B" || value >= 100 ? Math.round(value) : value.toFixed(1)} ${unit}`;
}
