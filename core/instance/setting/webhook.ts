import * as z from "zod";
import { destination } from "../../message/recipient.ts";
import { singleLine } from "../../text.ts";

export const instanceName = singleLine.trim().min(1).max(200);
export const instanceDescription = z
  .string()
  .max(2000)
  .refine((text) => !text.includes("\u0000"), "must not contain NUL characters");

/**
 * The URL of a webhook endpoint. This schema checks only the form. Each delivery checks whether the host is allowed, by
 * the address that the socket connects to.
 */
export const webhookUrl = z
  .url({ protocol: /^https?$/, error: "must be an http or https URL" })
  .max(2048)
  .regex(/^[^\s\p{Cc}]*$/u, "must not contain spaces or control characters")
  .refine((text) => {
    const url = URL.parse(text);
    return !url?.username && !url?.password;
  }, "must not contain a user name or a password, because responses and logs show the URL");

/** Which events are sent to the webhook of an instance, and how they are retried. */
export const webhookSettings = z.object({
  notifyReceived: z.boolean().optional(),
  notifySent: z.boolean().optional(),
  notifyDelivery: z.boolean().optional(),
  notifyRead: z.boolean().optional(),
  /** Maximum number of attempts after the first. */
  maxRetries: z.int().min(0).max(50).optional(),
  /** The pause before the first retry, in milliseconds: a second to a day. */
  retryInterval: z.int().min(1000).max(86_400_000).optional(),
});

export const webhookSecret = z.string().min(1).max(512);

const chatIds = z
  .array(z.union([z.literal("status@broadcast"), destination]))
  .min(1)
  .max(1_000);

/** Which events of the chosen types an endpoint gets. */
export const webhookFilters = z.strictObject({
  groups: z.boolean().optional().meta({ description: "False: no events of groups" }),
  statuses: z.boolean().optional().meta({ description: "False: no events of status posts" }),
  channels: z.boolean().optional().meta({ description: "False: no events of channels" }),
  ownMessages: z.boolean().optional().meta({
    description: "False: no messages of the account itself, nor its own edits, deletions, reactions and responses",
  }),
  chats: z
    .union([
      z.strictObject({ allow: chatIds }).meta({ description: "Only events of these chats" }),
      z.strictObject({ deny: chatIds }).meta({ description: "No events of these chats" }),
    ])
    .nullish()
    .meta({ description: "Phone numbers or JIDs. Null: events of all chats" }),
});
