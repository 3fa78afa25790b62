import type postgres from "postgres";

/**
 * Bytes of the stored values of a page. The database stops before it reads more, so that a page of large rows doesn't
 * use much memory.
 */
const maxStoredBytes = 3_000_000;

/** A part of a statement. */
export type Fragment = postgres.PendingQuery<postgres.Row[]>;

/** The columns that `withinBytes` adds. */
export interface PageColumns {
  page_row: string;
  page_bytes: string;
  /** The number of rows before the page was cut. */
  page_rows: string;
}

/**
 * Returns a query for the first rows of `page` that have at most 3 MB together. The first row is always included.
 * `size` is an expression for the bytes of a row. It doesn't read large values if it uses `octet_length` of text.
 */
export const withinBytes = (sql: postgres.ISql, page: Fragment, size: Fragment): Fragment => sql`
  select * from (
    select page.*, row_number() over (rows unbounded preceding) as page_row,
      sum(${size}) over (rows unbounded preceding) as page_bytes, count(*) over () as page_rows
    from (${page}) page
  ) sized where page_row = 1 or page_bytes <= ${maxStoredBytes} order by page_row`;

/** Reads the first rows of `page` that are not too large together. `cut` is true if rows are missing. */
export async function readWithinBytes<Row extends object>(
  sql: postgres.ISql,
  page: Fragment,
  size: Fragment,
): Promise<{ items: Row[]; cut: boolean }> {
  const rows = await sql<(Row & PageColumns)[]>`${withinBytes(sql, page, size)}`;
  const cut = rows.length < Number(rows[0]?.page_rows ?? 0);
  const items = rows.map(({ page_row: _row, page_bytes: _bytes, page_rows: _rows, ...row }) => row as unknown as Row);
  return { items, cut };
}
