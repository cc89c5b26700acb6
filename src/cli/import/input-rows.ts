/** The rows of an import, in whatever format they came. */
export interface InputRow {
  /** 1 for the first user. Empty lines and the header of CSV are none. */
  readonly number: number;
  /** The line on which it begins, 1 for the first. */
  readonly line: number;
  /** What it was read from, to know it again by. */
  readonly raw: string;
  readonly content: RowContent;
}

export type RowContent =
  | { readonly kind: "values"; readonly values: RowValues }
  /** The row itself cannot be read. */
  | { readonly kind: "broken"; readonly problem: string };

/** What the columns hold, by their names: text in CSV, any JSON in NDJSON. */
export type RowValues = ReadonlyMap<string, unknown>;

export interface RowFault {
  /** Undefined where it is the row as a whole. */
  readonly column: string | undefined;
  /** Goes on after the column's name. Shows no address in full. */
  readonly problem: string;
}

/** Characters of a row. Ten times what all columns at their limits take. */
export const MAX_ROW_LENGTH = 65_536;

/** U+FFFD, which decoders put where bytes are no UTF-8. */
export const NOT_UTF8 = "\uFFFD";

/** UTF-8 without its byte order mark. Bytes that are none become U+FFFD. */
export async function* textOf(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  for await (const chunk of bytes) yield decoder.decode(chunk, { stream: true });
  yield decoder.decode();
}
