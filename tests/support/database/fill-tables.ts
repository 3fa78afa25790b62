import { randomUUID } from "node:crypto";
import type postgres from "postgres";

interface Column {
  table: string;
  name: string;
  type: string;
  nullable: boolean;
  generated: boolean;
  hasDefault: boolean;
  /** The table and column that a foreign key refers to. */
  parent: { table: string; name: string } | null;
}

const rowsPerTable = 4;

/** Returns the columns of all tables, those of tables that others refer to first. */
async function columnsOf(sql: postgres.Sql): Promise<Map<string, Column[]>> {
  const columns = await sql<Column[]>`
    select c.relname as table, a.attname as name, format_type(a.atttypid, null) as type, not a.attnotnull as nullable,
      a.attgenerated <> '' or a.attidentity <> '' as generated, a.atthasdef as "hasDefault",
      (select jsonb_build_object('table', k.confrelid::regclass::text, 'name', p.attname)
        from pg_constraint k join pg_attribute p on p.attrelid = k.confrelid and p.attnum = k.confkey[1]
        where k.contype = 'f' and k.conrelid = c.oid and k.conkey = array[a.attnum]) as parent
    from pg_class c join pg_attribute a on a.attrelid = c.oid
    where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace and a.attnum > 0 and not a.attisdropped
    order by c.relname, a.attnum`;
  const tables = Map.groupBy(columns, ({ table }) => table);
  const sorted = new Map<string, Column[]>();
  const visit = (table: string) => {
    const own = tables.get(table) ?? [];
    if (sorted.has(table)) return;
    for (const { parent } of own) if (parent && parent.table !== table) visit(parent.table);
    sorted.set(table, own);
  };
  for (const table of tables.keys()) visit(table);
  return sorted;
}

/** Returns a value of a column's type. Values of different rows differ, so that unique indexes accept them. */
function sampleOf({ name, type }: Column, row: number): string | number | boolean {
  switch (type) {
    case "uuid":
      return randomUUID();
    case "boolean":
      return row % 2 === 0;
    case "integer":
    case "bigint":
    case "smallint":
    case "double precision":
    case "numeric":
      return row + 1;
    case "timestamp with time zone":
      return new Date(Date.UTC(2026, 0, 1 + row)).toISOString();
    case "date":
      return `2026-01-0${row + 1}`;
    case "jsonb":
      return "{}";
    case "bytea":
      return `\\x0${row}`;
    case "interval":
      return `${row + 1} s`;
    default:
      return type.endsWith("[]") ? "{}" : `${name} ${row}`;
  }
}

/** Returns the number of rows of each table. */
export async function countRows(sql: postgres.Sql): Promise<Record<string, number>> {
  const tables = [...(await columnsOf(sql)).keys()];
  const counts = tables.map(async (table): Promise<[string, number]> => {
    const [row] = await sql<{ count: number }[]>`select count(*)::int as count from ${sql(table)}`;
    return [table, row?.count ?? 0];
  });
  return Object.fromEntries(await Promise.all(counts));
}

/**
 * Inserts rows into each table that has no row. Odd rows have null where that is allowed, and the default of a column.
 * Returns the number of rows of all tables.
 */
export async function fillTables(sql: postgres.Sql): Promise<Record<string, number>> {
  const before = await countRows(sql);
  for (const [table, columns] of await columnsOf(sql)) {
    if (before[table] !== 0) continue;
    for (let row = 0; row < rowsPerTable; row++) await insertRow(sql, table, columns, row);
  }
  return await countRows(sql);
}

async function insertRow(sql: postgres.Sql, table: string, columns: readonly Column[], row: number): Promise<void> {
  const values: Record<string, string | number | boolean> = {};
  for (const column of columns) {
    const { name, parent, nullable, generated, hasDefault } = column;
    if (generated || (row % 2 === 1 && (nullable || hasDefault))) continue;
    if (!parent) values[name] = sampleOf(column, row);
    else if (parent.table !== table) {
      const [found] =
        await sql`select ${sql(parent.name)} as value from ${sql(parent.table)} order by 1 offset ${row} limit 1`;
      values[name] = found?.value;
    }
  }
  const names = Object.keys(values);
  const list = names.map((name) => `"${name}"`).join(", ");
  const typed = names.map((name, index) => `$${index + 1}::text::${columns.find((one) => one.name === name)?.type}`);
  await sql.unsafe(
    `insert into "${table}" (${list}) values (${typed.join(", ")}) on conflict do nothing`,
    names.map((name) => String(values[name])),
  );
}
