/** Pages that were read with one row more than asked for. */

/** @returns the rows of the page, and its last one where another page follows */
export function cutPage<Row>(
  rows: readonly Row[],
  limit: number,
): { readonly shown: readonly Row[]; readonly last: Row | undefined } {
  const shown = rows.slice(0, limit);
  return { shown, last: rows.length > limit ? shown.at(-1) : undefined };
}

/** What is listed, without its place in the table. */
export function withoutRow<Row extends { readonly row: number }>(found: Row): Omit<Row, "row"> {
  const shown: Omit<Row, "row"> & { row?: number } = { ...found };
  delete shown.row;
  return shown;
}
