import { and, eq, isNull } from "drizzle-orm";
import { recordActivity } from "../activity/index.ts";
import type { Caller } from "../caller.ts";
import { type AcceptDeps, type AcceptRequest, acceptCommand } from "../command/accept.ts";
import type { Accepted } from "../command/idempotency.ts";
import type { Vault } from "../crypto/index.ts";
import type { Database } from "../db/index.ts";
import { AppError } from "../error.ts";
import { alignSinks } from "../event-sink/setting.ts";
import { type Instance, shardOf } from "../instance/index.ts";
import { type Dialect, instances } from "../instance/instance.sql.ts";
import { takeQuota } from "../quota/index.ts";
import { alignDefaults } from "./default-webhooks.ts";
import { type InstanceSettings, settingsColumns } from "./settings.ts";

export interface LifecycleDeps extends AcceptDeps {
  vault: Vault;
  /** The number of shards, from which a new instance's shard is computed. */
  shards: number;
}

/** The caller, and the properties of the request that `acceptCommand` needs. */
export interface RequestContext
  extends Pick<AcceptRequest, "correlationId" | "idempotencyKey" | "reply" | "onAccepted" | "audit"> {
  caller: Caller;
}

/**
 * Creates an instance and requests the start of its session, without waiting for it. If the command can't be
 * accepted, the instance is deleted, so that the caller can try again. `alsoStore` runs in the transaction that creates
 * the instance. Throws `quota_exceeded`.
 */
export async function createInstance(
  deps: LifecycleDeps,
  context: RequestContext,
  { dialect, ...settings }: InstanceSettings & { name: string; dialect: Dialect },
  alsoStore?: (tx: Database["orm"], id: string) => Promise<void>,
): Promise<Instance> {
  const id = deps.ids.uuid();
  const now = deps.clock.now();
  const instance = await deps.db.orm.transaction(async (tx) => {
    await takeQuota(deps, tx, context.caller.userId, { instances: 1 });
    const [row] = await tx
      .insert(instances)
      .values({
        webhookEnabled: Boolean(settings.webhookUrl),
        ...settingsColumns(deps, id, settings),
        name: settings.name,
        id,
        userId: context.caller.userId,
        dialect,
        shard: shardOf(id, deps.shards),
        // The two REST APIs document different initial states.
        status: dialect === "gateway" ? "disconnected" : "connecting",
        statusAt: now,
        createdAt: now,
        updatedAt: now,
      })
      .returning();
    if (!row) throw new Error("the insert of an instance returned no row");
    await alignSinks({ orm: tx, clock: deps.clock }, { instanceId: id });
    await alignDefaults(tx, deps.clock, row);
    await alsoStore?.(tx, id);
    await recordActivity({ orm: tx, clock: deps.clock, ids: deps.ids }, id, "instance_created", { name: row.name });
    return row;
  });
  try {
    await acceptCommand(deps, { ...commandFor(context, instance), name: "instance.start" });
  } catch (error) {
    await deps.db.orm.delete(instances).where(eq(instances.id, id));
    throw error;
  }
  return instance;
}

/** Requests a restart of the session, and keeps it running from then on. */
export async function restartInstance(
  deps: LifecycleDeps,
  context: RequestContext,
  instance: Instance,
): Promise<Accepted> {
  await keepRunning(deps, instance);
  return await requestCommand(deps, context, instance, "instance.restart", "reconnect_requested");
}

/** Requests that the running session uses the settings as they are now. */
export const applySettings = (deps: LifecycleDeps, context: RequestContext, instance: Instance): Promise<Accepted> =>
  acceptCommand(deps, { ...commandFor(withoutKey(context), instance), name: "instance.applySettings" });

/** The key of the request belongs to its change of the settings. */
const withoutKey = ({ idempotencyKey: _, ...context }: RequestContext): RequestContext => context;

/** Requests the start of the session, and keeps it running from then on. */
export async function enableInstance(
  deps: LifecycleDeps,
  context: RequestContext,
  instance: Instance,
): Promise<Accepted> {
  await keepRunning(deps, instance);
  return await requestCommand(deps, context, instance, "instance.start", "instance_enabled");
}

/** Requests that the session stops and stays stopped. The device stays linked. */
export const disableInstance = (deps: LifecycleDeps, context: RequestContext, instance: Instance): Promise<Accepted> =>
  requestCommand(deps, context, instance, "instance.stop", "instance_disabled");

/** Requests that the device is unlinked from WhatsApp. */
export const logoutInstance = (deps: LifecycleDeps, context: RequestContext, instance: Instance): Promise<Accepted> =>
  requestCommand(deps, context, instance, "instance.logout", "logout_requested");

async function keepRunning({ db }: LifecycleDeps, instance: Instance): Promise<void> {
  await db.orm
    .update(instances)
    .set({ desired: "running" })
    .where(and(eq(instances.id, instance.id), isNull(instances.deletedAt)));
}

async function requestCommand(
  deps: LifecycleDeps,
  context: RequestContext,
  instance: Instance,
  name: "instance.start" | "instance.stop" | "instance.restart" | "instance.logout",
  activity: string,
): Promise<Accepted> {
  const accepted = await acceptCommand(deps, { ...commandFor(context, instance), name });
  await recordActivity({ ...deps, orm: deps.db.orm }, instance.id, activity);
  return accepted;
}

/**
 * Hides the instance at once. The session host then logs out of WhatsApp and deletes its data. If the command can't be
 * accepted, the instance is restored. Throws `instance_not_found` if the instance is already being deleted.
 */
export async function deleteInstance(
  deps: LifecycleDeps,
  context: RequestContext,
  instance: Instance,
): Promise<Accepted> {
  const marked = await deps.db.orm
    .update(instances)
    .set({ deletedAt: deps.clock.now(), desired: "stopped" })
    .where(and(eq(instances.id, instance.id), isNull(instances.deletedAt)))
    .returning({ id: instances.id });
  if (marked.length === 0) throw new AppError("instance_not_found");
  try {
    return await acceptCommand(deps, { ...commandFor(context, instance), name: "instance.delete" });
  } catch (error) {
    await deps.db.orm
      .update(instances)
      .set({ deletedAt: null, desired: instance.desired })
      .where(eq(instances.id, instance.id));
    throw error;
  }
}

const commandFor = ({ caller, ...context }: RequestContext, instance: Instance) => ({
  ...context,
  userId: caller.userId,
  instance,
  input: {},
});
