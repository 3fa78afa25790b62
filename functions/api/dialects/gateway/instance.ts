import * as z from "zod";
import { passkeyAnswer, passkeyOptions } from "../../../../core/instance/passkey.ts";
import {
  accountSettings,
  showAccountSettings,
  shownAccountSettings,
} from "../../../../core/instance/setting/account.ts";
import { effectiveSettings } from "../../../../core/instance/setting/effective.ts";
import { instanceName, webhookSecret, webhookUrl } from "../../../../core/instance/setting/webhook.ts";
import { shownRestrictions } from "../../../../core/restriction/index.ts";
import { commandEndpoint } from "../../engine/command-endpoint.ts";
import { callerEndpoint, instanceEndpoint } from "../../engine/endpoint.ts";
import * as instances from "../../operations/instance.ts";
import { isoDate } from "../../shape/common.ts";
import { instanceEventQueue, instanceStatus, metadataFilter, phoneNumber } from "../../shape/instance.ts";
import { oneSession, sessionFields, sessionSource } from "../../shape/session-import.ts";
import { envelope, enveloped } from "./envelope.ts";

const created = z.object({
  id: z.string(),
  name: z.string(),
  webhookUrl: z.string().nullable(),
  eventQueue: z.string().nullable(),
  ...shownAccountSettings.shape,
  status: instanceStatus,
  createdAt: isoDate,
});

const detailed = created.extend({
  /** Why the instance is not connected; null while connected. */
  statusReason: z.string().nullable(),
  /** What has happened and what to do, in English. */
  statusDetails: z.string().nullable(),
  /** When the reason ends, for example a temporary ban. Null if it has no known end. */
  statusUntil: isoDate.nullable(),
  hasQr: z.boolean(),
  phoneNumber: z.string().nullable(),
  pushName: z.string().nullable(),
  connectedAt: isoDate.nullable(),
  restrictions: shownRestrictions,
  /** Since when the sends are paused; null while they are not. */
  sendsPausedAt: isoDate.nullable(),
});

const toCreated = (
  instance: Parameters<typeof toDetailed>[0] | Awaited<ReturnType<typeof instances.createInstance>>,
) => ({
  id: instance.id,
  name: instance.name,
  webhookUrl: instance.webhookUrl,
  eventQueue: instance.eventQueue,
  ...showAccountSettings(instance),
  status: instance.status,
  createdAt: instance.createdAt.toISOString(),
});

const toDetailed = (instance: instances.InstanceView): z.input<typeof detailed> => ({
  ...toCreated(instance),
  statusReason: instance.statusReason,
  statusDetails: instance.connectionStatus.details,
  statusUntil: instance.connectionStatus.until,
  hasQr: instance.connectionStatus.hasQr,
  phoneNumber: instance.phoneNumber,
  pushName: instance.pushName,
  connectedAt: instance.connectedAt?.toISOString() ?? null,
  restrictions: instance.shownRestrictions,
  sendsPausedAt: instance.sendsPausedAt?.toISOString() ?? null,
});

const reference = envelope(z.object({ id: z.string() }));
/** Returns a `toResponse` function for a response with the id of the instance and a message. */
const confirm =
  (message: string) =>
  (_result: unknown, { params }: { params: { instanceId: string } }) =>
    enveloped({ id: params.instanceId }, message);

/** Accepts null or an empty string for "none". Forms send an empty string. */
const clearable = <Schema extends z.ZodType>(schema: Schema) => z.union([schema, z.literal(""), z.null()]).optional();

const createBody = z.object({
  name: instanceName,
  webhookUrl: clearable(webhookUrl),
  /** The secret that signs webhooks. */
  webhookSecret: webhookSecret.optional(),
  eventQueue: instanceEventQueue,
  ...accountSettings.shape,
});

const toSettings = (body: z.output<typeof createBody>) => ({
  ...body,
  webhookUrl: body.webhookUrl || null,
  eventQueue: body.eventQueue || null,
  dialect: "gateway" as const,
});

