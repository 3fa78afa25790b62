import * as z from "zod";
import { AppError } from "../../../error.ts";
import { findForwardable } from "../../../message/forward.ts";
import { messageId } from "../../../message/id.ts";
import { destination, recipient } from "../../../message/recipient.ts";
import { appStateErrors } from "../app-state-errors.ts";
import { defineCommand } from "../define.ts";
import { checkContext, contextFields, line, previewFields, sent, webUrl } from "./fields.ts";

const errors = ["recipient_not_on_whatsapp", "message_not_found", "whatsapp_error"] as const;

export const sendLocation = defineCommand({
  name: "message.sendLocation",
  kind: "send",
  summary: "Send a location",
  input: z.object({
    to: recipient,
    /** Degrees (WGS 84). */
    latitude: z.number().min(-90).max(90),
    longitude: z.number().min(-180).max(180),
    name: line(255).optional(),
    address: line(1024).optional(),
    ...contextFields,
  }),
  output: sent,
  errors,
  precheck: checkContext,
  preview: ({ to, name: body = "" }) => ({ to, type: "location", protoType: "locationMessage", body }),
});

/**
 * Throws `not_supported`. Phones share a live location. Linked devices have no request for its updates
 * (github.com/WhiskeySockets/Baileys/issues/1026), and one without updates shows as ended
 * (github.com/adiwajshing/Baileys/issues/2172).
 */
export async function refuseLiveLocation(): Promise<never> {
  throw new AppError(
    "not_supported",
    "WhatsApp lets only phones share a live location; linked devices can't start, update or stop one. Send a location instead",
  );
}

export const sendLiveLocation = defineCommand({
  name: "message.sendLiveLocation",
  kind: "send",
  summary: "Not supported: WhatsApp lets only phones share a live location",
  input: sendLocation.input.pick({ to: true, latitude: true, longitude: true }).extend({
    /** How long the location is shared, in seconds. */
    duration: z.int().min(60).max(28_800).optional(),
  }),
  output: sent,
  errors: ["not_supported"],
  precheck: refuseLiveLocation,
  preview: ({ to }) => ({ to, type: "location", protoType: "liveLocationMessage", body: "" }),
});

/** Characters. A card may contain a picture. The pictures in cards from WhatsApp's apps have a few kilobytes. */
const maxCard = 65_536;
const maxCards = 100;

export const sendContact = defineCommand({
  name: "message.sendContact",
  kind: "send",
  summary: "Send one or more contact cards",
  input: z.object({
    to: recipient,
    contacts: z
      .array(
        z.object({
          displayName: line(255),
          /**
           * RFC 2426 or RFC 6350. With `waid=<digits>` on a TEL line, the recipient's phone offers to message the
           * contact.
           */
          vcard: z
            .string()
            .max(maxCard)
            .regex(/^\s*BEGIN:VCARD\r?\n[\s\S]*\nEND:VCARD\s*$/i, "must be a vCard, from BEGIN:VCARD to END:VCARD"),
        }),
      )
      .min(1)
      .max(maxCards),
    ...contextFields,
  }),
  output: sent,
  errors,
  precheck: checkContext,
  preview: ({ to, contacts: [first, ...others] }) =>
    others.length > 0
      ? { to, type: "contact", protoType: "contactsArrayMessage", body: "" }
      : { to, type: "contact", protoType: "contactMessage", body: first?.displayName ?? "" },
});

/** The limits of WhatsApp's apps. Lengths in characters. */
const pollBounds = { question: 255, option: 100, options: [2, 12] } as const;

export const sendPoll = defineCommand({
  name: "message.sendPoll",
  kind: "send",
  summary: "Send a poll",
  input: z
    .object({
      to: recipient,
      question: line(pollBounds.question),
      options: z
        .array(line(pollBounds.option))
        .min(pollBounds.options[0])
        .max(pollBounds.options[1])
        .refine((options) => new Set(options).size === options.length, "must be different from each other"),
      /** How many options a voter may choose; 0 means any number. */
      selectableCount: z.int().min(0).default(1),
      ...contextFields,
    })
    .refine((input) => input.selectableCount <= input.options.length, {
      path: ["selectableCount"],
      message: "must not exceed the number of options",
    }),
  output: sent,
  errors,
  precheck: checkContext,
  preview: ({ to, question: body, selectableCount }) => {
    const protoType = selectableCount === 1 ? "pollCreationMessageV3" : "pollCreationMessage";
    return { to, type: "poll", protoType, body };
  },
});

export const sendLink = defineCommand({
  name: "message.sendLink",
  kind: "send",
  summary:
    "Send a link with a preview of its page. If the title is absent, the gateway fetches the page to get its title",
  input: z.object({
    to: recipient,
    url: webUrl,
    ...previewFields,
    ...contextFields,
  }),
  output: sent,
  errors: [...errors, "url_not_allowed", "media_not_usable", "payload_too_large"],
  precheck: checkContext,
  preview: ({ to, url: body }) => ({ to, type: "text", protoType: "extendedTextMessage", body }),
});

export const forward = defineCommand({
  name: "message.forward",
  kind: "send",
  summary: "Forward the text or the file of a message",
  input: z.object({
    to: destination,
    messageId,
    /** The chat of that message. Required if messages in several chats have its id. */
    chat: destination.optional(),
    ...contextFields,
  }),
  output: sent,
  errors: [...errors, "conflict", "media_not_ready", "media_lost", "media_not_usable", "not_supported"],
  precheck: async (context, input) => {
    await checkContext(context, input);
    return await findForwardable(context.db, context.instanceId, input);
  },
  preview: ({ to }, { type, protoType, body }) => ({ to, type, protoType, body }),
});

export const star = defineCommand({
  name: "message.star",
  kind: "mutate",
  summary: "Star or unstar a message on all devices of the account",
  input: z.object({ messageId, chat: recipient.optional(), star: z.boolean() }),
  output: z.object({}),
  errors: ["message_not_found", ...appStateErrors],
  repeatable: true,
});
