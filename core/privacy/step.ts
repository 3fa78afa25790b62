import type postgres from "postgres";
import type { Fragment } from "../db/page.ts";
import type { Storage } from "../storage/index.ts";
import type { Person } from "./person.ts";

/** What a step of an erasure works on. `sql` is a transaction. */
export interface StepScope {
  sql: postgres.ISql;
  storage: Pick<Storage, "removeMany">;
  instanceId: string;
  person: Person;
}

export interface StepResult {
  /** Rows that were deleted or changed, by table. */
  counts: Record<string, number>;
  /** Where the step continues. Null at its end. */
  cursor: string | null;
  /** JIDs of the person that the step found out. */
  found?: string[];
  /** Whether something about the person is under way, so that another pass must look for what it writes. */
  underWay?: boolean;
}

/** A part of an erasure. Repeating it has no effect. */
export type Step = (scope: StepScope, cursor: string | null) => Promise<StepResult>;

/** Rows that a step reads, or deletes, at a time. */
export const sliceSize = 500;

/** A condition: the text has the number or LID of the person. */
export const mentions =
  (text: (sql: postgres.ISql) => Fragment) =>
  ({ sql, person }: StepScope): Fragment =>
    sql`(${text(sql)} ~ ${person.pattern})`;

/** A condition: the bytes have the number or LID of the person. Protobufs have texts as they are. */
export const bytesMention = ({ sql, person: { users } }: StepScope, column: string): Fragment =>
  users
    .map((user) => sql`position(${Buffer.from(user)}::bytea in ${sql(column)}) > 0`)
    .reduce((all, one) => sql`${all} or ${one}`, sql`false`);

/** A step that deletes the rows of a table that a condition finds. The table has few rows per person, or an index. */
export const deleting =
  (table: string, where: (scope: StepScope) => Fragment): Step =>
  async (scope) => {
    const { sql, instanceId } = scope;
    const { count } = await sql`
      delete from ${sql(table)} where ctid = any(array(
        select ctid from ${sql(table)} where instance_id = ${instanceId} and (${where(scope)}) limit ${sliceSize} for update))`;
    return { counts: { [table]: count }, cursor: count === sliceSize ? "more" : null };
  };

/**
 * A step that reads a large table in the order of an index, in slices, and handles the rows that name the person.
 * `order` is the column of the index after the instance, and `hit` the condition for such a row.
 */
export const scanning =
  (
    table: string,
    order: string,
    hit: (scope: StepScope) => Fragment,
    handle: (scope: StepScope, ids: string[]) => Promise<Record<string, number>>,
  ): Step =>
  async (scope, cursor) => {
    const { sql, instanceId } = scope;
    const [from = "", fromId = ""] = cursor?.split(" ") ?? [];
    const position = sql`(${sql(order)}::text)`;
    const after = sql`and (${sql(order)}, id) > (${from}::text::${sql.unsafe(order === "seq" ? "int8" : "timestamptz")}, ${fromId}::uuid)`;
    const rows = await sql<{ id: string; at: string; hit: boolean }[]>`
      select id, replace(${position}, ' ', 'T') as at, coalesce(${hit(scope)}, false) as hit from ${sql(table)}
      where instance_id = ${instanceId} ${cursor === null ? sql`` : after}
      order by ${sql(order)}, id limit ${sliceSize}`;
    const hits = rows.filter(({ hit }) => hit).map(({ id }) => id);
    const counts = hits.length > 0 ? await handle(scope, hits) : {};
    const last = rows.at(-1);
    return { counts, cursor: last && rows.length === sliceSize ? `${last.at} ${last.id}` : null };
  };
