import { and, eq, sql } from "drizzle-orm";
import { sealedPlace } from "../crypto/sealed-place.ts";
import type { Database } from "../db/index.ts";
import { AppError } from "../error.ts";
import type { Instance } from "../instance/index.ts";
import type { Dialect } from "../instance/instance.sql.ts";
import { deviceOf, type ImportedSession } from "../session/import/index.ts";
import { sessionImports } from "../session/session.sql.ts";
import { createInstance, type LifecycleDeps, type RequestContext, restartInstance } from "./lifecycle.ts";
import type { InstanceSettings } from "./settings.ts";

/**
 * Creates an instance with a session of another program, and requests its start. Throws `already_exists` if the device
 * is linked to an instance, and `quota_exceeded`.
 */
export const createWithSession = (
  deps: LifecycleDeps,
  context: RequestContext,
  settings: InstanceSettings & { name: string; dialect: Dialect },
  session: ImportedSession,
): Promise<Instance> =>
  createInstance(deps, context, settings, async (tx, id) => {
    await stage(tx, deps, id, session);
  });

/**
 * Gives a session of another program to an instance that is not linked, and requests a restart, with which the session
 * host takes it. Throws `already_exists` like `createWithSession`, and `conflict` if the instance is linked. If the
 * restart can't be requested, removes the session, so that the caller can try again.
 */
export async function importIntoInstance(
  deps: LifecycleDeps,
  context: RequestContext,
  instance: Instance,
  session: ImportedSession,
): Promise<void> {
  const stagedAt = await deps.db.orm.transaction(async (tx) => {
    const [row] = await tx.execute<{ linked: boolean }>(sql`
      select linked_at is not null as linked from instances
      where id = ${instance.id} and deleted_at is null for update`);
    if (!row) throw new AppError("instance_not_found");
    if (row.linked) throw new AppError("conflict", "the instance is linked: log it out first, or create another one");
    return await stage(tx, deps, instance.id, session);
  });
  try {
    await restartInstance(deps, context, instance);
  } catch (error) {
    const { instanceId, createdAt } = sessionImports;
    await deps.db.orm.delete(sessionImports).where(and(eq(instanceId, instance.id), eq(createdAt, stagedAt)));
    throw error;
  }
}

/**
 * Stores the session for the host, and returns when. Throws `already_exists` if an instance has the same device, or soon
 * will. Instances that connected last with an older version don't have a `device`. Of those, only the user's own are
 * compared, by number, because a number is no secret: otherwise, anybody could find out which numbers have an instance.
 */
async function stage(
  tx: Database["orm"],
  { vault, clock }: LifecycleDeps,
  instanceId: string,
  session: ImportedSession,
): Promise<Date> {
  const device = deviceOf(session);
  const number = session.creds.me.id.split(":", 1)[0] ?? "";
  // Serializes imports of the same device, because neither of two concurrent transactions would see the other's row.
  await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended(${`session-import:${device}`}, 0))`);
  const others = await tx.execute(sql`
    select from instances where device = ${device} and linked_at is not null and deleted_at is null
    union all select from instances where device is null and linked_at is not null and deleted_at is null
      and phone_number = ${number} and user_id = (select user_id from instances where id = ${instanceId})
    union all select from session_imports where device = ${device} and instance_id <> ${instanceId} limit 1`);
  if (others.length > 0) throw new AppError("already_exists", "this linked device already belongs to an instance");
  const bundle = vault.seal(Buffer.from(JSON.stringify(session)), sealedPlace.sessionImport(instanceId));
  const now = clock.now();
  await tx.execute(sql`
    insert into session_imports (instance_id, device, bundle, created_at)
    values (${instanceId}, ${device}, ${bundle}, ${now.toISOString()}::timestamptz)
    on conflict (instance_id) do update set device = excluded.device, bundle = excluded.bundle,
      created_at = excluded.created_at, attempts = 0`);
  return now;
}
