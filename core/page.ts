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
  limit: number;
  skip: number;
  hasMore: boolean;
}

export function pagination(request: PageRequest, returned: number, total: number): Pagination {
  const { limit, skip } = request;
  return { total, limit, skip, hasMore: skip + returned < total };
}
