import type postgres from "postgres";
import type { Fragment } from "../db/page.ts";
import type { Person } from "./person.ts";

/** Where rows about a person are looked for: in the data of one instance. */
export interface PersonScope {
  sql: postgres.ISql;
  instanceId: string;
  person: Person;
}

/** Rows about a person in one table. The erasure and the export find them with the same condition. */
export interface Place {
  table: string;
  /** A condition: the row is about the person. */
  hit: (scope: PersonScope) => Fragment;
  /** A condition: the row belongs to the instance. The default is `instance_id`. */
  within?: (scope: PersonScope) => Fragment;
}

/** A place in a large table, which is read in slices in the order of an index. */
export interface LargePlace extends Place {
  /** The column of the index after the instance. `id` follows it. */
  order: "seq" | "created_at" | "sent_at";
}

/** Rows that are read, changed or deleted at a time. */
export const sliceSize = 500;

/** A condition: one of these columns has a JID of the person. */
export const has =
  (...columns: string[]) =>
  ({ sql, person }: PersonScope): Fragment =>
    columns
      .map((column) => sql`${sql(column)} = any(${person.jids}::text[])`)
      .reduce((all, one) => sql`${all} or ${one}`);

/** A condition: the text has the number or LID of the person. */
export const mentions =
  (text: (sql: postgres.ISql) => Fragment) =>
  ({ sql, person }: PersonScope): Fragment =>
    sql`(${text(sql)} ~ ${person.pattern})`;

/** A condition: one of these columns, as text, has the number or LID of the person. */
export const mentionedIn = (...columns: string[]) =>
  mentions(
    (sql) =>
      sql`concat_ws(' ', ${columns.map((column) => sql`${sql(column)}`).reduce((all, one) => sql`${all}, ${one}`)})`,
  );

/** A condition: the bytes have the number or LID of the person. Protobufs have texts as they are. */
export const bytesMention = ({ sql, person: { users } }: PersonScope, column: string): Fragment =>
  users
    .map((user) => sql`position(${Buffer.from(user)}::bytea in ${sql(column)}) > 0`)
    .reduce((all, one) => sql`${all} or ${one}`, sql`false`);

/** The condition that a row of a place belongs to the instance. */
export const withinInstance = ({ within }: Place, scope: PersonScope): Fragment =>
  within ? within(scope) : scope.sql`instance_id = ${scope.instanceId}`;

/** A row of a slice: its id, and the position from which the next slice continues. */
export interface Hit {
  id: string;
  position: string;
}

/** Reads the next 500 rows of a large table, and returns those about the person. `cursor` is null at the end. */
export async function readSlice(
  { table, order, hit }: LargePlace,
  scope: PersonScope,
  cursor: string | null,
): Promise<{ hits: Hit[]; cursor: string | null }> {
  const { sql, instanceId } = scope;
  const [from = "", fromId = ""] = cursor?.split(" ") ?? [];
  const type = sql.unsafe(order === "seq" ? "int8" : "timestamptz");
  const after = sql`and (${sql(order)}, id) > (${from}::text::${type}, ${fromId}::uuid)`;
  const rows = await sql<(Hit & { hit: boolean })[]>`
    select id, replace(${sql(order)}::text, ' ', 'T') || ' ' || id as position, coalesce(${hit(scope)}, false) as hit
    from ${sql(table)} where instance_id = ${instanceId} ${cursor === null ? sql`` : after}
    order by ${sql(order)}, id limit ${sliceSize}`;
  return {
    hits: rows.filter((row) => row.hit).map(({ id, position }) => ({ id, position })),
    cursor: rows.length === sliceSize ? (rows.at(-1)?.position ?? null) : null,
  };
}
