import * as z from "zod";
import type { Dialect } from "../../../core/instance/instance.sql.ts";
import {
  instanceDescription,
  webhookFilters,
  webhookSecret,
  webhookSettings,
  webhookUrl,
} from "../../../core/instance/setting/webhook.ts";
import { webhookHeaders } from "../../../core/instance-management/settings.ts";
import type { WebhookEndpoint, WebhookSettings } from "../../../core/instance-management/webhooks.ts";
import { defined } from "../../../core/object.ts";
import { namesOf } from "../../../core/webhook/body/selection.ts";
import { isoDate } from "./common.ts";
import { eventFilter } from "./delivery.ts";

/** The body that creates an endpoint. */
export const newWebhook = webhookSettings.pick({ maxRetries: true, retryInterval: true }).extend({
  name: z.string().max(200).optional(),
  description: instanceDescription.optional(),
  url: webhookUrl,
  enabled: z.boolean().optional(),
  secret: z
    .union([webhookSecret, z.literal(""), z.null()])
    .optional()
    .meta({ description: "Signs the webhooks of this endpoint. Empty or null: webhooks are not signed" }),
  headers: webhookHeaders.optional().meta({ description: "Headers to add to each webhook. Replaces all earlier ones" }),
  events: z.array(eventFilter).min(1).max(100).nullish().meta({
    description:
      "The events to send, by their names in either API or by their types. Null: the default events. An unknown name is rejected with the list of names",
  }),
  filters: webhookFilters.optional().meta({ description: "Replaces all earlier filters" }),
  timeoutSeconds: z.int().min(1).max(60).optional().meta({ description: "Time limit of an attempt; default 15" }),
});

/** The body that changes an endpoint. */
export const changedWebhook = newWebhook.partial();

type Settings = z.output<typeof changedWebhook>;

/** The settings of a request. The operation turns the names in `events` into types, because they depend on the instance. */
export type GivenSettings = Omit<WebhookSettings, "events"> & { events?: string[] | null | undefined };

/** Maps the settings in a body. */
export function toWebhookSettings({ secret, filters: given, timeoutSeconds, ...plain }: Settings): GivenSettings {
  const { chats, ...flags } = given ?? {};
  return {
    ...plain,
    secret: secret === "" ? null : secret,
    filters: given && defined({ ...flags, chats: chats ?? undefined }),
    timeoutMs: timeoutSeconds === undefined ? undefined : timeoutSeconds * 1000,
  };
}

export const webhookShape = z.object({
  /** The first endpoint of an instance has the id of the instance. */
  id: z.string(),
  name: z.string(),
  description: z.string(),
  url: z.string(),
  enabled: z.boolean(),
  /** Names of events; null: the default events. */
  events: z.array(z.string()).nullable(),
  filters: z.object({
    groups: z.boolean(),
    statuses: z.boolean(),
    channels: z.boolean(),
    ownMessages: z.boolean(),
    chats: z.object({ allow: z.array(z.string()).optional(), deny: z.array(z.string()).optional() }).nullable(),
  }),
  timeoutSeconds: z.int(),
  maxRetries: z.int(),
  /** The pause before the first retry, in milliseconds. */
  retryInterval: z.int(),
  /** Only the names: the values can be credentials. */
  headerNames: z.array(z.string()),
  /** Whether webhooks are signed. */
  hasSecret: z.boolean(),
  /** Until when webhooks are also signed with the previous secret. */
  previousSecretValidUntil: isoDate.nullable(),
  /** Whether the webhook settings of the instance, such as `webhookUrl`, are those of this endpoint. */
  isFirst: z.boolean(),
  /** The default endpoint of the user that the instance has, because it has no own endpoints; otherwise null. */
  defaultId: z.string().nullable(),
  createdAt: isoDate,
  updatedAt: isoDate,
});

/** Returns an endpoint for a response. Its events are named in its dialect, or are event types if that is null. */
export const toWebhook = ({
  dialect,
  ...one
}: WebhookEndpoint & { dialect: Dialect | null }): z.input<typeof webhookShape> => ({
  id: one.id,
  name: one.name,
  description: one.description,
  url: one.url,
  enabled: one.enabled,
  events: one.events && (dialect ? namesOf(dialect, one.events) : one.events),
  filters: { groups: true, statuses: true, channels: true, ownMessages: true, chats: null, ...one.filters },
  timeoutSeconds: one.timeoutMs / 1000,
  maxRetries: one.maxRetries,
  retryInterval: one.retryInterval,
  headerNames: Object.keys(one.headers).sort(),
  hasSecret: one.hasSecret,
  previousSecretValidUntil: one.previousSecretUntil?.toISOString() ?? null,
  isFirst: one.isFirst,
  defaultId: one.defaultId,
  createdAt: one.createdAt.toISOString(),
  updatedAt: one.updatedAt.toISOString(),
});

/** An endpoint id as a filter. */
export const endpointFilter = z.string().min(1).max(128).optional().meta({ description: "Only this webhook endpoint" });
