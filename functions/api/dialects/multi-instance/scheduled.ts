import * as z from "zod";
import { instanceEndpoint } from "../../endpoint.ts";
import { cancelScheduled, listScheduled } from "../../operations/scheduled.ts";
import { isoDate, pageQuery, pageRequest, paginationShape } from "../../shapes.ts";

/** The field of a send that makes it wait. */
export const sendAt = z
  .union([z.iso.datetime({ offset: true }), z.iso.datetime({ offset: true, precision: -1 })])
  .optional()
  .meta({ description: "When to send it: ISO 8601 with a time zone, up to a year ahead. Without it, now" });

/** Makes the endpoint of a send schedulable; its body has the field `sendAt`. */
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

export const pageOnly = (defaultLimit: number) => pageQuery(defaultLimit).omit({ startDate: true, endDate: true });

export const scheduledRows = [
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
    does: listScheduled,
    in: ({ query }) => pageRequest(query, 50),
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
    does: cancelScheduled,
    in: ({ params }) => params,
    out: () => ({ success: true as const }),
  }),
];
