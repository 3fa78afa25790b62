import * as z from "zod";
import type { EventData } from "../../event/catalog/index.ts";
import { isGroupJid } from "../../message/recipient.ts";
import type { FileLink } from "./context.ts";
import { media, mediaOf } from "./field.ts";

/** The message that the file belongs to. */
const message = {
  messageId: z.string(),
  chatId: z.string(),
  isGroup: z.boolean(),
  /** Whether the account itself sent the message, on another device. */
  fromMe: z.boolean(),
};

/** The file of a message is stored, so that its link serves it at once. */
export const storedFile = { ...message, media: media.nullable() };

/** The file of a message is lost. */
export const lostFile = {
  ...message,
  /** `details` is the reason, for people. */
  error: z.object({ code: z.literal("media_lost"), details: z.string() }),
};

export const storedFileOf = (data: EventData<"media.stored">, link: FileLink | null) => ({
  ...messageOf(data),
  media: mediaOf(data.media, link),
});

export const lostFileOf = (data: EventData<"media.failed">) => ({
  ...messageOf(data),
  error: { code: "media_lost" as const, details: data.error },
});

const messageOf = ({ messageId, chatId, fromMe }: EventData<"media.stored"> | EventData<"media.failed">) => {
  return { messageId, chatId, isGroup: isGroupJid(chatId), fromMe };
};
