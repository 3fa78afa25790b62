import * as z from "zod";
import { protobufOf } from "../../message/content/index.ts";
import { defined } from "../../object.ts";
import type { WebhookEvent } from "./event.ts";
import { contextInfoOf } from "./gateway-context.ts";

/**
 * A text message has the field `conversation`, whether WhatsApp sends it as `conversation` or as `extendedTextMessage`.
 * A text with the preview of a link, or with a context such as a quote, has `extendedTextMessage` too. Any other message
 * has one field, named as in WhatsApp's protobuf: `imageMessage`, `locationMessage`, … Besides the fields here, it has
 * the fields that a client of Baileys looks for, such as `degreesLatitude`.
 */
export const gatewayMessage = z.union([
  z.looseObject({ conversation: z.string() }),
  z.record(
    z.string(),
    z.looseObject({
      caption: z.string().optional(),
      mimetype: z.string().optional(),
      fileName: z.string().optional(),
      fileLength: z.number().optional(),
      /** For a poll, whose question is the caption: the options, and how many may be chosen (0 means any number). */
      options: z.array(z.string()).optional(),
      selectableCount: z.number().int().optional(),
      /** For a calendar event, whose name is the caption. Times are ISO 8601. */
      description: z.string().optional(),
      location: z.string().optional(),
      startTime: z.string().optional(),
      endTime: z.string().optional(),
      isCanceled: z.boolean().optional(),
      extraGuestsAllowed: z.boolean().optional(),
    }),
  ),
]);

/** The data of an event with a message. */
export type MessageData = Extract<
  WebhookEvent,
  { type: "message.received" | "message.sent" | "status.received" }
>["data"];

/** Returns the field `message` of a webhook body. */
export function gatewayMessageOf(data: MessageData): z.output<typeof gatewayMessage> {
  const { content } = data;
  const contextInfo = contextInfoOf(data);
  const protobuf = { ...(content && protobufOf(content)), ...(contextInfo && { contextInfo }) };
  if (data.type === "text") {
    const hasPreview = content?.kind === "text" && content.linkPreview !== null;
    const extended = { text: data.body, ...protobuf };
    return { conversation: data.body, ...((hasPreview || contextInfo) && { extendedTextMessage: extended }) };
  }
  const { mimetype, filename, size } = data.media ?? {};
  return {
    [data.protoType]: {
      ...protobuf,
      ...defined({
        caption: data.body || undefined,
        mimetype: mimetype || undefined,
        fileName: filename || undefined,
        fileLength: size ?? undefined,
      }),
      ...data.poll,
      ...(data.event && eventContent(data.event)),
    },
  };
}

function eventContent(event: NonNullable<MessageData["event"]>) {
  const { description, location, startTime, endTime, canceled, extraGuestsAllowed } = event;
  return {
    ...defined({
      description: description || undefined,
      location: location || undefined,
      startTime: startTime || undefined,
      endTime: endTime || undefined,
    }),
    isCanceled: canceled,
    extraGuestsAllowed,
  };
}
