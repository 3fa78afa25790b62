import * as z from "zod";
import { webhookSecret } from "../../../../core/instance-management/settings.ts";
import { callerEndpoint, commandEndpoint, instanceEndpoint } from "../../engine/endpoint.ts";
import * as instance from "../../operations/instance.ts";
import { isoDate, pageQuery, pageRequest, paginationShape, queryText } from "../../shape/common.ts";
import { phoneNumber } from "../../shape/instance.ts";
import { done, doneWith } from "./done.ts";
import * as shapes from "./instance-shapes.ts";
import { qrDrawing } from "./qr.ts";

const activityQuery = pageQuery(100).extend({
  actions: queryText(1000).optional().meta({ description: "Comma-separated actions" }),
});

export const instanceEndpoints = [
  callerEndpoint({
    method: "post",
    path: "/api/instances",
    summary: "Create an instance",
    description: "The session then opens and offers a QR code.",
    access: "write",
    body: shapes.createBody,
    answer: shapes.createdShape,
    status: 201,
    secrets: true,
    in: ({ body }) => ({ ...shapes.toSettings(body), name: body.name, dialect: "multi-instance" as const }),
    does: instance.createInstance,
    out: (created) => ({ ...shapes.toInstance(created), userId: created.userId }),
  }),
  callerEndpoint({
    method: "get",
    path: "/api/instances",
    summary: "List your instances",
    access: "read",
    answer: z.object({ instances: z.array(shapes.listedShape) }),
    in: () => undefined,
    does: instance.listInstances,
    out: (listed) => ({
      instances: listed.map((one) => ({ ...shapes.toInstance(one), connectionStatus: one.connectionStatus })),
    }),
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/instances/{instanceId}",
    summary: "Get an instance with its settings",
    access: "read",
    answer: shapes.detailedShape,
    in: () => undefined,
    does: instance.getInstance,
    out: (one) => ({
      ...shapes.toInstance(one),
      webhookSettings: shapes.toWebhookSettings(one),
      eventDelivery: shapes.toEventDelivery(one.sink),
      connectionStatus: one.connectionStatus,
    }),
  }),
  instanceEndpoint({
    method: "put",
    path: "/api/instances/{instanceId}",
    summary: "Change the settings of an instance; omitted fields keep their values",
    access: "write",
    body: shapes.updateBody,
    answer: shapes.updatedShape,
    secrets: true,
    in: ({ body }) => shapes.toSettings(body),
    does: instance.updateInstance,
    out: (updated) => {
      const { status: _status, createdAt: _createdAt, ...shown } = shapes.toInstance(updated);
      return shown;
    },
  }),
  instanceEndpoint({
    method: "delete",
    path: "/api/instances/{instanceId}",
    summary: "Log out of WhatsApp and delete the instance with all its data",
    access: "write",
    answer: done,
    mayPend: true,
    in: () => undefined,
    does: instance.deleteInstance,
    out: (_result, { params }) => doneWith(`Instance ${params.instanceId} deleted successfully`),
  }),
  instanceEndpoint({
    method: "post",
    path: "/api/instances/{instanceId}/reconnect",
    summary: "Restart the session of an instance",
    access: "write",
    answer: done,
    mayPend: true,
    in: () => undefined,
    does: instance.restartInstance,
    out: (_result, { params }) => doneWith(`Instance ${params.instanceId} reconnected`),
  }),
  instanceEndpoint({
    method: "post",
    path: "/api/instances/{instanceId}/disable",
    summary: "Disable an instance",
    description: "Closes the session and keeps it closed. The account stays linked.",
    access: "write",
    answer: done,
    mayPend: true,
    in: () => undefined,
    does: instance.disableInstance,
    out: (_result, { params }) => doneWith(`Instance ${params.instanceId} disabled`),
  }),
  instanceEndpoint({
    method: "post",
    path: "/api/instances/{instanceId}/enable",
    summary: "Enable an instance",
    description: "Opens the session of a disabled instance.",
    access: "write",
    answer: done,
    mayPend: true,
    in: () => undefined,
    does: instance.enableInstance,
    out: (_result, { params }) => doneWith(`Instance ${params.instanceId} enabled`),
  }),
  instanceEndpoint({
    method: "post",
    path: "/api/instances/{instanceId}/webhook-secret",
    summary: "Change the secret that signs webhooks",
    description: "For the overlap, webhooks are signed with both secrets.",
    access: "write",
    body: z
      .object({
        secret: webhookSecret.optional().meta({ description: "Default: a generated secret" }),
        overlapSeconds: z.int().min(0).max(604_800).default(86_400),
      })
      .default({ overlapSeconds: 86_400 }),
    answer: z.object({ secret: z.string(), previousValidUntil: isoDate.nullable() }),
    secrets: true,
    in: ({ body }) => ({ secret: body.secret, overlapSeconds: body.overlapSeconds }),
    does: instance.rotateWebhookSecret,
    out: ({ secret, previousValidUntil }) => ({
      secret,
      previousValidUntil: previousValidUntil?.toISOString() ?? null,
    }),
  }),
  instanceEndpoint({
    method: "post",
    path: "/api/instances/{instanceId}/logout",
    summary: "Log out of WhatsApp",
    description: "Unlinks the account. To link it again, scan a new QR code.",
    access: "write",
    answer: done,
    mayPend: true,
    in: () => undefined,
    does: instance.logoutInstance,
    out: (_result, { params }) => doneWith(`Instance ${params.instanceId} logged out`),
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/instances/{instanceId}/qr",
    summary: "Get the current QR code",
    access: "read",
    ...qrDrawing,
  }),
  commandEndpoint({
    method: "post",
    path: "/api/instances/{instanceId}/pairing-code",
    access: "write",
    command: "instance.requestPairingCode",
    body: z.object({ phoneNumber }),
    answer: z.object({ pairingCode: z.string(), expiresAt: isoDate }),
    in: ({ body }) => body,
    out: ({ code, expiresAt }) => ({ pairingCode: code, expiresAt }),
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/instances/{instanceId}/activity",
    summary: "List the actions on an instance, newest first",
    access: "read",
    query: activityQuery,
    answer: z.object({
      logs: z.array(
        z.object({
          id: z.string(),
          instanceId: z.string(),
          action: z.string(),
          details: z.record(z.string(), z.unknown()),
          createdAt: isoDate,
        }),
      ),
      pagination: paginationShape,
    }),
    in: ({ query }) => ({
      ...pageRequest(query, 100),
      actions: query.actions
        ?.split(",")
        .map((action) => action.trim())
        .filter(Boolean),
    }),
    does: instance.getActivity,
    out: ({ logs, pagination }) => ({
      logs: logs.map((log) => ({ ...log, createdAt: log.createdAt.toISOString() })),
      pagination,
    }),
  }),
];
