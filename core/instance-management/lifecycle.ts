import { and, eq, isNull } from "drizzle-orm";
import { recordActivity } from "../activity/index.ts";
import type { Caller } from "../caller.ts";
import { type AcceptDeps, type AcceptRequest, acceptCommand } from "../command/accept.ts";
import type { Accepted } from "../command/idempotency.ts";
import type { Vault } from "../crypto/index.ts";
import { AppError } from "../error.ts";
import { alignSinks } from "../event-sink/setting.ts";
import { type Instance, shardOf } from "../instance/index.ts";
import { type Dialect, instances } from "../instance/instance.sql.ts";
import { type InstanceSettings, settingsColumns } from "./settings.ts";

export interface LifecycleDeps extends AcceptDeps {
  vault: Vault;
  /** Number of shards: decides in which one a new instance lives. */
  shards: number;
}

/** Who asked, and under which id the traces of it are found. */
export interface Asked extends Pick<AcceptRequest, "correlationId" | "idempotencyKey" | "reply" | "onAccepted"> {
  caller: Caller;
}

/**
 * Makes an instance and asks for its session to be opened; a QR code follows. Nobody waits for that.
 * If the command cannot be accepted the instance is taken back, so that the caller may try again.
 */
export async function createInstance(
  deps: LifecycleDeps,
  asked: Asked,
  wanted: InstanceSettings & { name: string; dialect: Dialect },
): Promise<Instance> {
  const { dialect, ...settings } = wanted;
  const id = deps.ids.uuid();
  const now = deps.clock.now();
  const instance = await deps.db.orm.transaction(async (tx) => {
    const [row] = await tx
      .insert(instances)
      .values({
        webhookEnabled: Boolean(settings.webhookUrl),
        ...settingsColumns(deps, id, settings),
        name: settings.name,
        id,
        userId: asked.caller.userId,
        dialect,
        shard: shardOf(id, deps.shards),
        // Each dialect's document shows a new instance in a state of its own.
        status: dialect === "gateway" ? "disconnected" : "connecting",
        statusAt: now,
        createdAt: now,
        updatedAt: now,
      })
      .returning();
    if (!row) throw new Error("the insert of an instance returned no row");
    await alignSinks({ orm: tx, clock: deps.clock }, { instanceId: id });
    await recordActivity({ orm: tx, clock: deps.clock, ids: deps.ids }, id, "instance_created", { name: row.name });
    return row;
  });
  try {
    await acceptCommand(deps, { ...request(asked, instance), name: "instance.start" });
  } catch (error) {
    await deps.db.orm.delete(instances).where(eq(instances.id, id));
    throw error;
  }
  return instance;
}

/** Wants the session to run, and asks for it to be closed and opened again. */
export async function restartInstance(deps: LifecycleDeps, asked: Asked, instance: Instance): Promise<Accepted> {
  await deps.db.orm
    .update(instances)
    .set({ desired: "running" })
    .where(and(eq(instances.id, instance.id), isNull(instances.deletedAt)));
  const accepted = await acceptCommand(deps, { ...request(asked, instance), name: "instance.restart" });
  await recordActivity({ ...deps, orm: deps.db.orm }, instance.id, "reconnect_requested");
  return accepted;
}

/** Wants the session to run from now on, and asks for it to be opened. */
export async function enableInstance(deps: LifecycleDeps, asked: Asked, instance: Instance): Promise<Accepted> {
  await deps.db.orm
    .update(instances)
    .set({ desired: "running" })
    .where(and(eq(instances.id, instance.id), isNull(instances.deletedAt)));
  const accepted = await acceptCommand(deps, { ...request(asked, instance), name: "instance.start" });
  await recordActivity({ ...deps, orm: deps.db.orm }, instance.id, "instance_enabled");
  return accepted;
}

/** Asks for the session to be closed and left closed; the link with WhatsApp stays. */
export async function disableInstance(deps: LifecycleDeps, asked: Asked, instance: Instance): Promise<Accepted> {
  const accepted = await acceptCommand(deps, { ...request(asked, instance), name: "instance.stop" });
  await recordActivity({ ...deps, orm: deps.db.orm }, instance.id, "instance_disabled");
  return accepted;
}

/** Asks for the link with WhatsApp to be ended. */
export async function logoutInstance(deps: LifecycleDeps, asked: Asked, instance: Instance): Promise<Accepted> {
  const accepted = await acceptCommand(deps, { ...request(asked, instance), name: "instance.logout" });
  await recordActivity({ ...deps, orm: deps.db.orm }, instance.id, "logout_requested");
  return accepted;
}

/**
 * From now on the instance is gone for everybody; the session host logs out of WhatsApp and removes what is kept of it.
 * If the command cannot be accepted the instance is as it was. Throws `instance_not_found` to the second of two.
 */
export async function deleteInstance(deps: LifecycleDeps, asked: Asked, instance: Instance): Promise<Accepted> {
  const marked = await deps.db.orm
    .update(instances)
    .set({ deletedAt: deps.clock.now(), desired: "stopped" })
    .where(and(eq(instances.id, instance.id), isNull(instances.deletedAt)))
    .returning({ id: instances.id });
  if (marked.length === 0) throw new AppError("instance_not_found");
  try {
    return await acceptCommand(deps, { ...request(asked, instance), name: "instance.delete" });
  } catch (error) {
    await deps.db.orm
      .update(instances)
      .set({ deletedAt: null, desired: instance.desired })
      .where(eq(instances.id, instance.id));
    throw error;
  }
}

const request = ({ caller, ...asked }: Asked, instance: Instance) => ({
  ...asked,
  userId: caller.userId,
  instance,
  input: {},
});
