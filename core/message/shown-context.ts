import * as z from "zod";
import { contextForEvent, type MessageContext } from "./context.ts";
import { messageContext, quotedDetails } from "./context-fields.ts";

const { chatId, fromMe, type, thumbnail, isStatus } = quotedDetails.shape;

/**
 * The fields of a message that describe its context: the message that it replies to, whom it mentions, and so on. The
 * webhooks and histories of both dialects have the same fields.
 */
export const contextFields = {
  quotedMessage: z
    .object({
      messageId: z.string(),
      /** JID of the author. */
      participant: z.string().nullable(),
      /** Its text or caption, as the sender of the reply quotes it. */
      body: z.string(),
      chatId,
      /** LID of the author. */
      lid: z.string().nullable(),
      fromMe,
      type,
      thumbnail,
      isStatus,
    })
    .nullable(),
  /** JIDs of the mentioned people. */
  mentions: z.array(z.string()),
  context: messageContext,
};
type ContextFields = { [Name in keyof typeof contextFields]: z.output<(typeof contextFields)[Name]> };

/** Returns the fields from the data of an event. */
export function contextFieldsOf({
  quoted,
  mentions,
  context,
}: Pick<ReturnType<typeof contextForEvent>, "quoted" | "mentions" | "context">): ContextFields {
  if (!quoted) return { quotedMessage: null, mentions, context };
  const { senderId: participant, senderLid: lid, ...rest } = quoted;
  return { quotedMessage: { ...rest, participant, lid }, mentions, context };
}

/** Returns the fields of a stored message. */
export const storedContextFields = (context: MessageContext | null): ContextFields =>
  contextFieldsOf(contextForEvent(context));
