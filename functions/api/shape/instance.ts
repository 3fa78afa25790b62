import * as z from "zod";
import { eventQueueText } from "../../../core/event-sink/allowed.ts";
import { instanceStatuses } from "../../../core/instance/instance.sql.ts";
import { toJid } from "../../../core/message/recipient.ts";
import { isoDate } from "./common.ts";

export const instanceStatus = z.enum(instanceStatuses);
export const connectionStatusShape = z.object({
  ready: z.boolean(),
  status: instanceStatus,
  hasQr: z.boolean(),
  /** Why the instance is not connected. */
  reason: z.string().nullable(),
  /** What has happened and what to do, in English. */
  details: z.string().nullable(),
  /** When the reason ends, for example a temporary ban. Null if it has no known end. */
  until: isoDate.nullable(),
});

/** Null or an empty string means "none". Forms send an empty string. */
export const eventQueueSetting = z.union([eventQueueText, z.literal(""), z.null()]).optional();

/** The `eventQueue` of an instance. */
export const instanceEventQueue = eventQueueSetting.meta({
  description:
    "SQS FIFO queue that gets all events of the instance, in addition to webhooks: its name, which starts with QUEUE_PREFIX-events-, or a URL from the setting EVENT_QUEUES. Empty or null: the queue of the user, if any",
});

const metadataPair = z
  .string()
  .max(541)
  .transform((text, context): [key: string, value: string] => {
    const [, key, value] = /^([^:]{1,40}):(.*)$/s.exec(text) ?? [];
    if (key !== undefined && value !== undefined) return [key, value];
    context.addIssue({ code: "custom", message: "must be a key and a value, such as tenant:acme" });
    return z.NEVER;
  });

/** Selects instances by their metadata. */
export const metadataFilter = z.object({
  metadata: metadataPair
    .transform((pair) => [pair])
    .optional()
    .meta({ description: "Only instances whose metadata has this pair, such as tenant:acme" }),
});

/** A phone number in any common notation, parsed to its digits. */
export const phoneNumber = z
  .string()
  .max(64)
  .transform((text, context) => {
    const digits = /^(\d+)@s\.whatsapp\.net$/.exec(toJid(text) ?? "")?.[1];
    if (digits) return digits;
    context.addIssue({ code: "custom", message: "must be an international phone number" });
    return z.NEVER;
  });
