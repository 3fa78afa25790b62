import * as z from "zod";
import { commandCatalog } from "../../../../core/command/catalog.ts";
import { messageStatuses } from "../../../../core/message/message.sql.ts";
import { getHistory } from "../../operations/message.ts";
import { commandRow, instanceRow } from "../../row.ts";
import { isoDate, pageQuery, pageRequest, paginationShape } from "../../shapes.ts";
import { envelope, enveloped } from "./envelope.ts";

const instanceId = z.string().min(1).max(128);
const { to, text } = commandCatalog["message.sendText"].input.shape;
const { url, caption } = commandCatalog["message.sendMedia"].input.shape;

const sent = envelope(
  z.object({
    /** WhatsApp's message id: the same that webhooks and the history carry. */
    messageId: z.string(),
    instanceId: z.string(),
    /** JID of the recipient. */
    to: z.string(),
  }),
);

const accepted = "Message accepted";

const message = z.object({
  messageId: z.string(),
  chatId: z.string(),
  fromMe: z.boolean(),
  /** JID of who wrote it; null for us. */
  from: z.string().nullable(),
  pushName: z.string().nullable(),
  type: z.string(),
  body: z.string(),
  hasMedia: z.boolean(),
  status: z.enum(messageStatuses),
  timestamp: isoDate,
});

export const messageRows = [
  commandRow({
    method: "post",
    path: "/api/message/send/text",
    summary: commandCatalog["message.sendText"].summary,
    access: "write",
    command: "message.sendText",
    body: z.object({ instanceId, to, message: text }),
    answer: sent,
    in: ({ body }) => ({ to: body.to, text: body.message }),
    out: ({ messageId }, { body }) => enveloped({ messageId, instanceId: body.instanceId, to: body.to }, accepted),
  }),
  commandRow({
    method: "post",
    path: "/api/message/send/image",
    summary: "Send an image that is fetched from a URL",
    access: "write",
    command: "message.sendMedia",
    body: z.object({ instanceId, to, image: url.unwrap(), caption }),
    answer: sent,
    in: ({ body }) => ({ to: body.to, url: body.image, kind: "image" as const, caption: body.caption }),
    out: ({ messageId }, { body }) => enveloped({ messageId, instanceId: body.instanceId, to: body.to }, accepted),
  }),
  instanceRow({
    method: "get",
    path: "/api/message/chat/{instanceId}/{chatId}",
    summary: "The messages of a chat, from the newest to the oldest",
    access: "read",
    query: pageQuery(50),
    answer: envelope(z.array(message)).extend({ pagination: paginationShape }),
    does: getHistory,
    in: ({ params, query }) => ({ chatId: params.chatId, ...pageRequest(query, 50) }),
    out: ({ messages, pagination }) => ({
      ...enveloped(
        messages.map((one) => ({
          messageId: one.waId,
          chatId: one.chatId,
          fromMe: one.fromMe,
          from: one.senderId || null,
          pushName: one.pushName,
          type: one.type,
          body: one.body,
          hasMedia: one.media !== null,
          status: one.status,
          timestamp: one.sentAt.toISOString(),
        })),
      ),
      pagination,
    }),
  }),
];