export const instanceEndpoints = [
  callerEndpoint({
    method: "post",
    path: "/api/instance/create",
    summary: "Create an instance",
    description: "The session then starts and provides a QR code.",
    access: "write",
    scope: "instances:write",
    body: createBody,
    response: envelope(created),
    status: 201,
    errors: ["quota_exceeded"],
    secrets: true,
    toInput: ({ body }) => toSettings(body),
    operation: instances.createInstance,
    toResponse: (newInstance) =>
      enveloped(toCreated(newInstance), "Instance created successfully. Please scan the QR code."),
  }),
  callerEndpoint({
    method: "post",
    path: "/api/instance/import",
    summary: "Create an instance with the session of another program",
    description:
      "Continues a linked device of Baileys, Evolution API or WAHA, without a QR code. Stop the other program first.",
    access: "write",
    scope: "instances:write",
    body: oneSession(createBody.extend(sessionFields.shape)),
    response: envelope(created),
    status: 201,
    errors: ["session_not_usable", "already_exists", "quota_exceeded"],
    secrets: true,
    toInput: ({ body: { session, archive, ...body } }) => ({
      fields: toSettings(body),
      source: sessionSource({ session, archive }),
    }),
    operation: instances.importInstance,
    toResponse: (newInstance) => enveloped(toCreated(newInstance), "Session imported successfully"),
  }),
  instanceEndpoint({
    method: "post",
    path: "/api/instance/{instanceId}/import",
    summary: "Give the session of another program to an instance that is not linked",
    access: "write",
    scope: "instances:write",
    body: oneSession(sessionFields),
    response: reference,
    errors: ["session_not_usable", "already_exists", "conflict"],
    secrets: true,
    toInput: ({ body }) => sessionSource(body),
    operation: instances.importSession,
    toResponse: confirm("Session imported successfully"),
  }),
  callerEndpoint({
    method: "get",
    path: "/api/instance",
    summary: "List your instances",
    access: "read",
    scope: "instances:read",
    limitable: true,
    query: metadataFilter,
    response: envelope(z.array(detailed)),
    toInput: ({ query }) => query,
    operation: instances.listInstances,
    toResponse: (listed) => enveloped(listed.map(toDetailed)),
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/instance/{instanceId}/status",
    summary: "Get an instance and its connection status",
    access: "read",
    scope: "instances:read",
    response: envelope(detailed),
    toInput: () => undefined,
    operation: instances.getInstance,
    toResponse: (found) => enveloped(toDetailed(found)),
  }),
  instanceEndpoint({
    method: "put",
    path: "/api/instance/{instanceId}",
    summary: "Update the settings of an instance",
    description: "Changes only the given settings.",
    access: "write",
    scope: "instances:write",
    body: createBody.extend({ name: instanceName.optional(), webhookSecret: clearable(webhookSecret) }),
    response: envelope(detailed),
    secrets: true,
    toInput: ({ body: { webhookUrl: url, webhookSecret: secret, eventQueue, ...body } }) => ({
      ...body,
      webhookUrl: url === "" ? null : url,
      webhookSecret: secret === "" ? null : secret,
      eventQueue: eventQueue === "" ? null : eventQueue,
    }),
    operation: instances.changeInstance,
    toResponse: (changed) => enveloped(toDetailed(changed), "Instance updated successfully"),
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/instance/{instanceId}/settings",
    summary: "Get the settings of an instance as they apply, and where each comes from",
    access: "read",
    scope: "instances:read",
    response: envelope(effectiveSettings),
    toInput: () => undefined,
    operation: instances.readSettings,
    toResponse: (settings) => enveloped(settings),
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/instance/{instanceId}/qr",
    summary: "Get the current QR code, as the text to draw",
    access: "read",
    scope: "instances:read",
    response: envelope(z.object({ id: z.string(), qrCode: z.string(), expiresAt: isoDate })),
    errors: ["qr_not_available", "instance_already_connected"],
    secrets: true,
    toInput: () => undefined,
    operation: instances.getQr,
    toResponse: ({ qrCode, expiresAt }, { params }) =>
      enveloped({ id: params.instanceId, qrCode, expiresAt: expiresAt.toISOString() }),
  }),
  instanceEndpoint({
    method: "delete",
    path: "/api/instance/{instanceId}",
    summary: "Log out of WhatsApp and delete the instance with all its data",
    access: "write",
    scope: "instances:write",
    response: reference,
    mayPend: true,
    toInput: () => undefined,
    operation: instances.deleteInstance,
    toResponse: confirm("Instance deleted successfully"),
  }),
  instanceEndpoint({
    method: "post",
    path: "/api/instance/{instanceId}/restart",
    summary: "Restart the session of an instance",
    access: "write",
    scope: "instances:write",
    response: reference,
    mayPend: true,
    toInput: () => undefined,
    operation: instances.restartInstance,
    toResponse: confirm("Instance restarted successfully"),
  }),
  instanceEndpoint({
    method: "post",
    path: "/api/instance/{instanceId}/logout",
    summary: "Log out of WhatsApp",
    description: "Unlinks the account. To link it again, scan a new QR code.",
    access: "write",
    scope: "instances:write",
    response: reference,
    mayPend: true,
    toInput: () => undefined,
    operation: instances.logoutInstance,
    toResponse: confirm("Instance logged out successfully"),
  }),
  commandEndpoint({
    method: "post",
    path: "/api/instance/{instanceId}/pairing-code",
    access: "write",
    command: "instance.requestPairingCode",
    check: instances.assertPairingAllowed,
    body: z.object({ phoneNumber }),
    response: envelope(z.object({ pairingCode: z.string(), expiresAt: isoDate })),
    toInput: ({ body }) => body,
    toResponse: ({ code, expiresAt }) => enveloped({ pairingCode: code, expiresAt }),
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/instance/{instanceId}/passkey",
    summary: "Get WhatsApp's request for a passkey, to answer it in a browser",
    access: "write",
    scope: "instances:write",
    response: envelope(z.object({ publicKey: passkeyOptions, expiresAt: isoDate })),
    errors: ["conflict"],
    secrets: true,
    toInput: () => undefined,
    operation: instances.getPasskeyRequest,
    toResponse: ({ publicKey, expiresAt }) => enveloped({ publicKey, expiresAt: expiresAt.toISOString() }),
  }),
  commandEndpoint({
    method: "post",
    path: "/api/instance/{instanceId}/passkey",
    access: "write",
    command: "instance.answerPasskey",
    body: passkeyAnswer,
    response: envelope(z.object({ confirmationCode: z.string().nullable() })),
    toInput: ({ body }) => body,
    toResponse: ({ confirmationCode }) => enveloped({ confirmationCode }),
  }),
  commandEndpoint({
    method: "post",
    path: "/api/instance/{instanceId}/passkey/confirm",
    access: "write",
    command: "instance.confirmPasskey",
    response: reference,
    toInput: () => ({}),
    toResponse: confirm("The phone links the instance now"),
  }),
];
