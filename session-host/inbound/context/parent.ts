import type { proto } from "@whiskeysockets/baileys";
import { boundCount, boundId, maxInteger } from "../../../core/bound.ts";
import type { Parent } from "../../../core/message/context-fields.ts";

/** The relations by the values of `MessageAssociation.AssociationType` in WAProto. */
const relations: Readonly<Record<number, Parent["relation"]>> = {
  1: "album",
  2: "botPlugin",
  3: "eventCover",
  4: "statusPoll",
  5: "hdVideo",
  6: "statusReshare",
  7: "pollMedia",
  8: "statusAddYours",
  9: "statusNotification",
  10: "hdImage",
  11: "stickerAnnotation",
  12: "motionPhoto",
  13: "statusLink",
  15: "statusAddYours",
  16: "statusQuestion",
  17: "statusAddYours",
  18: "statusReaction",
  19: "hdVideo",
};

/** Returns the message that a message belongs to: its album, the event of which it is the cover, and so on. */
export function parentOf({ messageAssociation }: proto.IMessageContextInfo): Parent | undefined {
  const { associationType, parentMessageKey, messageIndex } = messageAssociation ?? {};
  if (!parentMessageKey?.id) return undefined;
  return {
    messageId: boundId(parentMessageKey.id),
    relation: relations[associationType ?? 0] ?? "other",
    index: messageIndex === null || messageIndex === undefined ? null : boundCount(messageIndex, maxInteger),
  };
}
