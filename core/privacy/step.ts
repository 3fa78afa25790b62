import type { Storage } from "../storage/index.ts";
import { type LargePlace, type PersonScope, type Place, readSlice, sliceSize, withinInstance } from "./place.ts";

/** What a step of an erasure works on. `sql` is a transaction. */
export interface StepScope extends PersonScope {
  storage: Pick<Storage, "removeMany">;
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

/** A step that deletes the rows of a place. The table has few rows per person, or an index. */
export const deleting =
  (place: Place): Step =>
  async (scope) => {
    const { sql } = scope;
    const table = sql(place.table);
    const { count } = await sql`
      delete from ${table} where ctid = any(array(
        select ctid from ${table} where ${withinInstance(place, scope)} and (${place.hit(scope)})
        limit ${sliceSize} for update))`;
    return { counts: { [place.table]: count }, cursor: count === sliceSize ? "more" : null };
  };

/** A step that reads a large table in slices, and handles the rows that are about the person. */
export const scanning =
  (place: LargePlace, handle: (scope: StepScope, ids: string[]) => Promise<Record<string, number>>): Step =>
  async (scope, cursor) => {
    const { hits, cursor: next } = await readSlice(place, scope, cursor);
    const ids = hits.map(({ id }) => id);
    return { counts: ids.length > 0 ? await handle(scope, ids) : {}, cursor: next };
  };
