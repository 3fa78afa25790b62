import * as z from "zod";
import type { Attempt } from "../../../core/webhook/delivery/attempt.ts";
import { deliveryStatuses, type LoggedDelivery, type WebhookStatus } from "../../../core/webhook/log/index.ts";
import { isoDate } from "./common.ts";

/** A delivery in the webhook logs of both dialects. */
export const delivery = z.object({
  /** The `webhook-id` header: the same for all attempts and replays. */
  id: z.string(),
  /** The webhook endpoint. The first endpoint of an instance has the id of the instance. */
  endpointId: z.string(),
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
  endpointId: logged.endpointId,
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

const counts = z.object({ total: z.int(), succeeded: z.int(), failed: z.int(), pending: z.int() });

/** Statistics of deliveries. */
export const statsShape = counts.extend({
  /** Share of finished deliveries that succeeded, 0 to 1; null if no delivery is finished. */
  successRate: z.number().nullable(),
  /** Average over all attempts; null without attempts. */
  averageDurationMs: z.number().nullable(),
  byEvent: z.record(z.string(), counts),
});

/** The result of a test delivery. */
export const testShape = z.object({
  delivered: z.boolean(),
  /** HTTP status; null if there was no response. */
  status: z.int().nullable(),
  durationMs: z.int(),
  response: z.string().nullable(),
  error: z.string().nullable(),
});

export const toTest = ({ succeeded, status, durationMs, response, error }: Attempt): z.input<typeof testShape> => ({
  delivered: succeeded,
  status,
  durationMs,
  response,
  error,
});

/** The state of an endpoint. */
export const statusShape = z.object({
  enabled: z.boolean(),
  url: z.string().nullable(),
  state: z.enum(["healthy", "failing", "parked", "draining", "disabled"]),
  /** Consecutive failures. */
  failures: z.int(),
  failingSince: isoDate.nullable(),
  nextAttemptAt: isoDate.nullable(),
  /** Unfinished deliveries. */
  waiting: z.int(),
  averageResponseMs: z.int().nullable().meta({
    description:
      "The average response time in milliseconds; null for a fast endpoint. From WEBHOOK_SLOW_MS, deliveries wait in a backlog",
  }),
});

export const toStatus = (status: WebhookStatus): z.input<typeof statusShape> => ({
  ...status,
  failingSince: status.failingSince?.toISOString() ?? null,
  nextAttemptAt: status.nextAttemptAt?.toISOString() ?? null,
});
