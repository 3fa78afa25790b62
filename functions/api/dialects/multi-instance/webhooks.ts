import * as z from "zod";
import { sendTestDelivery } from "../../../../core/webhook/delivery/test-delivery.ts";
import * as log from "../../../../core/webhook/log/index.ts";
import { deliveryStatuses } from "../../../../core/webhook/log/index.ts";
import { maxReplayed, replayRange } from "../../../../core/webhook/log/replay.ts";
import { instanceEndpoint } from "../../engine/endpoint.ts";
import { replayDelivery } from "../../operations/webhook-log.ts";
import { isoDate, pageQuery, pageRequest, paginationShape } from "../../shape/common.ts";
import { delivery, eventFilter, toDelivery } from "../../shape/delivery.ts";

const instantInput = z.iso.datetime({ offset: true }).transform((text) => new Date(text));

export const webhookEndpoints = [
  instanceEndpoint({
    method: "get",
    path: "/api/instances/{instanceId}/webhooks/deliveries",
    summary: "List the webhook deliveries of an instance, newest first",
    access: "read",
    query: pageQuery(50).extend({
      status: z.enum(deliveryStatuses).optional(),
      event: eventFilter
        .optional()
        .meta({ description: "Event name as in the webhook body, such as message_received" }),
    }),
    response: z.object({ deliveries: z.array(delivery), pagination: paginationShape }),
    toInput: ({ query }) => ({ ...pageRequest(query, 50), status: query.status, event: query.event }),
    operation: ({ deps, instance }, page) => log.listDeliveries(deps.db, [instance], page),
    toResponse: ({ deliveries, pagination }) => ({ deliveries: deliveries.map(toDelivery), pagination }),
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/instances/{instanceId}/webhooks/deliveries/{deliveryId}",
    summary: "Get a webhook delivery with its body and attempts",
    access: "read",
    response: delivery.omit({ attempts: true }).extend({
      /** The body as sent; null if it contains a QR code, which is a credential. */
      body: z.unknown(),
      attempts: z.array(
        z.object({
          number: z.int(),
          at: isoDate,
          durationMs: z.int(),
          /** HTTP status; null if there was no response. */
          status: z.int().nullable(),
          error: z.string().nullable(),
          /** The first 1,024 characters of the response body. */
          response: z.string().nullable(),
        }),
      ),
    }),
    errors: ["delivery_not_found"],
    toInput: ({ params }) => params.deliveryId,
    operation: ({ deps, instance }, deliveryId) => log.readDelivery(deps.db, instance, deliveryId),
    toResponse: (found) => ({
      ...toDelivery(found),
      body: found.body,
      attempts: found.log.map((attempt) => ({ ...attempt, at: attempt.at.toISOString() })),
    }),
  }),
  instanceEndpoint({
    method: "post",
    path: "/api/instances/{instanceId}/webhooks/deliveries/{deliveryId}/replay",
    summary: "Replay a webhook delivery",
    description: "Sends the delivery again with the same id, to the current URL of the webhook.",
    access: "write",
    response: delivery,
    errors: ["delivery_not_found", "webhook_disabled"],
    toInput: ({ params }) => params.deliveryId,
    operation: replayDelivery,
    toResponse: toDelivery,
  }),
  instanceEndpoint({
    method: "post",
    path: "/api/instances/{instanceId}/webhooks/replay",
    summary: `Replay the webhook deliveries of a time range, up to ${maxReplayed} per request`,
    access: "write",
    body: z
      .object({
        from: instantInput,
        to: instantInput,
        status: z.enum(["failed", "all"]).default("failed"),
        events: z.array(eventFilter).min(1).max(20).optional(),
      })
      .refine(({ from, to }) => from < to, "from must be before to"),
    response: z.object({
      replayed: z.int(),
      /** The `from` of the next request; null if there are no more deliveries. */
      next: isoDate.nullable(),
    }),
    errors: ["webhook_disabled"],
    toInput: ({ body }) => body,
    operation: ({ deps, instance }, range) => replayRange(deps, instance, range),
    toResponse: ({ replayed, next }) => ({ replayed, next: next?.toISOString() ?? null }),
  }),
  instanceEndpoint({
    method: "post",
    path: "/api/instances/{instanceId}/webhooks/test",
    summary: "Send a test delivery to the webhook and return the response",
    access: "write",
    response: z.object({
      delivered: z.boolean(),
      /** HTTP status; null if there was no response. */
      status: z.int().nullable(),
      durationMs: z.int(),
      response: z.string().nullable(),
      error: z.string().nullable(),
    }),
    errors: ["webhook_disabled"],
    secrets: true,
    toInput: () => undefined,
    operation: ({ deps, instance: { id, webhookUrl: url }, requestId }) =>
      sendTestDelivery(deps, { instanceId: id, endpointId: id, url }, requestId),
    toResponse: ({ succeeded, status, durationMs, response, error }) => ({
      delivered: succeeded,
      status,
      durationMs,
      response,
      error,
    }),
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/instances/{instanceId}/webhooks/status",
    summary: "Get the state of the webhook",
    access: "read",
    response: z.object({
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
    }),
    toInput: () => undefined,
    operation: ({ deps, instance: { id, webhookUrl: url, webhookEnabled: enabled } }) =>
      log.readStatus(deps.db, { instanceId: id, endpointId: id, url, enabled }),
    toResponse: (status) => ({
      ...status,
      failingSince: status.failingSince?.toISOString() ?? null,
      nextAttemptAt: status.nextAttemptAt?.toISOString() ?? null,
    }),
  }),
];
