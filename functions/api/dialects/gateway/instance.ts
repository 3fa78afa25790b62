import * as z from "zod";
import { instanceName, webhookSecret, webhookUrl } from "../../../../core/instance-management/settings.ts";
import { callerEndpoint, commandEndpoint, instanceEndpoint } from "../../engine/endpoint.ts";
import * as instance from "../../operations/instance.ts";
import { isoDate } from "../../shape/common.ts";
import { instanceEventQueue, instanceStatus, phoneNumber } from "../../shape/instance.ts";
import { envelope, enveloped } from "./envelope.ts";

const created = z.object({
  id: z.string(),
  name: z.string(),
  webhookUrl: z.string().nullable(),
  eventQueue: z.string().nullable(),
  status: instanceStatus,
  createdAt: isoDate,
});

const detailed = created.extend({
  /** Why the instance is not connected; null while connected. */
  statusReason: z.string().nullable(),
  hasQr: z.boolean(),
  phoneNumber: z.string().nullable(),
  pushName: z.string().nullable(),
  connectedAt: isoDate.nullable(),
});

const toCreated = (one: Parameters<typeof toDetailed>[0] | Awaited<ReturnType<typeof instance.createInstance>>) => ({
  id: one.id,
  name: one.name,
  webhookUrl: one.webhookUrl,
  eventQueue: one.eventQueue,
  status: one.status,
  createdAt: one.createdAt.toISOString(),
});

const toDetailed = (one: instance.InstanceView): z.input<typeof detailed> => ({
  ...toCreated(one),
  statusReason: one.statusReason,
  hasQr: one.connectionStatus.hasQr,
  phoneNumber: one.phoneNumber,
  pushName: one.pushName,
  connectedAt: one.connectedAt?.toISOString() ?? null,
});

const reference = envelope(z.object({ id: z.string() }));
/** Answers with the instance and a message. */
const confirm =
  (message: string) =>
  (_result: unknown, { params }: { params: { instanceId: string } }) =>
    enveloped({ id: params.instanceId }, message);

export const instanceEndpoints = [
  callerEndpoint({
    method: "post",
    path: "/api/instance/create",
    summary: "Create an instance",
    description: "The session then opens and offers a QR code.",
    access: "write",
    body: z.object({
      name: instanceName,
      webhookUrl: z.union([webhookUrl, z.literal(""), z.null()]).optional(),
      /** The secret that signs webhooks. */
      webhookSecret: webhookSecret.optional(),
      eventQueue: instanceEventQueue,
    }),
    answer: envelope(created),
    status: 201,
    secrets: true,
    in: ({ body }) => ({
      ...body,
      webhookUrl: body.webhookUrl || null,
      eventQueue: body.eventQueue || null,
      dialect: "gateway" as const,
    }),
    does: instance.createInstance,
    out: (one) => enveloped(toCreated(one), "Instance created successfully. Please scan the QR code."),
  }),
  callerEndpoint({
    method: "get",
    path: "/api/instance",
    summary: "List your instances",
    access: "read",
    answer: envelope(z.array(detailed)),
    in: () => undefined,
    does: instance.listInstances,
    out: (listed) => enveloped(listed.map(toDetailed)),
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/instance/{instanceId}/status",
    summary: "Get an instance and its connection status",
    access: "read",
    answer: envelope(detailed),
    in: () => undefined,
    does: instance.getInstance,
    out: (one) => enveloped(toDetailed(one)),
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/instance/{instanceId}/qr",
    summary: "Get the current QR code, as the text to draw",
    access: "read",
    answer: envelope(z.object({ id: z.string(), qrCode: z.string(), expiresAt: isoDate })),
    errors: ["qr_not_available", "instance_already_connected"],
    secrets: true,
    in: () => undefined,
    does: instance.getQr,
    out: ({ qrCode, expiresAt }, { params }) =>
      enveloped({ id: params.instanceId, qrCode, expiresAt: expiresAt.toISOString() }),
  }),
  instanceEndpoint({
    method: "delete",
    path: "/api/instance/{instanceId}",
    summary: "Log out of WhatsApp and delete the instance with all its data",
    access: "write",
    answer: reference,
    mayPend: true,
    in: () => undefined,
    does: instance.deleteInstance,
    out: confirm("Instance deleted successfully"),
  }),
  instanceEndpoint({
    method: "post",
    path: "/api/instance/{instanceId}/restart",
    summary: "Restart the session of an instance",
    access: "write",
    answer: reference,
    mayPend: true,
    in: () => undefined,
    does: instance.restartInstance,
    out: confirm("Instance restarted successfully"),
  }),
  instanceEndpoint({
    method: "post",
    path: "/api/instance/{instanceId}/logout",
    summary: "Log out of WhatsApp",
    description: "Unlinks the account. To link it again, scan a new QR code.",
    access: "write",
    answer: reference,
    mayPend: true,
    in: () => undefined,
    does: instance.logoutInstance,
    out: confirm("Instance logged out successfully"),
  }),
  commandEndpoint({
    method: "post",
    path: "/api/instance/{instanceId}/pairing-code",
    access: "write",
    command: "instance.requestPairingCode",
    body: z.object({ phoneNumber }),
    answer: envelope(z.object({ pairingCode: z.string(), expiresAt: isoDate })),
    in: ({ body }) => body,
    out: ({ code, expiresAt }) => enveloped({ pairingCode: code, expiresAt }),
  }),
];
