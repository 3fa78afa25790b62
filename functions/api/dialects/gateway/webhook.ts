import * as z from "zod";
import { webhookUrl } from "../../../../core/instance-management/settings.ts";
import { gatewayEvents, sendTestToUrl } from "../../../../core/webhook/delivery/test-delivery.ts";
import { deliveryStatuses, type LoggedDelivery, maxCleared } from "../../../../core/webhook/log/index.ts";
import { callerEndpoint } from "../../engine/endpoint.ts";
import * as webhook from "../../operations/webhook-log.ts";
import { pageQuery, pageRequest, paginationShape } from "../../shape/common.ts";
import { eventFilter, delivery as shared, toDelivery as toShared } from "../../shape/delivery.ts";
import { envelope, enveloped } from "./envelope.ts";

const delivery = shared.extend({ instanceId: z.string() });

const toDelivery = (one: LoggedDelivery): z.input<typeof delivery> => ({
  ...toShared(one),
  instanceId: one.instanceId,
});

const ofInstance = z.object({
  instanceId: z.string().min(1).max(128).optional().meta({ description: "of this instance alone" }),
});

const counts = z.object({ total: z.int(), succeeded: z.int(), failed: z.int(), pending: z.int() });

export const webhookEndpoints = [
  callerEndpoint({
    method: "post",
    path: "/api/webhook/test",
    summary: "Post an event to a URL now, and see what it answers; it belongs to no instance and is not signed",
    access: "write",
    body: z.object({
      url: webhookUrl,
      event: z.enum(gatewayEvents),
      /** The `data` of the body. */
      data: z.record(z.string(), z.unknown()).default({}),
    }),
    answer: envelope(
      z.object({
        /** Whether it answered with a 2xx. */
        success: z.boolean(),
        /** HTTP status, or null when there was no answer. */
        status: z.int().nullable(),
        durationMs: z.int(),
        /** The first 1,024 characters of the answer. */
        response: z.string().nullable(),
        error: z.string().nullable(),
      }),
    ),
    errors: ["url_not_allowed"],
    in: ({ body }) => body,
    does: ({ deps, requestId }, wanted) => sendTestToUrl(deps, wanted, requestId),
    out: ({ succeeded, status, durationMs, response, error }) =>
      enveloped(
        { success: succeeded, status, durationMs, response, error },
        succeeded ? "The webhook has taken the test" : "The webhook has not taken the test",
      ),
  }),
  callerEndpoint({
    method: "get",
    path: "/api/webhook/logs",
    summary: "The webhook deliveries of your instances, from the newest to the oldest",
    access: "read",
    query: pageQuery(50)
      .extend(ofInstance.shape)
      .extend({
        status: z.enum(deliveryStatuses).optional(),
        event: eventFilter.optional().meta({ description: "As in the webhook's body: message.received, …" }),
      }),
    answer: envelope(z.array(delivery)).extend({ pagination: paginationShape }),
    errors: ["instance_not_found"],
    in: ({ query }) => ({
      ...pageRequest(query, 50),
      instanceId: query.instanceId,
      status: query.status,
      event: query.event,
    }),
    does: webhook.listLogs,
    out: ({ deliveries, pagination }) => ({ ...enveloped(deliveries.map(toDelivery)), pagination }),
  }),
  callerEndpoint({
    method: "get",
    path: "/api/webhook/stats",
    summary: "How the webhook deliveries in the logs of your instances went, in figures",
    access: "read",
    query: ofInstance,
    answer: envelope(
      counts.extend({
        /** Of those that are finished, 0 to 1; null when none is. */
        successRate: z.number().nullable(),
        /** Of all tries; null when there was none. */
        averageDurationMs: z.number().nullable(),
        byEvent: z.record(z.string(), counts),
      }),
    ),
    errors: ["instance_not_found"],
    in: ({ query }) => query.instanceId,
    does: webhook.getStats,
    out: (stats) => enveloped(stats),
  }),
  callerEndpoint({
    method: "post",
    path: "/api/webhook/retry/{webhookId}",
    summary: "Send a webhook delivery again, under its id, to where the webhook goes now",
    access: "write",
    answer: envelope(delivery),
    errors: ["delivery_not_found", "webhook_disabled"],
    in: ({ params }) => params.webhookId,
    does: webhook.retry,
    out: (one) => enveloped(toDelivery(one), "The webhook is about to be sent again"),
  }),
  callerEndpoint({
    method: "delete",
    path: "/api/webhook/logs",
    summary: `Remove finished webhook deliveries of your instances from the logs, at most ${maxCleared} in a call`,
    access: "write",
    query: ofInstance,
    answer: envelope(
      z.object({
        deleted: z.int(),
        /** Whether there are more to remove by another call. */
        more: z.boolean(),
      }),
    ),
    errors: ["instance_not_found"],
    in: ({ query }) => query.instanceId,
    does: webhook.clearLogs,
    out: (cleared) => enveloped(cleared, "Webhook logs cleared"),
  }),
];
