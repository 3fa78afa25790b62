import * as z from "zod";
import { webhookSecret } from "../../../core/instance/setting/webhook.ts";
import { maxWebhooks } from "../../../core/instance-management/webhooks.ts";
import { callerEndpoint, type Endpoint, instanceEndpoint } from "../engine/endpoint.ts";
import * as webhook from "../operations/webhook.ts";
import { isoDate } from "../shape/common.ts";
import { statsShape, statusShape, testShape, toStatus, toTest } from "../shape/delivery.ts";
import { changedWebhook, newWebhook, toWebhook, toWebhookSettings, webhookShape } from "../shape/webhook.ts";

/** How a dialect wraps the data of a response. */
export interface Style {
  shape(data: z.ZodType): z.ZodType;
  body(data: unknown): unknown;
  /** A list has its own field in the Multi-Instance API. */
  listShape(items: z.ZodType): z.ZodType;
  listBody(items: unknown): unknown;
  deletedShape: z.ZodType;
  deletedBody(id: string): unknown;
}

// The type of `params` can't be computed, because the beginning of the path is not a literal here.
const idOf = (params: object) => (params as { endpointId: string }).endpointId;

const rotation = z
  .object({
    secret: webhookSecret.optional().meta({ description: "Default: a generated secret" }),
    overlapSeconds: z.int().min(0).max(604_800).default(86_400),
  })
  .default({ overlapSeconds: 86_400 });

interface Kind {
  access: "write" | "account";
  /** What the endpoints manage, for their summaries. */
  whose: string;
  style: Style;
}

/** The endpoints that list, create and change webhook endpoints under a path. */
function management(make: typeof callerEndpoint, base: string, { access, whose, style }: Kind): Endpoint[] {
  const one = { path: `${base}/{endpointId}`, response: style.shape(webhookShape) } as const;
  return [
    make({
      method: "get",
      path: base,
      summary: `List the ${whose}`,
      access: "read",
      scope: "webhooks:read",
      response: style.listShape(z.array(webhookShape)),
      toInput: () => undefined,
      operation: webhook.listWebhooks,
      toResponse: (endpoints) => style.listBody(endpoints.map(toWebhook)),
    }),
    make({
      method: "post",
      path: base,
      summary: `Add one of the ${whose}, up to ${maxWebhooks}`,
      access,
      scope: "webhooks:write",
      body: newWebhook,
      response: one.response,
      status: 201,
      errors: ["quota_exceeded"],
      secrets: true,
      toInput: ({ body }) => ({ ...toWebhookSettings(body), url: body.url }),
      operation: webhook.createWebhook,
      toResponse: (created) => style.body(toWebhook(created)),
    }),
    make({
      method: "get",
      ...one,
      summary: `Get one of the ${whose}`,
      access: "read",
      scope: "webhooks:read",
      errors: ["webhook_not_found"],
      toInput: ({ params }) => idOf(params),
      operation: webhook.getWebhook,
      toResponse: (found) => style.body(toWebhook(found)),
    }),
    make({
      method: "put",
      ...one,
      summary: `Change one of the ${whose}; omitted fields keep their values`,
      access,
      scope: "webhooks:write",
      body: changedWebhook,
      errors: ["webhook_not_found", "conflict"],
      secrets: true,
      toInput: ({ params, body }) => ({ id: idOf(params), settings: toWebhookSettings(body) }),
      operation: webhook.updateWebhook,
      toResponse: (updated) => style.body(toWebhook(updated)),
    }),
    make({
      method: "post",
      path: `${one.path}/secret`,
      summary: `Change the secret of one of the ${whose}`,
      description: "During the overlap, webhooks are signed with both secrets.",
      access,
      scope: "webhooks:write",
      body: rotation,
      response: style.shape(z.object({ secret: z.string(), previousValidUntil: isoDate.nullable() })),
      errors: ["webhook_not_found", "conflict"],
      secrets: true,
      toInput: ({ params, body }) => ({ id: idOf(params), secret: body.secret, overlapSeconds: body.overlapSeconds }),
      operation: webhook.rotateSecret,
      toResponse: ({ secret, previousValidUntil }) =>
        style.body({ secret, previousValidUntil: previousValidUntil?.toISOString() ?? null }),
    }),
  ];
}

/** The endpoint that deletes a webhook endpoint under a path. */
const deletion = (make: typeof callerEndpoint, base: string, { access, whose, style }: Kind): Endpoint =>
  make({
    method: "delete",
    path: `${base}/{endpointId}`,
    summary: `Delete one of the ${whose}`,
    description: "Its unfinished deliveries fail.",
    access,
    scope: "webhooks:write",
    response: style.deletedShape,
    errors: ["webhook_not_found", "conflict"],
    secrets: true,
    toInput: ({ params }) => idOf(params),
    operation: webhook.deleteWebhook,
    toResponse: (_result, { params }) => style.deletedBody(idOf(params)),
  });

/** The endpoints for the default webhook endpoints of a user. */
export function defaultWebhooks(base: string, style: Style): Endpoint[] {
  const whose = "default webhook endpoints of your instances without own webhook endpoints";
  const kind: Kind = { access: "account", whose, style };
  return [...management(callerEndpoint, base, kind), deletion(callerEndpoint, base, kind)];
}

/** The endpoints for the webhook endpoints of an instance. `base` contains `{instanceId}`. */
export function instanceWebhooks(base: string, style: Style): Endpoint[] {
  const path = `${base}/{endpointId}`;
  const errors = ["webhook_not_found"] as const;
  const kind: Kind = { access: "write", whose: "webhook endpoints of an instance", style };
  return [
    ...management(instanceEndpoint, base, kind),
    instanceEndpoint({
      method: "post",
      path: `${path}/test`,
      summary: "Send a test delivery to a webhook endpoint and return the response",
      access: "write",
      scope: "webhooks:write",
      response: style.shape(testShape),
      errors,
      secrets: true,
      toInput: ({ params }) => idOf(params),
      operation: webhook.testWebhook,
      toResponse: (attempt) => style.body(toTest(attempt)),
    }),
    instanceEndpoint({
      method: "get",
      path: `${path}/status`,
      summary: "Get the state of a webhook endpoint",
      access: "read",
      scope: "webhooks:read",
      response: style.shape(statusShape),
      errors,
      toInput: ({ params }) => idOf(params),
      operation: webhook.getStatus,
      toResponse: (status) => style.body(toStatus(status)),
    }),
    instanceEndpoint({
      method: "get",
      path: `${path}/stats`,
      summary: "Get statistics of the deliveries to a webhook endpoint",
      access: "read",
      scope: "webhooks:read",
      response: style.shape(statsShape),
      errors,
      toInput: ({ params }) => idOf(params),
      operation: webhook.getStats,
      toResponse: (stats) => style.body(stats),
    }),
    deletion(instanceEndpoint, base, kind),
  ];
}
