import * as z from "zod";
import { commandCatalog } from "../../../../core/command/catalog/index.ts";
import { eventTypes } from "../../../../core/command/catalog/message/calendar-event.ts";
import { defined } from "../../../../core/object.ts";
import { singleSendOptions } from "../../../../core/restriction/index.ts";
import { commandEndpoint } from "../../engine/command-endpoint.ts";
import { isoDate, sendAt } from "../../shape/common.ts";
import { envelope, enveloped } from "./envelope.ts";

const { to, event, name, description, location, startTime, endTime, extraGuestsAllowed, quoted, mentions, mentionAll } =
  commandCatalog["message.sendEvent"].input.shape;

export const eventEndpoints = [
  commandEndpoint({
    method: "post",
    path: "/api/events/{instanceId}",
    description: "Recipients do not see the type of the event, because WhatsApp has no field for the type.",
    access: "write",
    command: "message.sendEvent",
    body: z.object({
      to,
      event,
      name,
      description,
      location,
      startTime,
      endTime,
      extraGuestsAllowed,
      quotedMessageId: quoted,
      mentions,
      mentionAll,
      sendAt,
      ...singleSendOptions,
    }),
    sendAt: ({ body }) => body.sendAt,
    response: envelope(
      z.object({
        /** The WhatsApp message id, as in webhooks, the history and the responses to the event. */
        messageId: z.string(),
        instanceId: z.string(),
        /** The JID of the recipient. */
        to: z.string(),
        event: z.enum(eventTypes),
        /** Only for a scheduled send. */
        scheduledAt: isoDate.optional(),
      }),
    ),
    toInput: ({ body: { quotedMessageId, ...input } }) => ({ ...input, quoted: quotedMessageId }),
    toResponse: ({ messageId, scheduledAt }, { params, body }) => {
      const sent = { messageId, instanceId: params.instanceId, to: body.to, event: body.event };
      return enveloped({ ...sent, ...defined({ scheduledAt }) }, "Event accepted");
    },
  }),
];
