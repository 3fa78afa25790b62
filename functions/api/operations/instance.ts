import { readActivity } from "../../../core/activity/index.ts";
import { waitForResult } from "../../../core/command/result.ts";
import { AppError } from "../../../core/error.ts";
import { assertEventQueue } from "../../../core/event-sink/allowed.ts";
import { readSink, type SinkState } from "../../../core/event-sink/index.ts";
import { type ConnectionStatus, connectionStatus, type Instance, scannableQr } from "../../../core/instance/index.ts";
import { assertNoPairingPause } from "../../../core/instance/pairing-pause.ts";
import { openPasskeyRequest } from "../../../core/instance/passkey.ts";
import { assertProxy } from "../../../core/instance/setting/account.ts";
import * as store from "../../../core/instance/store.ts";
import { readEffectiveSettings } from "../../../core/instance-management/effective-settings.ts";
import * as imports from "../../../core/instance-management/import.ts";
import * as lifecycle from "../../../core/instance-management/lifecycle.ts";
import * as settings from "../../../core/instance-management/settings.ts";
import { changeSettings } from "../../../core/instance-management/update.ts";
import type { PageRequest } from "../../../core/page.ts";
import { showRestrictions } from "../../../core/restriction/index.ts";
import { defaultRetention } from "../../../core/retention/index.ts";
import { readSession, type SessionSource } from "../../../core/session/import/index.ts";
import type { CallerContext, InstanceContext } from "../engine/context.ts";
import { waitForCommand } from "../engine/run-command.ts";

export type InstanceView = Instance & {
  connectionStatus: ConnectionStatus;
  shownRestrictions: ReturnType<typeof showRestrictions>;
};

const view = (context: CallerContext, instance: Instance): InstanceView => ({
  ...instance,
  connectionStatus: connectionStatus(instance, context.deps.clock.now()),
  shownRestrictions: showRestrictions(instance.restrictions, context.deps.clock.now()),
});

const origin = ({ caller, requestId }: CallerContext) => ({ caller, correlationId: requestId });

type NewInstance = Parameters<typeof lifecycle.createInstance>[2];

export async function createInstance(context: CallerContext, fields: NewInstance) {
  assertSettings(context, fields);
  return await lifecycle.createInstance(context.deps, origin(context), fields);
}

/** Creates an instance that continues a session of another program. */
export async function importInstance(
  context: CallerContext,
  { fields, source }: { fields: NewInstance; source: SessionSource },
) {
  assertSettings(context, fields);
  return await imports.createWithSession(context.deps, origin(context), fields, readSession(source));
}

export async function importSession(context: InstanceContext, source: SessionSource): Promise<void> {
  await imports.importIntoInstance(context.deps, origin(context), context.instance, readSession(source));
}

function assertSettings(context: CallerContext, fields: NewInstance): void {
  if (fields.eventQueue) assertEventQueue(context.deps.config, context.caller, fields.eventQueue, null);
  if (fields.proxy) assertProxy(context.deps.config, fields.proxy);
}

export async function updateInstance(context: InstanceContext, changes: settings.InstanceSettings) {
  const { deps, caller, instance } = context;
  const updated = await changeSettings(deps, caller, instance, changes);
  if (needsRestart(instance, updated)) await requestRestart(context, updated);
  else if (updated.settingsAt?.getTime() !== instance.settingsAt?.getTime()) await applySettings(context, updated);
  return updated;
}

/** Whether the running session has to connect again, so that changed settings take effect. */
function needsRestart(before: Instance, after: Instance): boolean {
  if (after.desired !== "running") return false;
  return (
    before.presence !== after.presence ||
    before.proxy !== after.proxy ||
    before.proxyPassword?.toString("hex") !== after.proxyPassword?.toString("hex") ||
    (after.linkedAt === null && before.deviceName !== after.deviceName)
  );
}

/** How long an update waits until the running session uses the new settings. Milliseconds. */
const applyMs = 3_000;

/**
 * Makes the running session use the settings, and waits shortly for it. If that fails, the session reads the settings
 * within seconds anyway.
 */
async function applySettings(context: InstanceContext, instance: Instance): Promise<void> {
  if (instance.desired !== "running") return;
  try {
    const { commandId } = await lifecycle.applySettings(context.deps, origin(context), instance);
    if (instance.status === "connected") await waitForResult(context.deps, commandId, applyMs);
  } catch (error) {
    context.deps.log.warn({ err: error, instanceId: instance.id }, "changed settings could not be announced");
  }
}

/** Requests a restart without waiting for it. Throws `unavailable`. */
async function requestRestart(context: InstanceContext, instance: Instance): Promise<void> {
  try {
    await lifecycle.restartInstance(context.deps, origin(context), instance);
  } catch (error) {
    const details = "the settings are stored, but the session could not be restarted: reconnect the instance";
    throw new AppError("unavailable", details, { cause: error });
  }
}

/** Like `updateInstance`, but returns the instance with its connection status. */
export const changeInstance = async (context: InstanceContext, changes: settings.InstanceSettings) =>
  view(context, await updateInstance(context, changes));

/** Lists the caller's instances that have all the given pairs in their metadata. */
export const listInstances = async (
  context: CallerContext,
  { metadata = [] }: { metadata?: readonly (readonly [key: string, value: string])[] | undefined },
): Promise<InstanceView[]> =>
  (await store.listInstances(context.deps.db, context.caller))
    .filter((instance) => metadata.every(([key, value]) => instance.metadata?.[key] === value))
    .map((instance) => view(context, instance));

export const readSettings = ({ deps: { db, config }, instance }: InstanceContext) =>
  readEffectiveSettings({ db, retention: defaultRetention(config) }, instance);

export type InstanceDetails = InstanceView & { sink: SinkState | null };

export async function getInstance(context: InstanceContext): Promise<InstanceDetails> {
  const { deps, instance } = context;
  return { ...view(context, instance), sink: await readSink(deps.db, instance.id) };
}

export const getQr = async (context: InstanceContext) =>
  scannableQr(context.deps, context.instance, context.deps.clock.now());

export const getActivity = (context: InstanceContext, page: PageRequest & { actions?: string[] | undefined }) =>
  readActivity(context.deps.db, context.instance.id, page);

export const getPasskeyRequest = async (context: InstanceContext) =>
  openPasskeyRequest(context.deps, context.instance, context.deps.clock.now());

/** Throws `rate_limited`, with the time to wait, while WhatsApp's refusal pauses requests for a pairing code. */
export async function assertPairingAllowed({ instance, deps }: InstanceContext): Promise<void> {
  assertNoPairingPause(instance.pairingCodesBlockedUntil, deps.clock.now());
}

export const restartInstance = async (context: InstanceContext) =>
  waitForCommand(context, await lifecycle.restartInstance(context.deps, origin(context), context.instance));

export const enableInstance = async (context: InstanceContext) =>
  waitForCommand(context, await lifecycle.enableInstance(context.deps, origin(context), context.instance));

export const disableInstance = async (context: InstanceContext) =>
  waitForCommand(context, await lifecycle.disableInstance(context.deps, origin(context), context.instance));

export const rotateWebhookSecret = (
  context: InstanceContext,
  input: { secret: string | undefined; overlapSeconds: number },
) => settings.rotateWebhookSecret(context.deps, context.instance, input);

export const logoutInstance = async (context: InstanceContext) =>
  waitForCommand(context, await lifecycle.logoutInstance(context.deps, origin(context), context.instance));

export const deleteInstance = async (context: InstanceContext) =>
  waitForCommand(context, await lifecycle.deleteInstance(context.deps, origin(context), context.instance));
