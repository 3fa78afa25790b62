import type { Fragment } from "../db/page.ts";
import { readWithinBytes } from "../db/page.ts";
import type { LinkToFile } from "../message/export/lines.ts";
import { type LargePlace, type PersonScope, type Place, readSlice, sliceSize, withinInstance } from "./place.ts";

/** What a copy is read from. */
export interface CopyScope extends PersonScope {
  linkToFile: LinkToFile | null;
}

/** `own`: the row is of the person, or of the chat with the person. `named`: the row names the person. */
export type Relation = "own" | "named";

export interface CopiedRow {
  relation: Relation;
  data: Record<string, unknown>;
}

/** The rows of a table that an export copies. */
export interface Copy {
  /** A unique name that never changes, because open exports have it in their position. */
  name: string;
  /** The `kind` of its lines. */
  table: string;
  /** The columns of the database that it copies, each with its table. */
  columns: readonly string[];
  /** Reads the next rows, in a stable order. `cursor` is null at the end. */
  read(scope: CopyScope, cursor: string | null): Promise<{ rows: CopiedRow[]; cursor: string | null }>;
}

interface Columns {
  /** The name of the copy. The default is the table. */
  name?: string;
  /** Names of columns, separated by spaces. */
  columns: string;
  /** More columns by name, each with its expression. A name with a table is of another table. */
  computed?: Readonly<Record<string, string>>;
  relation: Relation;
  /** What the copy has of a row. The default is everything. */
  shown?: (row: Record<string, unknown>, scope: CopyScope) => Record<string, unknown>;
}

const property = (column: string) =>
  column.replace(/^\w+\./, "").replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase());

/** Returns the columns of a copy as SQL, and their names. */
function selection({ sql }: PersonScope, { columns, computed = {} }: Columns): { list: Fragment; bytes: Fragment } {
  const all = [...columns.split(" ").map((name) => [name, name] as const), ...Object.entries(computed)];
  return {
    list: sql.unsafe(all.map(([name, expression]) => `${expression} as "${property(name)}"`).join(", ")),
    bytes: sql.unsafe(`octet_length(concat(${all.map(([name]) => `"${property(name)}"`).join(", ")}))`),
  };
}

const columnsOf = (table: string, { columns, computed = {} }: Columns) =>
  [...columns.split(" "), ...Object.keys(computed)].map((name) => (name.includes(".") ? name : `${table}.${name}`));

const copied = (scope: CopyScope, { relation, shown }: Columns, row: Record<string, unknown>): CopiedRow => ({
  relation,
  data: shown ? shown(row, scope) : row,
});

/** Copies the rows of a place in the order of their key. The table has few rows per person, or an index. */
export const copyFew = (place: Place, key: string, options: Columns): Copy => ({
  name: options.name ?? place.table,
  table: place.table,
  columns: columnsOf(place.table, options),
  async read(scope, cursor) {
    const { sql } = scope;
    const { list, bytes } = selection(scope, options);
    const texts = key.split(" ").map((column) => `(${column}::text collate "C")`);
    const after = cursor === null ? null : (JSON.parse(cursor) as string[]);
    const page = sql`
      select ${list}, jsonb_build_array(${sql.unsafe(texts.join(", "))})::text as position from ${sql(place.table)}
      where ${withinInstance(place, scope)} and (${place.hit(scope)})
        ${after ? sql`and (${sql.unsafe(texts.join(", "))}) > (${after.map((text) => sql`${text}::text`).reduce((all, one) => sql`${all}, ${one}`)})` : sql``}
      order by ${sql.unsafe(texts.join(", "))} limit ${sliceSize}`;
    const { items, cut } = await readWithinBytes<Record<string, unknown> & { position: string }>(sql, page, bytes);
    const rows = items.map(({ position: _position, ...row }) => copied(scope, options, row));
    return { rows, cursor: cut || items.length === sliceSize ? (items.at(-1)?.position ?? null) : null };
  },
});

/** Copies the rows of a place in a large table, which is read in slices. */
export const copyLarge = (place: LargePlace, options: Columns): Copy => ({
  name: options.name ?? place.table,
  table: place.table,
  columns: columnsOf(place.table, options),
  read: (scope, cursor) =>
    readHits<Record<string, unknown> & { hit: string }>(place, scope, cursor, (ids) => {
      const { sql } = scope;
      const { list, bytes } = selection(scope, options);
      const page = sql`
        select ${list}, id as hit from ${sql(place.table)} where id = any(${ids}::uuid[])
        order by ${sql(place.order)}, id`;
      return { page, bytes, rowsOf: ({ hit: _hit, ...row }) => [copied(scope, options, row)] };
    }),
});

/**
 * How the rows of hits are read: `page` has the id of the hit of each row as `hit`, in the order of the place. Only a place whose
 * rows are so small that all of a slice fit into a page may have more than one row for a hit.
 */
interface HitPage<Row> {
  page: Fragment;
  /** The size of a row in bytes, in SQL. */
  bytes: Fragment;
  rowsOf: (row: Row) => CopiedRow[];
}

/**
 * Reads the next slice of a large place, and the rows of its hits. If these are too large together, the next page continues
 * after the last one that fits.
 */
export async function readHits<Row extends { hit: string }>(
  place: LargePlace,
  scope: CopyScope,
  cursor: string | null,
  pageOf: (ids: string[]) => HitPage<Row>,
): Promise<{ rows: CopiedRow[]; cursor: string | null }> {
  const slice = await readSlice(place, scope, cursor);
  if (slice.hits.length === 0) return { rows: [], cursor: slice.cursor };
  const { page, bytes, rowsOf } = pageOf(slice.hits.map(({ id }) => id));
  const { items, cut } = await readWithinBytes<Row>(scope.sql, page, bytes);
  const last = items.at(-1)?.hit;
  const cutAt = cut && slice.hits.find(({ id }) => id === last)?.position;
  return { rows: items.flatMap(rowsOf), cursor: cutAt || slice.cursor };
}
