import { expect } from "vitest";
import type { Phone } from "../../../../simulator/index.ts";
import { passkeyAnswer } from "../../api/valid-bodies.ts";
import { baileysSession } from "../../session-import/session.ts";
import type { Case, EndpointFixture, Request } from "../case.ts";
import { webhookCases } from "../webhooks.ts";

/** What the cases of the Multi-Instance API need. */
export interface MultiInstanceFixture extends EndpointFixture {
  owner: Phone;
  bob: Phone;
  /** Ids of a message from Bob, of one to him, and of one from him with a stored file. */
  received: string;
  sent: string;
  withFile: string;
  /** A user with a password and a key. */
  user: { id: string; email: string; password: string; key: string; keyId: string };
  adminEmail: string;
  adminPassword: string;
}

const bob = "4915550000002";
const fresh = (fixture: MultiInstanceFixture) => fixture.gate.createInstance();
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

/** The path of a successful delivery. */
async function delivered({ gate, connected }: MultiInstanceFixture): Promise<Request> {
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

/** Returns cases without their tests, which `multiInstanceEffectTests` names. */
const withoutTests = (cases: ReturnType<typeof webhookCases>): Record<string, Case<MultiInstanceFixture>> =>
  Object.fromEntries(Object.entries(cases).map(([name, { testedBy: _testedBy, ...one }]) => [name, one]));

/** One case for each endpoint of the dialect. A test fails if a case is missing. */
export const cases: Record<string, Case<MultiInstanceFixture>> = {
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
  "GET /api/users/{userId}": { happy: ({ made }) => ({ params: { userId: made.get("user") ?? "" } }), absent: {} },
  "PUT /api/users/{userId}": {
    happy: ({ made }) => ({ params: { userId: made.get("user") ?? "" }, body: { disabled: true } }),
    answers: { disabled: true },
    invalid: [{ params: { userId: "x" }, body: { role: "god" } }],
  },
  "DELETE /api/users/{userId}": { happy: ({ made }) => ({ params: { userId: made.get("user") ?? "" } }), absent: {} },
  "GET /api/audit": { happy: () => ({ query: "limit=5" }), invalid: [{ query: "limit=0" }, { query: "cursor=x" }] },
  "GET /api/keys": { happy: () => ({}), absent: { query: "userId=x" } },
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
  "DELETE /api/keys/{keyId}": { happy: ({ made }) => ({ params: { keyId: made.get("key") ?? "" } }), absent: {} },
  "POST /api/instances": {
    happy: ({ gate }) => ({ body: { name: "one more", webhookUrl: gate.receiver.url } }),
    invalid: [
      { body: {} },
      { body: { name: "x", webhookUrl: "ftp://example.com" } },
      { body: { name: "x", webhookHeaders: { host: "evil" } } },
    ],
  },
  "POST /api/instances/import": {
    happy: () => ({ body: { name: "imported", session: baileysSession("4915550000903:9") } }),
    answers: { name: "imported" },
    invalid: [{ body: { name: "x" } }, { body: { name: "x", session: {}, archive: "AAAA" } }],
  },
  "POST /api/instances/{instanceId}/import": {
    happy: () => ({ body: { session: baileysSession("4915550000904:9") } }),
    on: fresh,
    invalid: [{ body: {} }, { body: { archive: 1 } }],
  },
  "GET /api/instances": { happy: () => ({}), invalid: [{ query: "metadata=tenant" }] },
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
    happy: () => ({ body: { phoneNumber: "+49 1555 0000002" } }),
    on: fresh,
    invalid: [{ body: {} }, { body: { phoneNumber: "12" } }],
  },
  "GET /api/instances/{instanceId}/passkey": { happy: () => ({}), on: fresh, refused: 409 },
  "POST /api/instances/{instanceId}/passkey": {
    happy: () => ({ body: passkeyAnswer }),
    on: fresh,
    refused: 409,
    invalid: [{ body: {} }, { body: { ...passkeyAnswer, rawId: "a+b/" } }],
  },
  "POST /api/instances/{instanceId}/passkey/confirm": { happy: () => ({}), on: fresh, refused: 409 },
  "GET /api/instances/{instanceId}/settings": {
    happy: () => ({}),
    answers: { settings: { presence: { value: "unavailable", source: "default" } } },
    unconnected: 200,
  },
  "GET /api/instances/{instanceId}/activity": {
    happy: () => ({ query: "limit=10&skip=0&actions=connection_opened&startDate=2023-01-01&endDate=2100-01-01" }),
    answers: { logs: [{ action: "connection_opened" }], pagination: { total: 1, hasMore: false } },
    invalid: dates,
    unconnected: 200,
  },
  "GET /api/instances/{instanceId}/chats": {
    happy: () => ({ query: "limit=1&archived=false&pinnedFirst=true" }),
    answers: { pagination: { limit: 1 } },
    invalid: [{ query: "unread=yes" }, { query: "cursor=x" }, { query: "type=broadcast" }],
    unconnected: 200,
  },
  "GET /api/instances/{instanceId}/chats/{chatId}/messages": {
    happy: () => ({ params: { chatId: `${bob}@s.whatsapp.net` }, query: "limit=2&skip=1&startDate=2023-01-01" }),
    answers: { pagination: { limit: 2, skip: 1 } },
    invalid: [{ params: { chatId: "nobody" } }, ...dates.map((one) => ({ ...one, params: { chatId: bob } }))],
    unconnected: 200,
  },
  "GET /api/whatsapp/{instanceId}/status": { happy: () => ({}), answers: { ready: true }, unconnected: 200 },
  "GET /api/whatsapp/{instanceId}/qr": {
    happy: () => ({}),
    on: async ({ unlinked }) => unlinked,
    invalid: [{ query: "format=gif" }],
  },
  "POST /api/whatsapp/{instanceId}/send": {
    happy: () => ({ body: { phone: bob, message: "Hi! How are you?" } }),
    invalid: wrongText,
    unconnected: 409,
  },
  "POST /api/whatsapp/{instanceId}/logout": { happy: () => ({}), on: fresh },
  "GET /api/whatsapp/{instanceId}/contacts": { happy: () => ({}), invalid: page, unconnected: 200 },
  "GET /api/whatsapp/{instanceId}/contacts/{contactId}": {
    happy: () => ({ params: { contactId: bob } }),
    answers: { number: bob, isGroup: false },
    absent: { params: { contactId: "4915559999999" } },
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
    absent: {},
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
    // The case of `send-media` sends this file.
    effect: (_fixture, { body }) => fetch(body.url, { method: "PUT", headers: body.headers, body: "0123456789" }),
    invalid: [{ body: {} }, { body: { size: 0 } }, { body: { size: 2 ** 40 } }],
    unconnected: 201,
  },
  "GET /api/instances/{instanceId}/messages/{messageId}/receipts": {
    happy: ({ sent }) => ({ params: { messageId: sent } }),
    answers: { recipientCount: 1, receipts: [{ readAt: null }] },
    invalid: [{ query: "chatId=nobody" }, ...page],
    unconnected: 404,
  },
  "GET /api/instances/{instanceId}/messages/{messageId}/media": {
    happy: ({ withFile }) => ({ params: { messageId: withFile }, query: "format=json" }),
    invalid: [{ params: { messageId: "x" }, query: "format=zip" }],
    unconnected: 404,
  },
  "GET /api/files/{fileId}": {
    happy: async ({ gate, withFile }) => {
      const { body } = await gate.receiver.waitFor(({ body: { data } }) => data.messageId === withFile && data.media);
      const url = new URL(body.data.media.url);
      const fileId = url.pathname.split("/").at(-1) ?? "";
      return { key: null, params: { fileId }, query: `${url.searchParams}&format=json` };
    },
    answers: { size: 22 },
    invalid: [{ key: null }, { key: null, query: "token=x&format=zip" }],
  },
  "GET /api/whatsapp/{instanceId}/scheduled": { happy: () => ({}), invalid: page, unconnected: 200 },
  "DELETE /api/whatsapp/{instanceId}/scheduled/{messageId}": {
    happy: async ({ gate, connected }) => {
      const body = { phone: bob, message: "later", sendAt: later() };
      const { id } = (await gate.api("POST", `/api/whatsapp/${connected}/send`, { body })).body;
      return { params: { messageId: id } };
    },
    absent: {},
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
    absent: {},
    unconnected: 404,
  },
  "GET /api/whatsapp/{instanceId}/bulk/{bulkId}/recipients": {
    happy: ({ made }) => ({ params: { bulkId: made.get("bulk") ?? "" } }),
    invalid: [{ params: { bulkId: "x" }, query: "status=flying" }],
    unconnected: 404,
  },
  "DELETE /api/whatsapp/{instanceId}/bulk/{bulkId}": {
    happy: ({ made }) => ({ params: { bulkId: made.get("bulk") ?? "" } }),
    absent: {},
    unconnected: 404,
  },
  ...withoutTests(webhookCases("/api/instances/{instanceId}/webhooks", { data: "", ofInstance: true })),
  ...withoutTests(webhookCases("/api/webhooks", { data: "", ofInstance: false })),
  "GET /api/instances/{instanceId}/webhooks/deliveries": {
    happy: () => ({ query: "limit=2&status=succeeded&event=message_received" }),
    answers: { deliveries: expect.arrayContaining([expect.objectContaining({ event: "message_received" })]) },
    invalid: [...dates, { query: "status=lost" }],
    unconnected: 200,
  },
  "GET /api/instances/{instanceId}/webhooks/deliveries/{deliveryId}": {
    happy: delivered,
    answers: { attempts: [{ number: 1, status: 200 }] },
    absent: {},
    unconnected: 404,
  },
  "POST /api/instances/{instanceId}/webhooks/deliveries/{deliveryId}/replay": {
    happy: delivered,
    absent: {},
    unconnected: 404,
  },
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
    absent: {},
    happy: async ({ gate, connected }) => {
      const [row] = await gate.db.sql`select id from commands where instance_id = ${connected} limit 1`;
      return { params: { commandId: row?.id } };
    },
  },
  "GET /api/stats/user": {
    happy: () => ({ query: "period=week&timeZone=Europe/Berlin" }),
    invalid: [{ query: "period=decade" }, { query: "timeZone=Mars/Olympus" }],
  },
  "GET /api/stats/quotas": { happy: () => ({}) },
  "GET /api/stats/instances/{instanceId}": {
    happy: () => ({ query: "period=today" }),
    invalid: [{ query: "period=decade" }],
    unconnected: 200,
  },
  "GET /api/stats/system": { happy: () => ({}), invalid: [{ query: "period=decade" }] },
  "GET /api/instances/{instanceId}/events": {
    happy: () => ({ query: "since=1&limit=2" }),
    answers: { events: [{ sequence: 2 }, { sequence: 3 }], hasMore: true },
    invalid: [
      { query: "since=-1" },
      { query: "limit=0" },
      { query: "types=message.teleported" },
      { query: "wait=26" },
      { query: "chats=" },
    ],
    unconnected: 200,
  },
  "GET /api/instances/{instanceId}/events/stream": {
    happy: () => ({ query: "since=1&types=connection.open" }),
    invalid: [{ query: "since=-1" }, { query: "types=message.teleported" }, { headers: { "last-event-id": "x" } }],
    unconnected: 200,
  },
};
