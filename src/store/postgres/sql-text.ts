/** SQL that is put together of parts. Values travel as parameters only; a `?` stands for each, in their order. */
import type { Value } from "./session.ts";

export interface Sql {
  readonly text: string;
  readonly values: readonly Value[];
}

export function sql(text: string, ...values: readonly Value[]): Sql {
  return { text, values };
}

/** The text as PostgreSQL takes it: $1, $2 ... */
export function numbered({ text }: Sql): string {
  let count = 0;
  return text.replaceAll("?", () => `$${++count}`);
}

export function anyOf(column: string, values: readonly string[]): Sql {
  return sql(`${column} = ANY(?::text[])`, values.filter(isStorable));
}

/** PostgreSQL takes neither NUL nor half a surrogate pair in text: what has one is nowhere to be found. */
export function isStorable(value: string): boolean {
  return !value.includes("\0") && value.isWellFormed();
}

/** What others have said, such as a relay, with U+FFFD in place of what cannot be stored. */
export function storable(text: string): string {
  return text.replaceAll("\0", "\uFFFD").toWellFormed();
}

/** Runs a statement. */
export type AskSql = <Row>(query: Sql) => Promise<readonly Row[]>;
