import * as z from "zod";
import type { SinkState } from "../../../../core/event-sink/index.ts";
import type { Instance } from "../../../../core/instance/index.ts";
import {
  type InstanceSettings,
  instanceDescription,
  instanceName,
  webhookHeaders,
  webhookSecret,
  webhookSettings,
  webhookUrl,
} from "../../../../core/instance-management/settings.ts";
import { connectionStatusShape, eventQueueSetting, instanceStatus, isoDate } from "../../shape/common.ts";

/** An empty text stands for "none", as forms send it. */
const orNone = <Schema extends z.ZodType>(schema: Schema) => z.union([schema, z.literal(""), z.null()]).optional();

export const eventQueueDescription =
  "FIFO queue of SQS that gets all events of the instance, besides webhooks: its name, which begins with QUEUE_PREFIX-events-, or its URL, where the server allows it. Empty or null: the queue of the user, if there is one";

/** Webhook settings may stand flat or under `webhookSettings`; where both do, the nested one counts. */
const settings = webhookSettings.extend({
  description: instanceDescription.nullish(),
  webhookUrl: orNone(webhookUrl),
  webhookEnabled: z.boolean().optional(),
  webhookSecret: orNone(webhookSecret),
  /** Headers that go with each webhook; all of them are replaced. */
  webhookHeaders: webhookHeaders.optional(),
  eventQueue: eventQueueSetting.meta({ description: eventQueueDescription }),
  webhookSettings: webhookSettings
    .extend({ secret: orNone(webhookSecret), headers: webhookHeaders.optional() })
    .optional(),
});

export const createBody = settings.extend({ name: instanceName });
export const updateBody = settings.extend({ name: instanceName.optional() });

export function toSettings(body: z.output<typeof updateBody>): InstanceSettings {
  const {
    webhookSettings: nested = {},
    description,
    webhookUrl: url,
    webhookSecret: flatSecret,
    eventQueue,
    ...flat
  } = body;
  const { secret = flatSecret, headers = flat.webhookHeaders, ...nestedFlags } = nested;
  return {
    ...flat,
    ...Object.fromEntries(Object.entries(nestedFlags).filter(([, value]) => value !== undefined)),
    description: description === null ? "" : description,
    webhookUrl: url === "" ? null : url,
    webhookSecret: secret === "" ? null : secret,
    webhookHeaders: headers,
    eventQueue: eventQueue === "" ? null : eventQueue,
  };
}

export const instanceShape = z.object({
  id: z.string(),
  name: z.string(),
  description: z.string(),
  status: instanceStatus,
  webhookUrl: z.string().nullable(),
  webhookEnabled: z.boolean(),
  eventQueue: z.string().nullable(),
  /** Whether its session is to run; see enable and disable. */
  enabled: z.boolean(),
  createdAt: isoDate,
  updatedAt: isoDate,
});

export const toInstance = (instance: Instance): z.input<typeof instanceShape> => ({
  id: instance.id,
  name: instance.name,
  description: instance.description,
  status: instance.status,
  webhookUrl: instance.webhookUrl,
  webhookEnabled: instance.webhookEnabled,
  eventQueue: instance.eventQueue,
  enabled: instance.desired === "running",
  createdAt: instance.createdAt.toISOString(),
  updatedAt: instance.updatedAt.toISOString(),
});

export const createdShape = instanceShape.extend({ userId: z.string() });
export const updatedShape = instanceShape.omit({ status: true, createdAt: true });
export const listedShape = instanceShape.extend({ connectionStatus: connectionStatusShape });

export const detailedShape = listedShape.extend({
  webhookSettings: z.object({
    notifyReceived: z.boolean(),
    notifySent: z.boolean(),
    notifyDelivery: z.boolean(),
    notifyRead: z.boolean(),
    maxRetries: z.int(),
    retryInterval: z.int(),
    /** Their values may be keys to somebody's door, so only the names are shown. */
    headerNames: z.array(z.string()),
    /** Whether webhooks are signed. */
    hasSecret: z.boolean(),
    /** Until when they are signed with the secret before, too. */
    previousSecretValidUntil: isoDate.nullable(),
  }),
  /** How its events get to the queue of the instance or its user; null when there is none. */
  eventDelivery: z
    .object({
      queue: z.string(),
      /** Events that it has not got yet. */
      waiting: z.int(),
      /** Since when it has taken nothing; null when it took the last. */
      failingSince: isoDate.nullable(),
      /** What SQS said last; null when it took the last. */
      error: z.string().nullable(),
    })
    .nullable(),
});

export const toEventDelivery = (sink: SinkState | null): z.input<typeof detailedShape>["eventDelivery"] =>
  sink && { ...sink, failingSince: sink.failingSince?.toISOString() ?? null };

export const toWebhookSettings = (instance: Instance): z.input<typeof detailedShape>["webhookSettings"] => ({
  notifyReceived: instance.notifyReceived,
  notifySent: instance.notifySent,
  notifyDelivery: instance.notifyDelivery,
  notifyRead: instance.notifyRead,
  maxRetries: instance.maxRetries,
  retryInterval: instance.retryInterval,
  headerNames: Object.keys(instance.webhookHeaders).sort(),
  hasSecret: instance.webhookSecret !== null,
  previousSecretValidUntil: instance.webhookPreviousSecretUntil?.toISOString() ?? null,
});
