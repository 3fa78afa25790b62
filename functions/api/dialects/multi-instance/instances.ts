import * as z from "zod";
import { passkeyAnswer, passkeyOptions } from "../../../../core/instance/passkey.ts";
import { webhookSecret } from "../../../../core/instance-management/settings.ts";
import { callerEndpoint, commandEndpoint, instanceEndpoint } from "../../engine/endpoint.ts";
import * as instance from "../../operations/instance.ts";
import { isoDate, pageQuery, pageRequest, paginationShape, queryText } from "../../shape/common.ts";
import { phoneNumber } from "../../shape/instance.ts";
import { oneSession, sessionFields, sessionSource } from "../../shape/session-import.ts";
import * as shapes from "./instance-shapes.ts";
import { qrEndpoint } from "./qr.ts";
import { messageShape, successMessage } from "./success.ts";

const activityQuery = pageQuery(100).extend({
  actions: queryText(1000).optional().meta({ description: "Comma-separated actions" }),
});

export const instanceEndpoints = [
  callerEndpoint({
    method: "post",
    path: "/api/instances",
    summary: "Create an instance",
    description: "The session then starts and provides a QR code.",
    access: "write",
    body: shapes.createBody,
    response: shapes.createdShape,
    status: 201,
    errors: ["quota_exceeded"],
    secrets: true,
    toInput: ({ body }) => ({ ...shapes.toSettings(body), name: body.name, dialect: "multi-instance" as const }),
    operation: instance.createInstance,
    toResponse: (created) => ({ ...shapes.toInstance(created), userId: created.userId }),
  }),
  callerEndpoint({
    method: "post",
    path: "/api/instances/import",
    summary: "Create an instance with the session of another program",
    description:
      "Continues a linked device of Baileys, Evolution API or WAHA, without a QR code. Stop the other program first.",
    access: "write",
    body: oneSession(shapes.createBody.extend(sessionFields.shape)),
    response: shapes.createdShape,
    status: 201,
    errors: ["session_not_usable", "already_exists", "quota_exceeded"],
    secrets: true,
    toInput: ({ body: { session, archive, ...body } }) => ({
      fields: { ...shapes.toSettings(body), name: body.name, dialect: "multi-instance" as const },
      source: sessionSource({ session, archive }),
    }),
    operation: instance.importInstance,
    toResponse: (created) => ({ ...shapes.toInstance(created), userId: created.userId }),
  }),
  instanceEndpoint({
    method: "post",
    path: "/api/instances/{instanceId}/import",
    summary: "Give the session of another program to an instance that is not linked",
    access: "write",
    body: oneSession(sessionFields),
    response: messageShape,
    errors: ["session_not_usable", "already_exists", "conflict"],
    secrets: true,
    toInput: ({ body }) => sessionSource(body),
    operation: instance.importSession,
    toResponse: () => successMessage("Session imported"),
  }),
  callerEndpoint({
    method: "get",
    path: "/api/instances",
    summary: "List your instances",
    access: "read",
    response: z.object({ instances: z.array(shapes.listedShape) }),
    toInput: () => undefined,
    operation: instance.listInstances,
    toResponse: (listed) => ({
      instances: listed.map((each) => ({
        ...shapes.toInstance(each),
        connectionStatus: each.connectionStatus,
        restrictions: each.shownRestrictions,
      })),
    }),
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/instances/{instanceId}",
    summary: "Get an instance with its settings",
    access: "read",
    response: shapes.detailedShape,
    toInput: () => undefined,
    operation: instance.getInstance,
    toResponse: (found) => ({
      ...shapes.toInstance(found),
      webhookSettings: shapes.toWebhookSettings(found),
      eventDelivery: shapes.toEventDelivery(found.sink),
      connectionStatus: found.connectionStatus,
      restrictions: found.shownRestrictions,
    }),
  }),
  instanceEndpoint({
    method: "put",
    path: "/api/instances/{instanceId}",
    summary: "Change the settings of an instance; omitted fields keep their values",
    access: "write",
    body: shapes.updateBody,
    response: shapes.updatedShape,
    secrets: true,
    toInput: ({ body }) => shapes.toSettings(body),
    operation: instance.updateInstance,
    toResponse: (updated) => {
      const { status: _status, createdAt: _createdAt, ...rest } = shapes.toInstance(updated);
      return rest;
    },
  }),
  instanceEndpoint({
    method: "delete",
    path: "/api/instances/{instanceId}",
    summary: "Log out of WhatsApp and delete the instance with all its data",
    access: "write",
    response: messageShape,
    mayPend: true,
    toInput: () => undefined,
    operation: instance.deleteInstance,
    toResponse: (_result, { params }) => successMessage(`Instance ${params.instanceId} deleted successfully`),
  }),
  instanceEndpoint({
    method: "post",
    path: "/api/instances/{instanceId}/reconnect",
    summary: "Restart the session of an instance",
    access: "write",
    response: messageShape,
    mayPend: true,
    toInput: () => undefined,
    operation: instance.restartInstance,
    toResponse: (_result, { params }) => successMessage(`Instance ${params.instanceId} reconnected`),
  }),
  instanceEndpoint({
    method: "post",
    path: "/api/instances/{instanceId}/disable",
    summary: "Disable an instance",
    description: "Closes the session and keeps it closed. The account stays linked.",
    access: "write",
    response: messageShape,
    mayPend: true,
    toInput: () => undefined,
    operation: instance.disableInstance,
    toResponse: (_result, { params }) => successMessage(`Instance ${params.instanceId} disabled`),
  }),
  instanceEndpoint({
    method: "post",
    path: "/api/instances/{instanceId}/enable",
    summary: "Enable an instance",
    description: "Opens the session of a disabled instance.",
    access: "write",
    response: messageShape,
    mayPend: true,
    toInput: () => undefined,
    operation: instance.enableInstance,
    toResponse: (_result, { params }) => successMessage(`Instance ${params.instanceId} enabled`),
  }),
  instanceEndpoint({
    method: "post",
    path: "/api/instances/{instanceId}/webhook-secret",
    summary: "Change the secret that signs webhooks",
    description: "During the overlap, webhooks are signed with both secrets.",
    access: "write",
    body: z
      .object({
        secret: webhookSecret.optional().meta({ description: "Default: a generated secret" }),
        overlapSeconds: z.int().min(0).max(604_800).default(86_400),
      })
      .default({ overlapSeconds: 86_400 }),
    response: z.object({ secret: z.string(), previousValidUntil: isoDate.nullable() }),
    secrets: true,
    toInput: ({ body }) => ({ secret: body.secret, overlapSeconds: body.overlapSeconds }),
    operation: instance.rotateWebhookSecret,
    toResponse: ({ secret, previousValidUntil }) => ({
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
    response: messageShape,
    mayPend: true,
    toInput: () => undefined,
    operation: instance.logoutInstance,
    toResponse: (_result, { params }) => successMessage(`Instance ${params.instanceId} logged out`),
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/instances/{instanceId}/qr",
    summary: "Get the current QR code",
    access: "read",
    ...qrEndpoint,
  }),
  commandEndpoint({
    method: "post",
    path: "/api/instances/{instanceId}/pairing-code",
    access: "write",
    command: "instance.requestPairingCode",
    check: instance.assertPairingAllowed,
    body: z.object({ phoneNumber }),
    response: z.object({ pairingCode: z.string(), expiresAt: isoDate }),
    toInput: ({ body }) => body,
    toResponse: ({ code, expiresAt }) => ({ pairingCode: code, expiresAt }),
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/instances/{instanceId}/passkey",
    summary: "Get WhatsApp's request for a passkey, to answer it in a browser",
    access: "write",
    response: z.object({ publicKey: passkeyOptions, expiresAt: isoDate }),
    errors: ["conflict"],
    secrets: true,
    toInput: () => undefined,
    operation: instance.getPasskeyRequest,
    toResponse: ({ publicKey, expiresAt }) => ({ publicKey, expiresAt: expiresAt.toISOString() }),
  }),
  commandEndpoint({
    method: "post",
    path: "/api/instances/{instanceId}/passkey",
    access: "write",
    command: "instance.answerPasskey",
    body: passkeyAnswer,
    response: z.object({ confirmationCode: z.string().nullable() }),
    toInput: ({ body }) => body,
    toResponse: ({ confirmationCode }) => ({ confirmationCode }),
  }),
  commandEndpoint({
    method: "post",
    path: "/api/instances/{instanceId}/passkey/confirm",
    access: "write",
    command: "instance.confirmPasskey",
    response: messageShape,
    toInput: () => ({}),
    toResponse: () => successMessage("The phone links the instance now"),
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/instances/{instanceId}/activity",
    summary: "List the actions on an instance, newest first",
    access: "read",
    query: activityQuery,
    response: z.object({
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
    toInput: ({ query }) => ({
      ...pageRequest(query, 100),
      actions: query.actions
        ?.split(",")
        .map((action) => action.trim())
        .filter(Boolean),
    }),
    operation: instance.getActivity,
    toResponse: ({ logs, pagination }) => ({
      logs: logs.map((log) => ({ ...log, createdAt: log.createdAt.toISOString() })),
      pagination,
    }),
  }),
];
