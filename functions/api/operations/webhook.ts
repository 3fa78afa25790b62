import { type Dialect, dialects } from "../../../core/instance/instance.sql.ts";
import * as webhooks from "../../../core/instance-management/webhooks.ts";
import { selectedTypes } from "../../../core/webhook/body/selection.ts";
import { sendTestDelivery } from "../../../core/webhook/delivery/test-delivery.ts";
import * as log from "../../../core/webhook/log/index.ts";
import { readStats } from "../../../core/webhook/log/stats.ts";
import type { CallerContext, InstanceContext } from "../engine/context.ts";
import type { GivenSettings } from "../shape/webhook.ts";

/** A request about the endpoints of an instance, or about the default endpoints of the caller. */
type Context = CallerContext & Partial<Pick<InstanceContext, "instance">>;

const scopeOf = ({ caller, instance }: Context): webhooks.WebhookScope => ({
  userId: caller.userId,
  instance: instance ?? null,
});

/** Turns event names into types. Throws `invalid_request` for a name that has no webhook. */
function resolved<Given extends GivenSettings>({ instance }: Context, settings: Given): Given {
  const { events } = settings;
  if (!events) return settings;
  return { ...settings, events: selectedTypes(instance ? [instance.dialect] : dialects, events) };
}

/** An endpoint, and the dialect that names its events. A default endpoint of a user has none. */
export type WebhookView = webhooks.WebhookEndpoint & { dialect: Dialect | null };

const view = ({ instance }: Context, endpoint: webhooks.WebhookEndpoint): WebhookView => ({
  ...endpoint,
  dialect: instance?.dialect ?? null,
});

export const listWebhooks = async (context: Context): Promise<WebhookView[]> =>
  (await webhooks.listWebhooks(context.deps.db, scopeOf(context))).map((one) => view(context, one));

export const getWebhook = async (context: Context, id: string): Promise<WebhookView> =>
  view(context, await webhooks.findWebhook(context.deps.db, scopeOf(context), id));

export const createWebhook = async (context: Context, settings: GivenSettings & { url: string }) =>
  view(context, await webhooks.createWebhook(context.deps, scopeOf(context), resolved(context, settings)));

export const updateWebhook = async (context: Context, { id, settings }: { id: string; settings: GivenSettings }) =>
  view(context, await webhooks.updateWebhook(context.deps, scopeOf(context), id, resolved(context, settings)));

export const deleteWebhook = (context: Context, id: string) =>
  webhooks.deleteWebhook(context.deps, scopeOf(context), id);

export const rotateSecret = (
  context: Context,
  { id, ...options }: { id: string; secret: string | undefined; overlapSeconds: number },
) => webhooks.rotateSecret(context.deps, scopeOf(context), id, options);

/** Returns an endpoint of the instance with the state of its deliveries. */
async function keyOf(context: InstanceContext, id: string) {
  const { url, enabled } = await getWebhook(context, id);
  return { instanceId: context.instance.id, endpointId: id, url, enabled };
}

export const testWebhook = async (context: InstanceContext, id: string) =>
  sendTestDelivery(context.deps, await keyOf(context, id), context.requestId);

export const getStatus = async (context: InstanceContext, id: string) =>
  log.readStatus(context.deps.db, await keyOf(context, id));

export async function getStats(context: InstanceContext, id: string) {
  const { instanceId, endpointId } = await keyOf(context, id);
  return readStats(context.deps.db, [instanceId], endpointId);
}
