/**
 * CSV as RFC 4180 has it: fields between commas, lines that end with CRLF or LF, fields in quotes that may hold commas,
 * line breaks and doubled quotes.
 *
 * A record with a misplaced quote ends with its line: it is reported, and the next one is read. A quote that is never
 * closed is the end of the reading: whether what follows are records or text within the field, nobody can tell, and
 * text must not become a record.
 */

export interface CsvRecord {
  /** The line on which it begins, 1 for the first. */
  readonly line: number;
  readonly raw: string;
  readonly fields: readonly string[];
  /** What is wrong with its quotes. */
  readonly problem: string | undefined;
}

/** What is wrong with the text as a whole, from a line on. */
export class CsvError extends Error {
  override readonly name = "CsvError";
}

const COMMA = ",";
const QUOTE = '"';
const NEWLINE = "\n";
const CARRIAGE_RETURN = "\r";

/**
 * Reads record by record; empty lines are passed over.
 *
 * @param maxLength characters of a record
 * @throws CsvError for a record that does not end within them, and for one whose quote is still open at the end
 */
export async function* csvRecords(text: AsyncIterable<string>, maxLength: number): AsyncGenerator<CsvRecord> {
  let line = 1;
  let rest = "";

  function* readWhole(isLast: boolean): Generator<CsvRecord> {
    let start = 0;
    while (start < rest.length) {
      const read = readRecord(rest, start, isLast);
      const end = read?.end ?? rest.length;
      if (end - start > maxLength)
        throw unreadable(line, `has more than ${maxLength.toLocaleString("en-US")} characters`);
      if (read === undefined) break;
      const raw = rest.slice(start, end);
      if (!/^\r?\n?$/.test(raw)) yield { line, raw, fields: read.fields, problem: read.problem };
      line += newlinesIn(raw);
      start = end;
    }
    rest = rest.slice(start);
  }

  for await (const chunk of text) {
    rest += chunk;
    yield* readWhole(false);
  }
  yield* readWhole(true);
  if (rest !== "") throw unreadable(line, "never ends");
}

function unreadable(line: number, fault: string): CsvError {
  return new CsvError(`the row on line ${line} ${fault}: is a quote (") opened there and not closed?`);
}

interface ReadRecord {
  readonly fields: readonly string[];
  /** Where the next record begins. */
  readonly end: number;
  readonly problem: string | undefined;
}

/**
 * @param isLast nothing comes after the text
 * @returns undefined when more text is needed
 */
export function readRecord(text: string, start: number, isLast: boolean): ReadRecord | undefined {
  const fields: string[] = [];
  let problem: string | undefined;
  let at = start;
  for (;;) {
    let field: string;
    if (text[at] === QUOTE) {
      const quoted = readQuoted(text, at, isLast);
      if (quoted === undefined) return undefined;
      field = quoted.field;
      at = quoted.end;
      if (!endsField(text, at)) problem ??= 'has text after a closing quote (")';
    } else {
      const end = unquotedEnd(text, at);
      field = text.slice(at, end);
      if (text[end] !== COMMA && field.endsWith(CARRIAGE_RETURN)) field = field.slice(0, -1);
      if (field.includes(QUOTE)) problem ??= 'has a quote (") within a field that does not begin with one';
      at = end;
    }
    if (problem === undefined && text[at] === COMMA) {
      fields.push(field);
      at++;
      continue;
    }
    // The end of the record: at once, or after what cannot be read.
    const newline = text.indexOf(NEWLINE, at);
    if (newline === -1 && !isLast) return undefined;
    fields.push(field);
    return { fields, end: newline === -1 ? text.length : newline + 1, problem };
  }
}

function readQuoted(
  text: string,
  start: number,
  isLast: boolean,
): { field: string; end: number } | undefined {
  let field = "";
  let from = start + 1;
  for (;;) {
    const quote = text.indexOf(QUOTE, from);
    if (quote === -1) return undefined;
    field += text.slice(from, quote);
    // Whether it closes the field, the next two characters say.
    if (quote + 2 >= text.length && !isLast) return undefined;
    if (text[quote + 1] !== QUOTE) return { field, end: quote + 1 };
    field += QUOTE;
    from = quote + 2;
  }
}

/** At a comma, or at the end of a line or of the text. */
function endsField(text: string, at: number): boolean {
  return (
    at >= text.length ||
    text[at] === COMMA ||
    text[at] === NEWLINE ||
    (text[at] === CARRIAGE_RETURN && (at + 1 >= text.length || text[at + 1] === NEWLINE))
  );
}

function unquotedEnd(text: string, start: number): number {
  for (let at = start; at < text.length; at++) {
    const character = text[at];
    if (character === COMMA || character === NEWLINE) return at;
  }
  return text.length;
}

function newlinesIn(text: string): number {
  let count = 0;
  for (let at = text.indexOf(NEWLINE); at !== -1; at = text.indexOf(NEWLINE, at + 1)) count++;
  return count;
}
