import { expect } from "vitest";
import type { Phone } from "../../infra/local/whatsapp/index.ts";
import type { TestGateway } from "../support/gateway.ts";

/** What the requests are made of. */
export interface World {
  gate: TestGateway;
  owner: Phone;
  bob: Phone;
  /** An instance that is connected, and one that nobody has linked. */
  connected: string;
  unlinked: string;
  /** A message of Bob's, one to him, and one of his with a file that is in the bucket. */
  received: string;
  sent: string;
  withFile: string;
  /** A user with a password, and a key of theirs. */
  user: { id: string; email: string; password: string; key: string; keyId: string };
  adminEmail: string;
  adminPassword: string;
  /** Ids of what earlier requests have made. */
  made: Map<string, string>;
}

export interface Request {
  /** In place of the path's parameters, besides `instanceId`. */
  params?: Record<string, string>;
  query?: string;
  body?: unknown;
  /** As whom; the first admin unless said otherwise. */
  key?: string | null;
  headers?: Record<string, string>;
}

export interface Case {
  /** Answers with the row's status. An instance in the path is the connected one, or what `on` makes. */
  happy(world: World): Request | Promise<Request>;
  /** Makes an instance for a request that ends it. */
  on?(world: World): Promise<string>;
  /** What the happy answer shows besides its shape. */
  answers?: unknown;
  /** Each is refused with 400. */
  invalid?: Request[];
  /** What it answers for an instance that is not connected: `409`, or the status of a happy answer, or another reason. */
  unconnected?: number;
  /** In place of the happy request, where that would be refused for another reason. */
  whileUnconnected?(world: World): Request;
  /** Keeps the id that the happy request has made. */
  keep?: [field: string, name: string];
}

const bob = "4915550000002";
const fresh = (world: World) => world.gate.createInstance();
const page: Request[] = [{ query: "limit=0" }, { query: "skip=-1" }];
const dates: Request[] = [...page, { query: "startDate=yesterday" }, { query: "endDate=2023-13-01" }];
const wrongText: Request[] = [
  { body: {} },
  { body: { phone: bob } },
  { body: { phone: "12", message: "x" } },
  { body: { phone: bob, message: "" } },
  { body: { phone: bob, message: "x", sendAt: "2020-01-01T00:00:00Z" } },
  { body: { phone: bob, message: "x", mentions: ["nobody"] } },
];
const later = () => new Date(Date.now() + 3_600_000).toISOString();

/** A delivery that has arrived. */
async function delivered({ gate, connected }: World): Promise<Request> {
  const path = `/api/instances/${connected}/webhooks/deliveries?status=succeeded&limit=1`;
  const { body } = await gate.api("GET", path);
  return { params: { deliveryId: body.deliveries[0].id } };
}

export function formOf(fields: Record<string, string | Blob>): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    if (typeof value === "string") form.append(name, value);
    else form.append(name, value, "notes.txt");
  }
  return form;
}

