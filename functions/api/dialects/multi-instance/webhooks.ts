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
    answer: z.object({ deliveries: z.array(delivery), pagination: paginationShape }),
    in: ({ query }) => ({ ...pageRequest(query, 50), status: query.status, event: query.event }),
    does: ({ deps, instance }, page) => log.listDeliveries(deps.db, [instance], page),
    out: ({ deliveries, pagination }) => ({ deliveries: deliveries.map(toDelivery), pagination }),
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/instances/{instanceId}/webhooks/deliveries/{deliveryId}",
    summary: "Get a webhook delivery with its body and attempts",
    access: "read",
    answer: delivery.omit({ attempts: true }).extend({
      /** The body as sent; null if it has a QR code, which is a credential. */
      body: z.unknown(),
      attempts: z.array(
        z.object({
          number: z.int(),
          at: isoDate,
          durationMs: z.int(),
          /** HTTP status; null without an answer. */
          status: z.int().nullable(),
          error: z.string().nullable(),
          /** The first 1,024 characters of the answer's body. */
          response: z.string().nullable(),
        }),
      ),
    }),
    errors: ["delivery_not_found"],
    in: ({ params }) => params.deliveryId,
    does: ({ deps, instance }, deliveryId) => log.readDelivery(deps.db, instance, deliveryId),
    out: (one) => ({
      ...toDelivery(one),
      body: one.body,
      attempts: one.log.map((attempt) => ({ ...attempt, at: attempt.at.toISOString() })),
    }),
  }),
  instanceEndpoint({
    method: "post",
    path: "/api/instances/{instanceId}/webhooks/deliveries/{deliveryId}/replay",
    summary: "Replay a webhook delivery",
    description: "Sends it again with the same id, to the current URL of the webhook.",
    access: "write",
    answer: delivery,
    errors: ["delivery_not_found", "webhook_disabled"],
    in: ({ params }) => params.deliveryId,
    does: replayDelivery,
    out: toDelivery,
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
    answer: z.object({
      replayed: z.int(),
      /** The `from` of the next request, if there are more. */
      next: isoDate.nullable(),
    }),
    errors: ["webhook_disabled"],
    in: ({ body }) => body,
    does: ({ deps, instance }, range) => replayRange(deps, instance, range),
    out: ({ replayed, next }) => ({ replayed, next: next?.toISOString() ?? null }),
  }),
  instanceEndpoint({
    method: "post",
    path: "/api/instances/{instanceId}/webhooks/test",
    summary: "Send a test delivery to the webhook and return its answer",
    access: "write",
    answer: z.object({
      delivered: z.boolean(),
      /** HTTP status; null without an answer. */
      status: z.int().nullable(),
      durationMs: z.int(),
      response: z.string().nullable(),
      error: z.string().nullable(),
    }),
    errors: ["webhook_disabled"],
    secrets: true,
    in: () => undefined,
    does: ({ deps, instance, requestId }) => sendTestDelivery(deps, instance, requestId),
    out: ({ succeeded, status, durationMs, response, error }) => ({
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
    answer: z.object({
      enabled: z.boolean(),
      url: z.string().nullable(),
      state: z.enum(["healthy", "failing", "parked", "draining", "disabled"]),
      /** Consecutive failures. */
      failures: z.int(),
      failingSince: isoDate.nullable(),
      nextAttemptAt: isoDate.nullable(),
      /** Unfinished deliveries. */
      waiting: z.int(),
    }),
    in: () => undefined,
    does: ({ deps, instance }) => log.readStatus(deps.db, instance),
    out: (status) => ({
      ...status,
      failingSince: status.failingSince?.toISOString() ?? null,
      nextAttemptAt: status.nextAttemptAt?.toISOString() ?? null,
    }),
  }),
];
