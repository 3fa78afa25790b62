import * as z from "zod";
import { cancelScheduled, listScheduled } from "../../../../core/command/schedule.ts";
import { instanceEndpoint } from "../../engine/endpoint.ts";
import { isoDate, pageOnly, pageRequest, paginationShape } from "../../shape/common.ts";

/** What makes a row of a send one that can be scheduled; its body has the field `sendAt`. */
export const schedulable = {
  answer: z.object({
    /** WhatsApp's message id: the same that webhooks and the history carry. */
    id: z.string(),
    /** Only when it was asked for later. */
    scheduledAt: isoDate.optional(),
  }),
  sendAt: ({ body }: { body: { sendAt?: string | undefined } }) => body.sendAt,
  out: ({ messageId, scheduledAt }: { messageId: string; scheduledAt?: string }) => ({
    id: messageId,
    ...(scheduledAt === undefined ? {} : { scheduledAt }),
  }),
};

/** As callers write a person: the digits of the number; anything else stays a JID. */
export const phoneOf = (jid: string) => jid.replace(/@s\.whatsapp\.net$/, "");

export const scheduledEndpoints = [
  instanceEndpoint({
    method: "get",
    path: "/api/whatsapp/{instanceId}/scheduled",
    summary: "The messages that wait for their time, the next one first",
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
    summary: "Call off a message that waits for its time",
    access: "write",
    answer: z.object({ success: z.literal(true) }),
    errors: ["message_not_found", "already_released"],
    in: ({ params }) => params.messageId,
    does: ({ deps, instance }, messageId) => cancelScheduled(deps, instance.id, messageId),
    out: () => ({ success: true as const }),
  }),
];
