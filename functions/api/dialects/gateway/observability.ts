import * as z from "zod";
import { callerEndpoint, publicEndpoint } from "../../engine/endpoint.ts";
import { environment, health, now, restart, status, stop, versions } from "../../operations/observability.ts";
import { getQuotas } from "../../operations/quota.ts";
import { isoDate, pageQuery } from "../../shape/common.ts";
import { quotasShape, toQuotas } from "../../shape/quota.ts";
import { envelope, enveloped } from "./envelope.ts";
import * as shapes from "./observability-shapes.ts";

export const observabilityEndpoints = [
  publicEndpoint({
    method: "get",
    path: "/api/observability/ping",
    summary: "Check whether the API responds",
    access: "public",
    response: z.object({ success: z.literal(true), message: z.literal("pong"), timestamp: isoDate }),
    toInput: () => undefined,
    operation: now,
    toResponse: (timestamp) => ({
      success: true as const,
      message: "pong" as const,
      timestamp: timestamp.toISOString(),
    }),
  }),
  publicEndpoint({
    method: "get",
    path: "/api/observability/health",
    summary: "Check the health of the gateway",
    description:
      "Checks whether the database and the queues respond and whether session hosts serve all instances. Responds with 503 otherwise. Uptime, memory, instances, hosts and shards are only for admins, unless the setting HEALTH_DETAILS is public.",
    access: "recognized",
    response: envelope(shapes.health),
    toInput: () => undefined,
    operation: health,
    toResponse: (state) => enveloped(shapes.toHealth(state)),
  }),
  callerEndpoint({
    method: "get",
    path: "/api/observability/version",
    summary: "Get the versions of the gateway and its runtime",
    access: "read",
    scope: "system:read",
    limitable: true,
    response: envelope(
      z.object({ version: z.string(), node: z.string(), baileys: z.string(), commit: z.string().nullable() }),
    ),
    toInput: () => undefined,
    operation: versions,
    toResponse: (result) => enveloped(result),
  }),
  callerEndpoint({
    method: "get",
    path: "/api/observability/environment",
    summary: "Get the configuration of this API, without secrets",
    access: "admin",
    scope: "system:admin",
    response: envelope(shapes.environment),
    toInput: () => undefined,
    operation: environment,
    toResponse: (result) => enveloped(result),
  }),
  callerEndpoint({
    method: "get",
    path: "/api/observability/status",
    summary: "Get the state of the gateway",
    description:
      "Covers the database, the queues and your instances and, for admins, this process, the session hosts and every instance.",
    access: "read",
    scope: "system:read",
    query: pageQuery(100).pick({ limit: true, skip: true }),
    response: envelope(shapes.status),
    toInput: ({ query }) => ({ limit: query.limit ?? 100, skip: query.skip ?? 0 }),
    operation: status,
    toResponse: (state) => enveloped(shapes.toStatus(state)),
  }),
  callerEndpoint({
    method: "get",
    path: "/api/observability/quotas",
    summary: "Get the usage and the limits of your quotas",
    access: "read",
    scope: "system:read",
    response: envelope(quotasShape),
    toInput: () => undefined,
    operation: getQuotas,
    toResponse: (quotas) => enveloped(toQuotas(quotas)),
  }),
  callerEndpoint({
    method: "post",
    path: "/api/observability/stop",
    summary: "Stop all session hosts",
    description: "The hosts close their sessions without logging out, and stay stopped until a restart.",
    access: "admin",
    scope: "system:admin",
    response: envelope(shapes.order),
    toInput: () => undefined,
    operation: stop,
    toResponse: (order) =>
      enveloped(order, "The session hosts are stopping. New sends wait until POST /api/observability/restart"),
  }),
  callerEndpoint({
    method: "post",
    path: "/api/observability/restart",
    summary: "Start or restart all session hosts",
    description: "Stopped hosts start again. Running hosts restart one at a time.",
    access: "admin",
    scope: "system:admin",
    response: envelope(shapes.order),
    toInput: () => undefined,
    operation: restart,
    toResponse: (order) => enveloped(order, "The session hosts restart one at a time"),
  }),
];
