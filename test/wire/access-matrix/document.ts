// The table as docs/access.md shows it, in Markdown.
import { CALLERS, readTable, TARGETS, WORDS, type CallerName, type Line } from "./table.ts";

const HEADS: Partial<Record<CallerName, string>> = {
  nobody: "no token",
  "no role": "no role",
  person: "a person, by JWT",
};

export function renderMatrix(): string {
  const lines = readTable();
  const services = [...new Set(lines.map(({ service }) => service))];
  const tables = services.map((service) =>
    renderService(
      service,
      lines.filter((line) => line.service === service),
    ),
  );
  return [renderList(TARGETS), renderList(meanings()), ...tables].join("\n\n");
}

function renderList(entries: Readonly<Record<string, string>>): string {
  return Object.entries(entries)
    .map(([name, meaning]) => `- *${name}*: ${meaning}`)
    .join("\n");
}

function meanings(): Record<string, string> {
  const shown = Object.entries(WORDS).filter(([word]) => word !== "-");
  return Object.fromEntries(shown.map(([word, { meaning }]) => [word, meaning]));
}

function renderService(service: string, lines: readonly Line[]): string {
  const heads = ["Call", "On", ...CALLERS.map((name) => HEADS[name] ?? `\`${name}\``)];
  const rows = lines.map(({ calls, target, cells }, index) => {
    const isSame = lines[index - 1]?.calls.join() === calls.join();
    const named = isSame ? "" : calls.map((call) => call.replace(/^\w+/, "`$&`")).join(", ");
    const words = CALLERS.map((name) => (cells[name] === "-" ? "" : cells[name]));
    return `| ${[named, target, ...words].join(" | ")} |`;
  });
  return [
    `### ${service}`,
    "",
    `| ${heads.join(" | ")} |`,
    `|${" --- |".repeat(heads.length)}`,
    ...rows,
  ].join("\n");
}
