import * as z from "zod";
import type { SinkState } from "../../../../core/event-sink/index.ts";
import type { Instance } from "../../../../core/instance/index.ts";
import {
  accountSettings,
  showAccountSettings,
  shownAccountSettings,
} from "../../../../core/instance/setting/account.ts";
import {
  instanceDescription,
  instanceName,
  webhookSecret,
  webhookSettings,
  webhookUrl,
} from "../../../../core/instance/setting/webhook.ts";
import { type InstanceSettings, webhookHeaders } from "../../../../core/instance-management/settings.ts";
import { defined } from "../../../../core/object.ts";
import { shownRestrictions } from "../../../../core/restriction/index.ts";
import { isoDate } from "../../shape/common.ts";
import { connectionStatusShape, instanceEventQueue, instanceStatus } from "../../shape/instance.ts";

/** Makes a field optional, and accepts null or an empty string for "none". Forms send an empty string. */
const clearable = <Schema extends z.ZodType>(schema: Schema) => z.union([schema, z.literal(""), z.null()]).optional();

/** Webhook settings can be at the top level or under `webhookSettings`, which takes precedence. */
const settings = webhookSettings.extend({
  description: instanceDescription.nullish(),
  webhookUrl: clearable(webhookUrl),
  webhookEnabled: z.boolean().optional(),
  webhookSecret: clearable(webhookSecret),
  /** Headers to add to each webhook. Replaces all earlier ones. */
  webhookHeaders: webhookHeaders.optional(),
  eventQueue: instanceEventQueue,
  ...accountSettings.shape,
  webhookSettings: webhookSettings
    .extend({ secret: clearable(webhookSecret), headers: webhookHeaders.optional() })
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
    ...defined(nestedFlags),
    description: description === null ? "" : description,
    webhookUrl: url === "" ? null : url,
    webhookSecret: secret === "" ? null : secret,
    webhookHeaders: headers,
    eventQueue: eventQueue === "" ? null : eventQueue,
  };
}

const instanceShape = z.object({
  id: z.string(),
  name: z.string(),
  description: z.string(),
  status: instanceStatus,
  webhookUrl: z.string().nullable(),
  webhookEnabled: z.boolean(),
  eventQueue: z.string().nullable(),
  ...shownAccountSettings.shape,
  /** Whether the session of the instance is meant to run. The endpoints `enable` and `disable` change this value. */
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
  ...showAccountSettings(instance),
  enabled: instance.desired === "running",
  createdAt: instance.createdAt.toISOString(),
  updatedAt: instance.updatedAt.toISOString(),
});

export const createdShape = instanceShape.extend({ userId: z.string() });
export const updatedShape = instanceShape.omit({ status: true, createdAt: true });
export const listedShape = instanceShape.extend({
  connectionStatus: connectionStatusShape,
  restrictions: shownRestrictions,
  /** Since when the sends are paused; null while they are not. */
  sendsPausedAt: isoDate.nullable(),
});

export const detailedShape = listedShape.extend({
  webhookSettings: z.object({
    notifyReceived: z.boolean(),
    notifySent: z.boolean(),
    notifyDelivery: z.boolean(),
    notifyRead: z.boolean(),
    maxRetries: z.int(),
    retryInterval: z.int(),
    /** Only the names: the values can be credentials. */
    headerNames: z.array(z.string()),
    /** Whether webhooks are signed. */
    hasSecret: z.boolean(),
    /** Until when webhooks are also signed with the previous secret. */
    previousSecretValidUntil: isoDate.nullable(),
  }),
  /** The delivery of events to the queue of the instance or its user; null without a queue. */
  eventDelivery: z
    .object({
      queue: z.string(),
      /** Events that are not delivered yet. */
      waiting: z.int(),
      /** When the first of the latest consecutive failures happened; null if the last delivery succeeded. */
      failingSince: isoDate.nullable(),
      /** The last error from SQS; null if the last delivery succeeded. */
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
