import type { Period } from "../../../core/usage/index.ts";
import * as usage from "../../../core/usage/index.ts";
import type { CallerContext, InstanceContext } from "../engine/context.ts";

interface Wanted {
  period: Period;
  timeZone: string | undefined;
}

/** Waits until this call is counted, so that the figures include it. */
const request = async (context: CallerContext, wanted: Wanted) => {
  await context.counted;
  return { ...wanted, userId: context.caller.userId };
};

export const userStats = async (context: CallerContext, wanted: Wanted) =>
  usage.userUsage(context.deps, await request(context, wanted));

export const instanceStats = async (context: InstanceContext, wanted: Wanted) =>
  usage.instanceUsage(context.deps, context.instance.id, await request(context, wanted));

export const systemStats = async (context: CallerContext, wanted: Wanted) =>
  usage.systemUsage(context.deps, await request(context, wanted));
