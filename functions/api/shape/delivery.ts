import * as z from "zod";
import { deliveryStatuses, type LoggedDelivery } from "../../../core/webhook/log/index.ts";
import { isoDate } from "./common.ts";

/** A delivery as the webhook logs of both dialects show it. */
export const delivery = z.object({
  /** What the receiver sees as `webhook-id`: the same for all tries and replays. */
  id: z.string(),
  eventId: z.string(),
  /** The event's number within the instance. */
  sequence: z.int(),
  /** As the header `x-correlation-id` of its tries: of the request that led to it, of WhatsApp's message, or of the event itself. */
  correlationId: z.string().nullable(),
  event: z.string(),
  /** Where it was to go when it was made. */
  url: z.string(),
  status: z.enum(deliveryStatuses),
  /** Why it has failed: exhausted, gone or disabled. */
  reason: z.string().nullable(),
  attempts: z.int(),
  nextAttemptAt: isoDate.nullable(),
  createdAt: isoDate,
  finishedAt: isoDate.nullable(),
});

export const toDelivery = (one: LoggedDelivery): z.input<typeof delivery> => ({
  id: one.id,
  eventId: one.eventId,
  sequence: one.sequence,
  correlationId: one.correlationId,
  event: one.event,
  url: one.url,
  status: one.status,
  reason: one.reason,
  attempts: one.attempts,
  nextAttemptAt: one.nextAttemptAt?.toISOString() ?? null,
  createdAt: one.createdAt.toISOString(),
  finishedAt: one.finishedAt?.toISOString() ?? null,
});

/** In either dialect's spelling. */
export const eventFilter = z
  .string()
  .max(64)
  .regex(/^[\w.]+$/, "must be the name of an event");
