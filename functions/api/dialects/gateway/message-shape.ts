import * as z from "zod";
import { contentField } from "../../../../core/message/content/index.ts";
import type { HistoryMessage } from "../../../../core/message/history.ts";
import { messageStatuses } from "../../../../core/message/message.sql.ts";
import { contextFields, storedContextFields } from "../../../../core/message/shown-context.ts";
import { unreadableDetails } from "../../../../core/message/unreadable.ts";
import { toWaitingFor, waitingFor } from "../../../../core/restriction/index.ts";
import { aboutOf, aboutShape } from "../../shape/about.ts";
import { isoDate } from "../../shape/common.ts";
import { historyMedia, toHistoryMedia } from "../../shape/media.ts";

/** A message of the history. */
export const message = z.object({
  messageId: z.string(),
  chatId: z.string(),
  fromMe: z.boolean(),
  /** The JID of the sender; null for own messages. */
  from: z.string().nullable(),
  pushName: z.string().nullable(),
  type: z.string(),
  body: z.string(),
  hasMedia: z.boolean(),
  /** `GET /api/instances/{instanceId}/messages/{messageId}/media` downloads the file. */
  media: historyMedia.nullable(),
  status: z.enum(messageStatuses),
  waitingFor,
  timestamp: isoDate,
  ...aboutShape,
  /** What the message says, by its kind. Null until the message is sent, and for messages of older versions. */
  content: contentField,
  ...contextFields,
  /** For a message of the type `unreadable`: why it has no content, and whether the phone is asked for it. */
  unreadable: unreadableDetails.nullable(),
});

export const toMessage = (stored: HistoryMessage): z.input<typeof message> => ({
  messageId: stored.waId,
  chatId: stored.chatId,
  fromMe: stored.fromMe,
  from: stored.senderId || null,
  pushName: stored.pushName,
  type: stored.type,
  body: stored.body,
  hasMedia: stored.media !== null,
  media: toHistoryMedia(stored.media),
  status: stored.status,
  waitingFor: stored.waiting && toWaitingFor(stored.waiting.reason, new Date(stored.waiting.until)),
  timestamp: stored.sentAt.toISOString(),
  ...aboutOf(stored),
  content: stored.content,
  ...storedContextFields(stored.context),
  unreadable: stored.context?.unreadable ?? null,
});