/** One for each endpoint of the dialect: a missing one fails the test. */
export const cases: Record<string, Case> = {
  "POST /api/auth/login": {
    happy: ({ adminEmail, adminPassword }) => ({ key: null, body: { email: adminEmail, password: adminPassword } }),
    invalid: [
      { key: null, body: { email: "nobody" } },
      { key: null, body: {} },
    ],
  },
  "GET /api/auth/me": { happy: () => ({}) },
  "PUT /api/auth/me": {
    happy: ({ user }) => ({ key: user.key, body: { firstName: "Ann", timeZone: "Asia/Kolkata" } }),
    answers: { firstName: "Ann", timeZone: "Asia/Kolkata" },
    invalid: [{ body: { timeZone: "Mars/Olympus" } }, { body: { allowedIps: ["nowhere"] } }],
  },
  "POST /api/auth/change-password": {
    happy: ({ user }) => ({
      key: user.key,
      body: { currentPassword: user.password, newPassword: `${user.password} anew` },
    }),
    invalid: [{ body: { currentPassword: "x", newPassword: "short" } }, { body: {} }],
  },
  "POST /api/auth/rotate-key": {
    happy: ({ user }) => ({ key: user.key, body: { overlapSeconds: 3600 } }),
    invalid: [{ body: { overlapSeconds: -1 } }],
  },
  "POST /api/users": {
    happy: () => ({ body: { email: "made@example.com" } }),
    keep: ["id", "user"],
    invalid: [{ body: {} }, { body: { email: "made" } }, { body: { email: "x@example.com", role: "god" } }],
  },
  "GET /api/users": { happy: () => ({ query: "limit=1" }), invalid: page },
  "GET /api/users/{userId}": { happy: ({ made }) => ({ params: { userId: made.get("user") ?? "" } }) },
  "PUT /api/users/{userId}": {
    happy: ({ made }) => ({ params: { userId: made.get("user") ?? "" }, body: { disabled: true } }),
    answers: { disabled: true },
    invalid: [{ params: { userId: "x" }, body: { role: "god" } }],
  },
  "DELETE /api/users/{userId}": { happy: ({ made }) => ({ params: { userId: made.get("user") ?? "" } }) },
  "GET /api/keys": { happy: () => ({}) },
  "POST /api/keys": {
    happy: () => ({ body: { name: "another" } }),
    keep: ["id", "key"],
    invalid: [{ body: {} }, { body: { name: "x", permissions: ["all"] } }],
  },
  "PUT /api/keys/{keyId}": {
    happy: ({ made }) => ({ params: { keyId: made.get("key") ?? "" }, body: { name: "renamed" } }),
    answers: { name: "renamed" },
    invalid: [{ params: { keyId: "x" }, body: { name: "" } }],
  },
  "DELETE /api/keys/{keyId}": { happy: ({ made }) => ({ params: { keyId: made.get("key") ?? "" } }) },
  "POST /api/instances": {
    happy: ({ gate }) => ({ body: { name: "one more", webhookUrl: gate.receiver.url } }),
    invalid: [
      { body: {} },
      { body: { name: "x", webhookUrl: "ftp://example.com" } },
      { body: { name: "x", webhookHeaders: { host: "evil" } } },
    ],
  },
  "GET /api/instances": { happy: () => ({}) },
  "GET /api/instances/{instanceId}": { happy: () => ({}), unconnected: 200 },
  "PUT /api/instances/{instanceId}": {
    happy: () => ({ body: { description: "changed" } }),
    answers: { description: "changed" },
    invalid: [{ body: { maxRetries: -1 } }, { body: { webhookSettings: { retryInterval: 1 } } }],
    unconnected: 200,
  },
  "DELETE /api/instances/{instanceId}": { happy: () => ({}), on: fresh },
  "POST /api/instances/{instanceId}/reconnect": { happy: () => ({}), on: fresh },
  "POST /api/instances/{instanceId}/disable": { happy: () => ({}), on: fresh },
  "POST /api/instances/{instanceId}/enable": { happy: () => ({}), on: fresh },
  "POST /api/instances/{instanceId}/webhook-secret": {
    happy: () => ({ body: { overlapSeconds: 60 } }),
    invalid: [{ body: { secret: "" } }],
    unconnected: 200,
  },
  "POST /api/instances/{instanceId}/logout": { happy: () => ({}), on: fresh },
  "GET /api/instances/{instanceId}/qr": {
    happy: () => ({}),
    on: async ({ unlinked }) => unlinked,
    invalid: [{ query: "format=gif" }],
  },
  "POST /api/instances/{instanceId}/pairing-code": {
    happy: () => ({ body: { phoneNumber: "+49 1555 0000009" } }),
    on: fresh,
    invalid: [{ body: {} }, { body: { phoneNumber: "12" } }],
  },
  "GET /api/instances/{instanceId}/activity": {
    happy: () => ({ query: "limit=10&skip=0&actions=connection_opened&startDate=2023-01-01&endDate=2100-01-01" }),
    answers: { logs: [{ action: "connection_opened" }], pagination: { total: 1, hasMore: false } },
    invalid: dates,
    unconnected: 200,
  },
  "GET /api/instances/{instanceId}/chats/{chatId}/messages": {
    happy: () => ({ params: { chatId: `${bob}@s.whatsapp.net` }, query: "limit=2&skip=1&startDate=2023-01-01" }),
    answers: { pagination: { limit: 2, skip: 1 } },
    invalid: [{ params: { chatId: "nobody" } }, ...dates.map((one) => ({ ...one, params: { chatId: bob } }))],
    unconnected: 200,
  },
  "GET /api/whatsapp/{instanceId}/status": { happy: () => ({}), answers: { ready: true }, unconnected: 200 },
  "GET /api/whatsapp/{instanceId}/qr": { happy: () => ({}), on: async ({ unlinked }) => unlinked },
  "POST /api/whatsapp/{instanceId}/send": {
    happy: () => ({ body: { phone: bob, message: "Hi! How are you?" } }),
    invalid: wrongText,
    unconnected: 409,
  },
  "POST /api/whatsapp/{instanceId}/logout": { happy: () => ({}), on: fresh },
  "GET /api/whatsapp/{instanceId}/contacts": { happy: () => ({}), unconnected: 200 },
  "GET /api/whatsapp/{instanceId}/contacts/{contactId}": {
    happy: () => ({ params: { contactId: bob } }),
    answers: { number: bob, isGroup: false },
    unconnected: 404,
  },
  "GET /api/whatsapp/{instanceId}/check/{phone}": {
    happy: () => ({ params: { phone: bob } }),
    answers: { exists: true },
    invalid: [{ params: { phone: "12" } }],
    unconnected: 409,
  },
  "POST /api/whatsapp/{instanceId}/check": {
    happy: () => ({ body: { phones: [bob, "4915559999999"] } }),
    invalid: [{ body: {} }, { body: { phones: [] } }, { body: { phones: ["12"] } }],
    unconnected: 409,
  },
  "PUT /api/whatsapp/{instanceId}/messages/{messageId}": {
    happy: ({ sent }) => ({ params: { messageId: sent }, body: { message: "edited" } }),
    invalid: [{ params: { messageId: "x" }, body: {} }],
    unconnected: 409,
  },
  "POST /api/whatsapp/{instanceId}/messages/{messageId}/reaction": {
    happy: ({ received }) => ({ params: { messageId: received }, body: { reaction: "👍" } }),
    invalid: [{ params: { messageId: "x" }, body: {} }],
    unconnected: 409,
  },
  "DELETE /api/whatsapp/{instanceId}/messages/{messageId}": {
    happy: ({ sent }) => ({ params: { messageId: sent } }),
    unconnected: 409,
  },
  "POST /api/whatsapp/{instanceId}/typing": {
    happy: () => ({ body: { phone: bob, state: "composing" } }),
    invalid: [{ body: {} }, { body: { phone: bob, state: "thinking" } }],
    unconnected: 409,
  },
  "POST /api/whatsapp/{instanceId}/read": {
    happy: ({ received }) => ({ body: { messageIds: [received] } }),
    invalid: [{ body: {} }, { body: { messageIds: [] } }],
    unconnected: 409,
  },
  "POST /api/whatsapp/{instanceId}/send-media": {
    happy: ({ made }) => ({ body: { phone: bob, uploadId: made.get("upload"), caption: "c", filename: "notes.txt" } }),
    invalid: [
      { body: { phone: bob } },
      { body: { phone: bob, url: "file:///etc/passwd" } },
      { body: { phone: bob, url: "https://example.com/a", uploadId: "b" } },
    ],
    whileUnconnected: () => ({ body: { phone: bob, url: "https://example.com/a.jpg" } }),
    unconnected: 409,
  },
  "POST /api/whatsapp/{instanceId}/send-file": {
    happy: () => ({ body: formOf({ phone: bob, caption: "notes", file: new Blob(["some notes"]) }) }),
    invalid: [{ body: formOf({ phone: bob }) }, { body: formOf({ phone: bob, file: "a text" }) }],
    unconnected: 409,
  },
  "POST /api/whatsapp/{instanceId}/uploads": {
    happy: () => ({ body: { size: 10, filename: "notes.txt", contentType: "text/plain" } }),
    keep: ["uploadId", "upload"],
    invalid: [{ body: {} }, { body: { size: 0 } }, { body: { size: 2 ** 40 } }],
    unconnected: 201,
  },
  "GET /api/instances/{instanceId}/messages/{messageId}/media": {
    happy: ({ withFile }) => ({ params: { messageId: withFile }, query: "format=json" }),
    invalid: [{ params: { messageId: "x" }, query: "format=zip" }],
    unconnected: 404,
  },
  "GET /api/whatsapp/{instanceId}/scheduled": { happy: () => ({}), invalid: page, unconnected: 200 },
  "DELETE /api/whatsapp/{instanceId}/scheduled/{messageId}": {
    happy: async ({ gate, connected }) => {
      const body = { phone: bob, message: "later", sendAt: later() };
      const { id } = (await gate.api("POST", `/api/whatsapp/${connected}/send`, { body })).body;
      return { params: { messageId: id } };
    },
    unconnected: 404,
  },
  "POST /api/whatsapp/{instanceId}/bulk": {
    happy: () => ({ body: { recipients: [{ phone: bob }], message: "to many", sendAt: later() } }),
    keep: ["bulkId", "bulk"],
    invalid: [{ body: {} }, { body: { recipients: [], message: "x" } }, { body: { recipients: [{ phone: bob }] } }],
    unconnected: 409,
  },
  "GET /api/whatsapp/{instanceId}/bulk": { happy: () => ({}), invalid: page, unconnected: 200 },
  "GET /api/whatsapp/{instanceId}/bulk/{bulkId}": {
    happy: ({ made }) => ({ params: { bulkId: made.get("bulk") ?? "" } }),
    unconnected: 404,
  },
  "GET /api/whatsapp/{instanceId}/bulk/{bulkId}/recipients": {
    happy: ({ made }) => ({ params: { bulkId: made.get("bulk") ?? "" } }),
    invalid: [{ params: { bulkId: "x" }, query: "status=flying" }],
    unconnected: 404,
  },
  "DELETE /api/whatsapp/{instanceId}/bulk/{bulkId}": {
    happy: ({ made }) => ({ params: { bulkId: made.get("bulk") ?? "" } }),
    unconnected: 404,
  },
  "GET /api/instances/{instanceId}/webhooks/deliveries": {
    happy: () => ({ query: "limit=2&status=succeeded&event=message_received" }),
    answers: { deliveries: expect.arrayContaining([expect.objectContaining({ event: "message_received" })]) },
    invalid: [...dates, { query: "status=lost" }],
    unconnected: 200,
  },
  "GET /api/instances/{instanceId}/webhooks/deliveries/{deliveryId}": {
    happy: delivered,
    answers: { attempts: [{ number: 1, status: 200 }] },
    unconnected: 404,
  },
  "POST /api/instances/{instanceId}/webhooks/deliveries/{deliveryId}/replay": { happy: delivered, unconnected: 404 },
  "POST /api/instances/{instanceId}/webhooks/replay": {
    happy: () => ({ body: { from: "2023-01-01T00:00:00Z", to: later() } }),
    invalid: [{ body: {} }, { body: { from: "yesterday", to: "today" } }],
    unconnected: 200,
  },
  "POST /api/instances/{instanceId}/webhooks/test": {
    happy: () => ({}),
    answers: { delivered: true, status: 200 },
    unconnected: 200,
  },
  "GET /api/instances/{instanceId}/webhooks/status": {
    happy: () => ({}),
    answers: { enabled: true, url: expect.stringContaining("/webhook") },
    unconnected: 200,
  },
  "GET /api/commands/{commandId}": {
    happy: async ({ gate, connected }) => {
      const [row] = await gate.db.sql`select id from commands where instance_id = ${connected} limit 1`;
      return { params: { commandId: row?.id } };
    },
  },
  "GET /api/stats/user": {
    happy: () => ({ query: "period=week&timeZone=Europe/Berlin" }),
    invalid: [{ query: "period=decade" }, { query: "timeZone=Mars/Olympus" }],
  },
  "GET /api/stats/instances/{instanceId}": {
    happy: () => ({ query: "period=today" }),
    invalid: [{ query: "period=decade" }],
    unconnected: 200,
  },
  "GET /api/stats/system": { happy: () => ({}), invalid: [{ query: "period=decade" }] },
  "GET /api/instances/{instanceId}/events": {
    happy: () => ({ query: "since=1&limit=2" }),
    answers: { events: [{ sequence: 2 }, { sequence: 3 }], hasMore: true },
    invalid: [{ query: "since=-1" }, { query: "limit=0" }, { query: "types=message.teleported" }],
    unconnected: 200,
  },
};
