import { listInstances, loadInstance } from "../../../core/instance/store.ts";
import type { PageRequest } from "../../../core/page.ts";
import * as log from "../../../core/webhook/log/index.ts";
import * as replay from "../../../core/webhook/log/replay.ts";
import { readStats } from "../../../core/webhook/log/stats.ts";
import type { CallerContext, InstanceContext } from "../engine/context.ts";

/**
 * Returns the instance with this id, or all instances of the caller if no id is given. Throws if the caller has no
 * access to the instance.
 */
const instancesOf = async ({ deps, caller }: CallerContext, instanceId: string | undefined) =>
  instanceId === undefined ? listInstances(deps.db, caller) : [await loadInstance(deps.db, caller, instanceId)];

const idsOf = async (context: CallerContext, instanceId: string | undefined) =>
  (await instancesOf(context, instanceId)).map(({ id }) => id);

export const listLogs = async (
  context: CallerContext,
  { instanceId, ...page }: PageRequest & log.DeliveryFilter & { instanceId: string | undefined },
) => log.listDeliveries(context.deps.db, await instancesOf(context, instanceId), page);

export const getStats = async (
  context: CallerContext,
  { instanceId, endpointId }: { instanceId?: string | undefined; endpointId?: string | undefined },
) => readStats(context.deps.db, await idsOf(context, instanceId), endpointId);

/** Replays a delivery and returns its new state. */
export const replayDelivery = async ({ deps, instance }: InstanceContext, deliveryId: string) => {
  await replay.replayDelivery(deps, instance, deliveryId);
  return log.readDelivery(deps.db, instance, deliveryId);
};

/**
 * Like `replayDelivery`, but finds the instance by the delivery. Throws if the caller has no access to the instance.
 */
export const replayById = async (context: CallerContext, deliveryId: string) => {
  const { db } = context.deps;
  const instance = await loadInstance(db, context.caller, await log.instanceOfDelivery(db, deliveryId));
  return await replayDelivery({ ...context, instance }, deliveryId);
};

export const clearLogs = async (context: CallerContext, instanceId: string | undefined) => {
  const cleared = await log.clearDeliveries(context.deps.db, await idsOf(context, instanceId));
  context.deps.log.info({ userId: context.caller.userId, ...cleared }, "webhook logs cleared");
  return cleared;
};
