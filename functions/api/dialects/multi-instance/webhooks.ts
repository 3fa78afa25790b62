import * as z from "zod";
import { instantDate } from "../../../../core/instant.ts";
import { sendTestDelivery } from "../../../../core/webhook/delivery/test-delivery.ts";
import * as log from "../../../../core/webhook/log/index.ts";
import { deliveryStatuses } from "../../../../core/webhook/log/index.ts";
import { maxReplayed, replayRange } from "../../../../core/webhook/log/replay.ts";
import { instanceEndpoint } from "../../engine/endpoint.ts";
import { replayDelivery } from "../../operations/webhook-log.ts";
import { isoDate, pageQuery, pageRequest, paginationShape } from "../../shape/common.ts";
import { delivery, eventFilter, statusShape, testShape, toDelivery, toStatus, toTest } from "../../shape/delivery.ts";
import { endpointFilter } from "../../shape/webhook.ts";
import { defaultWebhooks, instanceWebhooks, type Style } from "../webhook-endpoints.ts";
import { messageShape, successMessage } from "./success.ts";

const style: Style = {
  shape: (data) => data,
  body: (data) => data,
  listShape: (webhooks) => z.object({ webhooks }),
  listBody: (webhooks) => ({ webhooks }),
  deletedShape: messageShape,
  deletedBody: (id) => successMessage(`Webhook endpoint ${id} deleted`),
};

export const webhookEndpoints = [
  instanceEndpoint({
    method: "get",
    path: "/api/instances/{instanceId}/webhooks/deliveries",
    summary: "List the webhook deliveries of an instance, newest first",
    access: "read",
    scope: "webhooks:read",
    query: pageQuery(50).extend({
      status: z.enum(deliveryStatuses).optional(),
      event: eventFilter
        .optional()
        .meta({ description: "Event name as in the webhook body, such as message_received" }),
      endpointId: endpointFilter,
    }),
    response: z.object({ deliveries: z.array(delivery), pagination: paginationShape }),
    toInput: ({ query }) => ({
      ...pageRequest(query, 50),
      status: query.status,
      event: query.event,
      endpointId: query.endpointId,
    }),
    operation: ({ deps, instance }, page) => log.listDeliveries(deps.db, [instance], page),
    toResponse: ({ deliveries, pagination }) => ({ deliveries: deliveries.map(toDelivery), pagination }),
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/instances/{instanceId}/webhooks/deliveries/{deliveryId}",
    summary: "Get a webhook delivery with its body and attempts",
    access: "read",
    scope: "webhooks:read",
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
    scope: "webhooks:write",
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
    scope: "webhooks:write",
    body: z
      .object({
        from: instantDate,
        to: instantDate,
        status: z.enum(["failed", "all"]).default("failed"),
        events: z.array(eventFilter).min(1).max(20).optional(),
        endpointId: endpointFilter,
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
    summary: "Send a test delivery to the first webhook endpoint and return the response",
    access: "write",
    scope: "webhooks:write",
    response: testShape,
    errors: ["webhook_disabled"],
    secrets: true,
    toInput: () => undefined,
    operation: ({ deps, instance: { id, webhookUrl: url }, requestId }) =>
      sendTestDelivery(deps, { instanceId: id, endpointId: id, url }, requestId),
    toResponse: toTest,
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/instances/{instanceId}/webhooks/status",
    summary: "Get the state of the first webhook endpoint",
    access: "read",
    scope: "webhooks:read",
    response: statusShape,
    toInput: () => undefined,
    operation: ({ deps, instance: { id, webhookUrl: url, webhookEnabled: enabled } }) =>
      log.readStatus(deps.db, { instanceId: id, endpointId: id, url, enabled }),
    toResponse: toStatus,
  }),
  // After the endpoints above, whose paths `{endpointId}` also matches.
  ...instanceWebhooks("/api/instances/{instanceId}/webhooks", style),
];

export const defaultWebhookEndpoints = defaultWebhooks("/api/webhooks", style);
