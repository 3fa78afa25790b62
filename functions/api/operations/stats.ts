import type { Period } from "../../../core/usage/index.ts";
import * as usage from "../../../core/usage/index.ts";
import type { CallerContext, InstanceContext } from "../engine/context.ts";

interface StatsRequest {
  period: Period;
  timeZone: string | undefined;
}

/** Waits until this call is counted, so that the figures include it. */
const usageRequest = async (context: CallerContext, request: StatsRequest) => {
  await context.counted;
  return { ...request, userId: context.caller.userId };
};

export const userStats = async (context: CallerContext, request: StatsRequest) =>
  usage.userUsage(context.deps, await usageRequest(context, request));

export const instanceStats = async (context: InstanceContext, request: StatsRequest) =>
  usage.instanceUsage(context.deps, context.instance.id, await usageRequest(context, request));

export const systemStats = async (context: CallerContext, request: StatsRequest) =>
  usage.systemUsage(context.deps, await usageRequest(context, request));
