import { and, desc, eq, getTableColumns, inArray, isNull } from "drizzle-orm";
import { assertInstance, assertOwner, type Caller } from "../caller.ts";
import type { Database } from "../db/index.ts";
import { AppError } from "../error.ts";
import { isUuid } from "../id.ts";
import type { Instance } from "./index.ts";
import { instances } from "./instance.sql.ts";

/**
 * Loads an instance. Throws `instance_not_found`, also while the instance is being deleted, and `forbidden` if it
 * belongs to another user and the caller is not an admin, or if the caller's key does not allow it.
 */
export async function loadInstance(db: Database, caller: Caller, id: string): Promise<Instance> {
  // Most requests run this statement, and Postgres prepares a tagged template only once.
  const [row] = isUuid(id)
    ? await db.sql<InstanceRow[]>`select * from instances where id = ${id} and deleted_at is null`
    : [];
  return accessible(caller, row && instanceOfRow(row));
}

/**
 * Returns an instance that was loaded. Throws `instance_not_found` if there is none, and `forbidden` if it belongs to
 * another user and the caller is not an admin, or if the caller's key does not allow it.
 */
export function accessible(caller: Caller, instance: Instance | undefined): Instance {
  if (!instance) throw new AppError("instance_not_found");
  assertOwner(caller, instance.userId);
  assertInstance(caller, instance.id);
  return instance;
}

/** A row of `instances` as the driver returns it. */
export interface InstanceRow {
  id: string | null;
  [column: string]: unknown;
}

export function instanceOfRow(row: InstanceRow): Instance {
  const instance = Object.fromEntries(fields.map(([field, column]) => [field, row[column]])) as Instance;
  // The driver returns 64-bit integers as text.
  instance.eventSeq = Number(instance.eventSeq);
  return instance;
}

/** The fields of `Instance` and their columns. */
const fields = Object.entries(getTableColumns(instances)).map(([field, column]) => [field, column.name] as const);

/** Lists the caller's own instances, as far as the credentials allow them, the newest first. */
export function listInstances(db: Database, { userId, key }: Caller): Promise<Instance[]> {
  const allowed = key?.instances ? inArray(instances.id, key.instances) : undefined;
  return db.orm
    .select()
    .from(instances)
    .where(and(eq(instances.userId, userId), isNull(instances.deletedAt), allowed))
    .orderBy(desc(instances.createdAt), desc(instances.id));
}

/** Counts all instances, and the connected ones as `active`. */
export async function countInstances(db: Database): Promise<{ total: number; active: number }> {
  const [row] = await db.sql<{ total: number; active: number }[]>`
    select count(*)::int as total, (count(*) filter (where status = 'connected'))::int as active
    from instances where deleted_at is null`;
  return row ?? { total: 0, active: 0 };
}
