import * as z from "zod";
import { webhookUrl } from "../../../../core/instance/setting/webhook.ts";
import { gatewayEvents } from "../../../../core/webhook/body/name.ts";
import { sendTestToUrl } from "../../../../core/webhook/delivery/test-delivery.ts";
import { deliveryStatuses, type LoggedDelivery, maxCleared } from "../../../../core/webhook/log/index.ts";
import { callerEndpoint } from "../../engine/endpoint.ts";
import * as webhook from "../../operations/webhook-log.ts";
import { pageQuery, pageRequest, paginationShape } from "../../shape/common.ts";
import { eventFilter, delivery as shared, statsShape, toDelivery as toShared } from "../../shape/delivery.ts";
import { endpointFilter } from "../../shape/webhook.ts";
import { defaultWebhooks, instanceWebhooks, type Style } from "../webhook-endpoints.ts";
import { envelope, enveloped } from "./envelope.ts";

const delivery = shared.extend({ instanceId: z.string() });

const toDelivery = (logged: LoggedDelivery): z.input<typeof delivery> => ({
  ...toShared(logged),
  instanceId: logged.instanceId,
});

const instanceFilter = z.object({
  instanceId: z.string().min(1).max(128).optional().meta({ description: "Only this instance" }),
});

const style: Style = {
  shape: envelope,
  body: (data) => enveloped(data),
  listShape: envelope,
  listBody: (data) => enveloped(data),
  deletedShape: envelope(z.object({ id: z.string() })),
  deletedBody: (id) => enveloped({ id }, "Webhook endpoint deleted"),
};

export const webhookEndpoints = [
  callerEndpoint({
    method: "post",
    path: "/api/webhook/test",
    summary: "Send a test event to a URL and return the response",
    description: "The event belongs to no instance and is not signed.",
    access: "write",
    scope: "webhooks:write",
    body: z.object({
      url: webhookUrl,
      event: z.enum(gatewayEvents),
      /** The `data` field of the body. */
      data: z.record(z.string(), z.unknown()).default({}),
    }),
    response: envelope(
      z.object({
        /** Whether the response was 2xx. */
        success: z.boolean(),
        /** HTTP status; null if there was no response. */
        status: z.int().nullable(),
        durationMs: z.int(),
        /** The first 1,024 characters of the response body. */
        response: z.string().nullable(),
        error: z.string().nullable(),
      }),
    ),
    errors: ["url_not_allowed"],
    toInput: ({ body }) => body,
    operation: ({ deps, requestId }, test) => sendTestToUrl(deps, test, requestId),
    toResponse: ({ succeeded, status, durationMs, response, error }) =>
      enveloped(
        { success: succeeded, status, durationMs, response, error },
        succeeded ? "The webhook accepted the test" : "The webhook did not accept the test",
      ),
  }),
  callerEndpoint({
    method: "get",
    path: "/api/webhook/logs",
    summary: "List the webhook deliveries of your instances, newest first",
    access: "read",
    scope: "webhooks:read",
    limitable: true,
    query: pageQuery(50)
      .extend(instanceFilter.shape)
      .extend({
        status: z.enum(deliveryStatuses).optional(),
        event: eventFilter
          .optional()
          .meta({ description: "Event name as in the webhook body, such as message.received" }),
        endpointId: endpointFilter,
      }),
    response: envelope(z.array(delivery)).extend({ pagination: paginationShape }),
    errors: ["instance_not_found"],
    toInput: ({ query }) => ({
      ...pageRequest(query, 50),
      instanceId: query.instanceId,
      status: query.status,
      event: query.event,
      endpointId: query.endpointId,
    }),
    operation: webhook.listLogs,
    toResponse: ({ deliveries, pagination }) => ({ ...enveloped(deliveries.map(toDelivery)), pagination }),
  }),
  callerEndpoint({
    method: "get",
    path: "/api/webhook/stats",
    summary: "Get statistics of the webhook deliveries of your instances",
    access: "read",
    scope: "webhooks:read",
    limitable: true,
    query: instanceFilter.extend({ endpointId: endpointFilter }),
    response: envelope(statsShape),
    errors: ["instance_not_found"],
    toInput: ({ query }) => query,
    operation: webhook.getStats,
    toResponse: (stats) => enveloped(stats),
  }),
  callerEndpoint({
    method: "post",
    path: "/api/webhook/retry/{webhookId}",
    summary: "Replay a webhook delivery",
    description: "Sends the delivery again with the same id, to the current URL of the webhook.",
    access: "write",
    scope: "webhooks:write",
    limitable: true,
    response: envelope(delivery),
    errors: ["delivery_not_found", "webhook_disabled"],
    toInput: ({ params }) => params.webhookId,
    operation: webhook.replayById,
    toResponse: (replayed) => enveloped(toDelivery(replayed), "The delivery is being sent again"),
  }),
  callerEndpoint({
    method: "delete",
    path: "/api/webhook/logs",
    summary: `Delete finished webhook deliveries of your instances, up to ${maxCleared} per request`,
    access: "write",
    scope: "webhooks:write",
    limitable: true,
    query: instanceFilter,
    response: envelope(
      z.object({
        deleted: z.int(),
        /** Whether more deliveries remain for another request. */
        more: z.boolean(),
      }),
    ),
    errors: ["instance_not_found"],
    toInput: ({ query }) => query.instanceId,
    operation: webhook.clearLogs,
    toResponse: (cleared) => enveloped(cleared, "Webhook logs cleared"),
  }),
  ...defaultWebhooks("/api/webhook/defaults", style),
];

export const instanceWebhookEndpoints = instanceWebhooks("/api/instance/{instanceId}/webhooks", style);
