/** Users from CSV: the header names the columns, each further record is a user. */
import { CommandError } from "../service.ts";
import { EXIT_USAGE } from "../exit-codes.ts";
import { columnNamed, REQUIRED_COLUMNS, unknownColumn, type ColumnName } from "./columns.ts";
import { csvRecords, type CsvRecord } from "./csv.ts";
import { MAX_ROW_LENGTH, NOT_UTF8, type InputRow, type RowContent } from "./input-rows.ts";

/** @throws CommandError for a header that cannot be used; CsvError */
export async function* csvRows(
  text: AsyncIterable<string>,
  ignoreUnknown: boolean,
): AsyncGenerator<InputRow> {
  let columns: readonly (ColumnName | undefined)[] | undefined;
  let number = 0;
  for await (const record of csvRecords(text, MAX_ROW_LENGTH)) {
    if (columns === undefined) {
      columns = readHeader(record, ignoreUnknown);
      continue;
    }
    const { line, raw } = record;
    yield { number: ++number, line, raw, content: contentOf(record, columns) };
  }
  if (columns === undefined) throw refused(["the input is empty: CSV begins with a header"]);
}

function contentOf({ fields, problem }: CsvRecord, columns: readonly (ColumnName | undefined)[]): RowContent {
  if (problem !== undefined) return { kind: "broken", problem };
  if (fields.length !== columns.length) {
    return { kind: "broken", problem: `has ${fields.length} fields, and the header ${columns.length}` };
  }
  const values = new Map<ColumnName, unknown>();
  for (const [index, column] of columns.entries()) {
    if (column !== undefined) values.set(column, fields[index]);
  }
  return { kind: "values", values };
}

function readHeader({ fields, problem }: CsvRecord, ignoreUnknown: boolean): (ColumnName | undefined)[] {
  const problems: string[] = problem === undefined ? [] : [`the header ${problem}`];
  if (fields.some((field) => field.includes(NOT_UTF8))) throw refused(["the header is not UTF-8"]);
  const seen = new Set<ColumnName>();
  const columns = fields.map((field) => {
    const column = columnNamed(field);
    if (column === undefined) {
      if (!ignoreUnknown) problems.push(unknownColumn(field));
    } else if (seen.has(column)) problems.push(`the header has ${column} twice`);
    else seen.add(column);
    return column;
  });
  // Of a header without commas or line breaks nothing else is worth saying.
  if (fields.length === 1 && /[;\t]/.test(fields[0] ?? "")) {
    throw refused(["the header has no comma: save the file with commas between the fields"]);
  }
  if (fields.some((field) => field.includes("\r"))) {
    throw refused(["the lines end with CR alone: save the file with LF or CRLF at their ends"]);
  }
  const missing = REQUIRED_COLUMNS.filter((column) => !seen.has(column));
  if (missing.length > 0) problems.push(`the header lacks ${missing.join(", ")}`);
  if (problems.length > 0) throw refused(problems);
  return columns;
}

function refused(problems: readonly string[]): CommandError {
  return new CommandError(problems.join("; "), EXIT_USAGE);
}
