import * as z from "zod";
import { defineContent } from "../define.ts";
import { thumbnail } from "../field.ts";
import { firstText, keyOf, messageReference } from "../parts.ts";

export const statusMention = defineContent({
  kind: "statusMention",
  summary: "The sender mentioned the account or the group in a status post",
  schema: z.object({
    kind: z.literal("statusMention"),
    in: z.enum(["person", "group"]),
    /** The status post. */
    target: messageReference.nullable(),
  }),
  text: ({ in: mentioned }) => `Mentioned ${mentioned === "group" ? "this group" : "you"} in a status post`,
  protobuf: ({ target }) => ({ type: "STATUS_MENTION_MESSAGE", key: keyOf(target) }),
});

const notifications = {
  addYours: "Added a status post to yours",
  reshare: "Shared your status post",
  answerReshare: "Shared your answer in a status post",
};

export const statusNotification = defineContent({
  kind: "statusNotification",
  summary: "A person reacted to a status post with a status post",
  schema: z.object({
    kind: z.literal("statusNotification"),
    action: z.enum(["addYours", "reshare", "answerReshare"]).nullable(),
    /** The status post that the notification is about. */
    original: messageReference.nullable(),
    /** The new status post. */
    response: messageReference.nullable(),
  }),
  text: ({ action }) => (action ? notifications[action] : "Status notification"),
  protobuf: ({ original, response }) => ({ originalMessageKey: keyOf(original), responseMessageKey: keyOf(response) }),
});

export const statusQuote = defineContent({
  kind: "statusQuote",
  summary: "A status post that quotes another one, such as the answer to its question",
  schema: z.object({
    kind: z.literal("statusQuote"),
    text: z.string(),
    /** The quoted status post. */
    target: messageReference.nullable(),
    thumbnail,
  }),
  text: ({ text }) => firstText(text, "Quoted status post"),
  protobuf: (content) => ({
    text: content.text,
    originalStatusId: keyOf(content.target),
    thumbnail: content.thumbnail,
  }),
});

export const statusSticker = defineContent({
  kind: "statusSticker",
  summary: "A person reacted to a status post with one of its stickers",
  schema: z.object({
    kind: z.literal("statusSticker"),
    /** WhatsApp's name of the sticker. */
    sticker: z.string(),
    /** The status post. */
    target: messageReference.nullable(),
  }),
  text: () => "Reaction to a status post",
  protobuf: ({ sticker, target }) => ({ stickerKey: sticker, key: keyOf(target) }),
});
