/** Lists that come in pages. */

/** The service's own limit. */
const MAX_PAGE_SIZE = 1_000;

export interface Page<Item> {
  readonly items: readonly Item[];
  readonly nextPageToken: string;
}

/**
 * Asks for page after page.
 *
 * @param limit how many items at most
 * @returns the items, and whether there are more
 */
export async function allPages<Item>(
  limit: number,
  ask: (page: { readonly pageSize: number; readonly pageToken: string }) => Promise<Page<Item>>,
): Promise<{ readonly items: readonly Item[]; readonly hasMore: boolean }> {
  const found: Item[] = [];
  let pageToken = "";
  do {
    const pageSize = Math.min(limit - found.length, MAX_PAGE_SIZE);
    const { items, nextPageToken } = await ask({ pageSize, pageToken });
    found.push(...items);
    pageToken = nextPageToken;
  } while (pageToken !== "" && found.length < limit);
  return { items: found, hasMore: pageToken !== "" };
}

/** Says on stderr that a list was cut, or is empty. */
export function noteOnList(what: string, count: number, hasMore: boolean): void {
  if (count === 0) process.stderr.write(`no ${what} passes the filters\n`);
  if (hasMore) process.stderr.write(`note: there are more: --limit ${count} ended the list\n`);
}
