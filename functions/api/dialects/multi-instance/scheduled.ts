import * as z from "zod";
import { cancelScheduled, listScheduled } from "../../../../core/command/schedule.ts";
import { defined } from "../../../../core/object.ts";
import { toWaitingFor, waitingFor } from "../../../../core/restriction/index.ts";
import { instanceEndpoint } from "../../engine/endpoint.ts";
import { isoDate, pageRequest, paginationShape, undatedPageQuery } from "../../shape/common.ts";
import { success, successShape } from "./success.ts";

/** The part of a send endpoint's declaration that allows scheduling. The body also needs the field `sendAt`. */
export const schedulable = {
  response: z.object({
    /** The WhatsApp message id, as in webhooks and the history. */
    id: z.string(),
    /** Only for a scheduled send. */
    scheduledAt: isoDate.optional(),
  }),
  sendAt: ({ body }: { body: { sendAt?: string | undefined } }) => body.sendAt,
  toResponse: ({ messageId, scheduledAt }: { messageId: string; scheduledAt?: string }) => ({
    id: messageId,
    ...defined({ scheduledAt }),
  }),
};

/** Returns the phone number of a person's JID. Returns other JIDs unchanged. */
const phoneOf = (jid: string) => jid.replace(/@s\.whatsapp\.net$/, "");

export const scheduledEndpoints = [
  instanceEndpoint({
    method: "get",
    path: "/api/whatsapp/{instanceId}/scheduled",
    summary: "List scheduled messages, ordered by due time",
    description: "Includes messages that wait because WhatsApp restricts the account, except those of bulks.",
    access: "read",
    scope: "messages:read",
    query: undatedPageQuery(50),
    response: z.object({
      scheduled: z.array(
        z.object({
          id: z.string(),
          phone: z.string(),
          messageType: z.string(),
          content: z.string(),
          scheduledAt: isoDate,
          createdAt: isoDate,
          waitingFor,
        }),
      ),
      pagination: paginationShape,
    }),
    toInput: ({ query }) => pageRequest(query, 50),
    operation: ({ deps, instance }, input) => listScheduled(deps.db, instance.id, input),
    toResponse: ({ scheduled, pagination }) => ({
      scheduled: scheduled.map((send) => ({
        id: send.messageId,
        phone: phoneOf(send.chatId),
        messageType: send.type,
        content: send.body,
        scheduledAt: send.runAt.toISOString(),
        createdAt: send.createdAt.toISOString(),
        waitingFor: toWaitingFor(send.waitingReason, send.runAt),
      })),
      pagination,
    }),
  }),
  instanceEndpoint({
    method: "delete",
    path: "/api/whatsapp/{instanceId}/scheduled/{messageId}",
    summary: "Cancel a scheduled message",
    access: "write",
    scope: "messages:send",
    response: successShape,
    errors: ["message_not_found", "already_released"],
    toInput: ({ params }) => params.messageId,
    operation: ({ deps, instance }, messageId) => cancelScheduled(deps, instance.id, messageId),
    toResponse: () => success,
  }),
];
