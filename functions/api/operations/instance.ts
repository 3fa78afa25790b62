import { readActivity } from "../../../core/activity/index.ts";
import { assertEventQueue } from "../../../core/event-sink/allowed.ts";
import { readSink, type SinkState } from "../../../core/event-sink/index.ts";
import { type ConnectionStatus, connectionStatus, type Instance, scannableQr } from "../../../core/instance/index.ts";
import * as store from "../../../core/instance/store.ts";
import * as lifecycle from "../../../core/instance-management/lifecycle.ts";
import * as settings from "../../../core/instance-management/settings.ts";
import type { PageRequest } from "../../../core/page.ts";
import type { CallerContext, InstanceContext } from "../engine/context.ts";
import { settle } from "../engine/run-command.ts";

export type InstanceView = Instance & { connectionStatus: ConnectionStatus };

const view = (context: CallerContext, instance: Instance): InstanceView => ({
  ...instance,
  connectionStatus: connectionStatus(instance, context.deps.clock.now()),
});

const origin = ({ caller, requestId }: CallerContext) => ({ caller, correlationId: requestId });

type Wanted = Parameters<typeof lifecycle.createInstance>[2];

export async function createInstance(context: CallerContext, wanted: Wanted) {
  if (wanted.eventQueue) assertEventQueue(context.deps.config, context.caller, wanted.eventQueue, null);
  return await lifecycle.createInstance(context.deps, origin(context), wanted);
}

export async function updateInstance(context: InstanceContext, wanted: settings.InstanceSettings) {
  const { deps, caller, instance } = context;
  if (wanted.eventQueue) assertEventQueue(deps.config, caller, wanted.eventQueue, instance.eventQueue);
  return await settings.updateInstance(deps, instance, wanted);
}

export const listInstances = async (context: CallerContext): Promise<InstanceView[]> =>
  (await store.listInstances(context.deps.db, context.caller.userId)).map((instance) => view(context, instance));

export type InstanceDetails = InstanceView & { sink: SinkState | null };

export async function getInstance(context: InstanceContext): Promise<InstanceDetails> {
  const { deps, instance } = context;
  return { ...view(context, instance), sink: await readSink(deps.db, instance.id) };
}

export const getQr = async (context: InstanceContext) =>
  scannableQr(context.deps, context.instance, context.deps.clock.now());

export const getActivity = (context: InstanceContext, page: PageRequest & { actions?: string[] | undefined }) =>
  readActivity(context.deps.db, context.instance.id, page);

export const restartInstance = async (context: InstanceContext) =>
  settle(context, await lifecycle.restartInstance(context.deps, origin(context), context.instance));

export const enableInstance = async (context: InstanceContext) =>
  settle(context, await lifecycle.enableInstance(context.deps, origin(context), context.instance));

export const disableInstance = async (context: InstanceContext) =>
  settle(context, await lifecycle.disableInstance(context.deps, origin(context), context.instance));

export const rotateWebhookSecret = (
  context: InstanceContext,
  input: { secret: string | undefined; overlapSeconds: number },
) => settings.rotateWebhookSecret(context.deps, context.instance, input);

export const logoutInstance = async (context: InstanceContext) =>
  settle(context, await lifecycle.logoutInstance(context.deps, origin(context), context.instance));

export const deleteInstance = async (context: InstanceContext) =>
  settle(context, await lifecycle.deleteInstance(context.deps, origin(context), context.instance));
