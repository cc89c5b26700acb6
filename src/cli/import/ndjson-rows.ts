/** Users from NDJSON: a JSON object a line, its members named as the columns. Empty lines are passed over. */
import { columnNamed, unknownColumn, type ColumnName } from "./columns.ts";
import { MAX_ROW_LENGTH, NOT_UTF8, type InputRow, type RowContent } from "./input-rows.ts";

/** A broken line costs no other: JSON has no line breaks within a value. */
export async function* ndjsonRows(
  text: AsyncIterable<string>,
  ignoreUnknown: boolean,
): AsyncGenerator<InputRow> {
  let number = 0;
  for await (const { line, raw } of lines(text, MAX_ROW_LENGTH)) {
    if (raw !== undefined && raw.trim() === "") continue;
    number++;
    const content = raw === undefined ? TOO_LONG : contentOf(raw, ignoreUnknown);
    yield { number, line, raw: raw ?? "", content };
  }
}

const TOO_LONG: RowContent = {
  kind: "broken",
  problem: `has more than ${MAX_ROW_LENGTH.toLocaleString("en-US")} characters`,
};

interface Line {
  readonly line: number;
  /** Undefined where it is too long. */
  readonly raw: string | undefined;
}

/** However long a line is, no more of it is kept than the limit and one chunk. */
async function* lines(text: AsyncIterable<string>, maxLength: number): AsyncGenerator<Line> {
  let line = 1;
  let rest = "";
  let isTooLong = false;
  for await (const chunk of text) {
    let start = 0;
    for (let end = chunk.indexOf("\n"); end !== -1; end = chunk.indexOf("\n", start)) {
      const raw = rest + chunk.slice(start, end);
      yield { line, raw: isTooLong || raw.length > maxLength ? undefined : raw };
      line++;
      rest = "";
      isTooLong = false;
      start = end + 1;
    }
    rest += chunk.slice(start);
    if (rest.length <= maxLength) continue;
    rest = "";
    isTooLong = true;
  }
  if (rest !== "" || isTooLong) yield { line, raw: isTooLong ? undefined : rest };
}

function contentOf(raw: string, ignoreUnknown: boolean): RowContent {
  if (raw.includes(NOT_UTF8)) return { kind: "broken", problem: "is not UTF-8" };
  let parsed: unknown;
  try {
    parsed = JSON.parse(raw);
  } catch {
    // The parser's own words quote the text.
    return { kind: "broken", problem: "is not JSON" };
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    return { kind: "broken", problem: "is not a JSON object" };
  }
  const values = new Map<ColumnName, unknown>();
  for (const [name, value] of Object.entries(parsed)) {
    const column = columnNamed(name);
    if (column === undefined) {
      if (!ignoreUnknown) return { kind: "broken", problem: unknownColumn(name) };
    } else if (values.has(column)) return { kind: "broken", problem: `has ${column} twice` };
    else values.set(column, value);
  }
  return { kind: "values", values };
}
