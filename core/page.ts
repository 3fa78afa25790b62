/** Which page of a list to return. The list is ordered from the newest to the oldest. */
export interface PageRequest {
  limit: number;
  skip: number;
  /** Start of the time range, inclusive. */
  from?: Date | undefined;
  /** End of the time range, exclusive. */
  before?: Date | undefined;
}

export interface Pagination {
  /** Number of items that match the filters, on all pages. */
  total: number;
  /** Maximum number of items on this page. If the items are large, this is less than requested. */
  limit: number;
  skip: number;
  hasMore: boolean;
}

/**
 * Bytes that the items of a page have in the response of a Lambda function, which contains the body as a JSON string.
 * Lambda's limit for the response is 6 MB: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
 */
const maxPageBytes = 4_500_000;

/** Returns the first items that fit on a page together. The first item is always returned, whatever its size. */
export function fitting<Item>(items: readonly Item[]): Item[] {
  let bytes = 0;
  const end = items.findIndex((item, index) => {
    bytes += responseBytes(JSON.stringify(item));
    return index > 0 && bytes > maxPageBytes;
  });
  return items.slice(0, end === -1 ? undefined : end);
}

/** Returns the size of a JSON text as a string in JSON, in bytes. */
export const responseBytes = (json: string) => Buffer.byteLength(JSON.stringify(json));

/**
 * Returns a page of the given items, which is bounded by bytes as well as by count. If not all items fit, `limit` is
 * the number of returned items, so `skip + limit` is always the start of the next page.
 */
export function paged<Item>(
  { limit, skip }: Pick<PageRequest, "limit" | "skip">,
  { items, cut = false }: { items: readonly Item[]; cut?: boolean },
  total: number,
): { items: Item[]; pagination: Pagination } {
  const shown = fitting(items);
  const isCut = cut || shown.length < items.length;
  return {
    items: shown,
    pagination: { total, limit: isCut ? shown.length : limit, skip, hasMore: skip + shown.length < total },
  };
}
