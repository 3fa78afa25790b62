/** A page of a list that is ordered from the newest to the oldest. */
export interface PageRequest {
  limit: number;
  skip: number;
  /** Inclusive. */
  from?: Date | undefined;
  /** Exclusive. */
  before?: Date | undefined;
}

export interface Pagination {
  /** All that match the filters, on any page. */
  total: number;
  limit: number;
  skip: number;
  hasMore: boolean;
}

export function pagination(request: PageRequest, shown: number, total: number): Pagination {
  const { limit, skip } = request;
  return { total, limit, skip, hasMore: skip + shown < total };
}
