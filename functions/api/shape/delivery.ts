import * as z from "zod";
import { deliveryStatuses, type LoggedDelivery } from "../../../core/webhook/log/index.ts";
import { isoDate } from "./common.ts";

/** A delivery in the webhook logs of both dialects. */
export const delivery = z.object({
  /** The `webhook-id` header: the same for all attempts and replays. */
  id: z.string(),
  eventId: z.string(),
  /** The event's sequence number within its instance. */
  sequence: z.int(),
  /**
   * The `x-correlation-id` header of its attempts: the id of the request that caused the event, of the WhatsApp message, or of
   * the event.
   */
  correlationId: z.string().nullable(),
  event: z.string(),
  /** The endpoint's URL when the delivery was created. */
  url: z.string(),
  status: z.enum(deliveryStatuses),
  /** Why it failed: exhausted, gone or disabled. */
  reason: z.string().nullable(),
  attempts: z.int(),
  nextAttemptAt: isoDate.nullable(),
  createdAt: isoDate,
  finishedAt: isoDate.nullable(),
});

export const toDelivery = (logged: LoggedDelivery): z.input<typeof delivery> => ({
  id: logged.id,
  eventId: logged.eventId,
  sequence: logged.sequence,
  correlationId: logged.correlationId,
  event: logged.event,
  url: logged.url,
  status: logged.status,
  reason: logged.reason,
  attempts: logged.attempts,
  nextAttemptAt: logged.nextAttemptAt?.toISOString() ?? null,
  createdAt: logged.createdAt.toISOString(),
  finishedAt: logged.finishedAt?.toISOString() ?? null,
});

/** An event name, in the spelling of either dialect. */
export const eventFilter = z
  .string()
  .max(64)
  .regex(/^[\w.]+$/, "must be the name of an event");
