import * as z from "zod";
import { cancelScheduled, listScheduled } from "../../../../core/command/schedule.ts";
import { defined } from "../../../../core/object.ts";
import { instanceEndpoint } from "../../engine/endpoint.ts";
import { isoDate, pageOnly, pageRequest, paginationShape } from "../../shape/common.ts";
import { succeeded, success } from "./done.ts";

/** The part of an endpoint that makes its send schedulable. Its body needs the field `sendAt`. */
export const schedulable = {
  answer: z.object({
    /** The WhatsApp message id, which webhooks and the history also have. */
    id: z.string(),
    /** Only for a scheduled send. */
    scheduledAt: isoDate.optional(),
  }),
  sendAt: ({ body }: { body: { sendAt?: string | undefined } }) => body.sendAt,
  out: ({ messageId, scheduledAt }: { messageId: string; scheduledAt?: string }) => ({
    id: messageId,
    ...defined({ scheduledAt }),
  }),
};

/** Returns the digits of a phone number JID; other JIDs stay as they are. */
const phoneOf = (jid: string) => jid.replace(/@s\.whatsapp\.net$/, "");

export const scheduledEndpoints = [
  instanceEndpoint({
    method: "get",
    path: "/api/whatsapp/{instanceId}/scheduled",
    summary: "List scheduled messages, the next one first",
    access: "read",
    query: pageOnly(50),
    answer: z.object({
      scheduled: z.array(
        z.object({
          id: z.string(),
          phone: z.string(),
          messageType: z.string(),
          content: z.string(),
          scheduledAt: isoDate,
          createdAt: isoDate,
        }),
      ),
      pagination: paginationShape,
    }),
    in: ({ query }) => pageRequest(query, 50),
    does: ({ deps, instance }, input) => listScheduled(deps.db, instance.id, input),
    out: ({ scheduled, pagination }) => ({
      scheduled: scheduled.map((one) => ({
        id: one.messageId,
        phone: phoneOf(one.chatId),
        messageType: one.type,
        content: one.body,
        scheduledAt: one.runAt.toISOString(),
        createdAt: one.createdAt.toISOString(),
      })),
      pagination,
    }),
  }),
  instanceEndpoint({
    method: "delete",
    path: "/api/whatsapp/{instanceId}/scheduled/{messageId}",
    summary: "Cancel a scheduled message",
    access: "write",
    answer: success,
    errors: ["message_not_found", "already_released"],
    in: ({ params }) => params.messageId,
    does: ({ deps, instance }, messageId) => cancelScheduled(deps, instance.id, messageId),
    out: () => succeeded,
  }),
];
