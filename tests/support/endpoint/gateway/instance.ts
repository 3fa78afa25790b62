import { expect } from "vitest";
import { passkeyAnswer } from "../../api/valid-bodies.ts";
import { baileysSession } from "../../session-import/session.ts";
import { testIn } from "../case.ts";
import { webhookCases } from "../webhooks.ts";
import { type GatewayCases, type GatewayFixture, holds } from "./case.ts";

const link = testIn("integration/session/link.test.ts");
const log = testIn("api/webhook/gateway-webhook.test.ts");
const imported = testIn("api/instance/import.test.ts");
const fleet = testIn("slow/fleet-operations.test.ts");
const observed = testIn("api/observability.test.ts");
const scanned = link(
  "a scanned QR code links the instance, and neither the code nor the restart after linking is visible",
);
const fresh = ({ gate }: GatewayFixture) => gate.createInstance("gateway");
const url = "https://example.com/hook";
const queued = testIn("integration/message/gateway-chat.test.ts");
const paused = "paused sends wait across a restart while the instance receives, and go out in order when resumed";
const passkey =
  "an account that demands a passkey is linked with the answer of the passkey, after a QR code or a pairing code";

/** Turns cases of endpoints that the document does not describe into cases of this dialect. */
const withExtra = (cases: ReturnType<typeof webhookCases<GatewayFixture>>): GatewayCases =>
  Object.fromEntries(Object.entries(cases).map(([name, { happy, ...one }]) => [name, { ...one, with: happy }]));

export const instanceCases: GatewayCases = {
  "POST /api/auth/generate-key": {
    with: () => ({ key: null }),
    answers: { data: { name: "My API Key", permissions: ["read", "write"] } },
    testedBy: testIn("api/access/open-key.test.ts")("gives each caller without credentials a user of its own"),
    invalid: [{ body: { name: 1 } }],
  },
  "POST /api/instance/create": {
    answers: {
      data: { name: "My WhatsApp Instance", status: "disconnected" },
      message: "Instance created successfully. Please scan the QR code.",
    },
    simulator: "linking",
    testedBy: scanned,
    invalid: [{ body: {} }, { body: { name: "x", webhookUrl: "ftp://example.com" } }],
  },
  "GET /api/instance": {
    invalid: [{ query: "metadata=tenant" }],
    testedBy: testIn("api/instance/instances.test.ts")(
      "in the gateway dialect returns the documented response, and both dialects list the instance",
    ),
  },
  "GET /api/instance/{instanceId}/status": {
    answers: { data: { status: "connected" } },
    simulator: "connection",
    testedBy: testIn("fault/session/connection.test.ts")(
      "an instance reconnects after a lost connection, and the messages of both sides arrive in order and once",
    ),
    unconnected: 200,
  },
  "GET /api/instance/{instanceId}/queue": {
    answers: { data: { counts: {} } },
    testedBy: queued("the queue shows why each message waits and until when, and a part of it can be cleared"),
    invalid: [{ query: "limit=0" }, { query: "bulk=maybe" }, { query: "acceptedBefore=yesterday" }],
    unconnected: 200,
  },
  "DELETE /api/instance/{instanceId}/queue": {
    simulator: "messages",
    testedBy: queued("the queue shows why each message waits and until when, and a part of it can be cleared"),
    invalid: [{ query: "chatId=nobody" }],
    unconnected: 200,
  },
  "POST /api/instance/{instanceId}/queue/pause": {
    answers: { data: { sendsPausedAt: expect.any(String) } },
    simulator: "messages",
    testedBy: queued(paused),
    unconnected: 200,
  },
  "POST /api/instance/{instanceId}/queue/resume": {
    answers: { data: { sendsPausedAt: null } },
    simulator: "messages",
    testedBy: queued(paused),
    unconnected: 200,
  },
  "GET /api/instance/{instanceId}/settings": {
    answers: { data: { presence: { value: "unavailable", source: "default" } } },
    simulator: "connection",
    testedBy: testIn("integration/session/incoming-settings.test.ts")(
      "the settings are shown as they apply, with their sources, and a change is an event",
    ),
    unconnected: 200,
  },
  "GET /api/instance/{instanceId}/qr": {
    on: async ({ unlinked }) => unlinked,
    simulator: "linking",
    testedBy: scanned,
  },
  "DELETE /api/instance/{instanceId}": {
    on: fresh,
    simulator: "unlinking",
    testedBy: link("a deletion unlinks the device and leaves no rows or files"),
  },
  "POST /api/instance/{instanceId}/restart": {
    on: fresh,
    simulator: "connection",
    testedBy: testIn("fault/session/connection.test.ts")("a restart over the API reconnects without a new scan"),
  },
  "POST /api/instance/{instanceId}/logout": {
    on: fresh,
    simulator: "unlinking",
    testedBy: link("a logout unlinks the device, deletes the credentials, and can be repeated"),
  },
  "POST /api/instance/{instanceId}/pairing-code": {
    on: fresh,
    with: () => ({ body: { phoneNumber: "+62 812 3456 7890" } }),
    simulator: "linking",
    testedBy: link("a pairing code that the owner enters on the phone links the instance"),
    invalid: [{ body: {} }, { body: { phoneNumber: "12" } }],
  },
  "GET /api/instance/{instanceId}/passkey": {
    on: fresh,
    refused: 409,
    simulator: "passkeys",
    testedBy: link(passkey),
  },
  "POST /api/instance/{instanceId}/passkey": {
    on: fresh,
    with: () => ({ body: passkeyAnswer }),
    refused: 409,
    simulator: "passkeys",
    testedBy: link(passkey),
    invalid: [{ body: {} }, { body: { ...passkeyAnswer, rawId: "a+b/" } }],
  },
  "POST /api/instance/{instanceId}/passkey/confirm": {
    on: fresh,
    refused: 409,
    simulator: "passkeys",
    testedBy: link("an instance without a request for a passkey says so, and refuses an answer"),
  },
  ...withExtra(webhookCases("/api/instance/{instanceId}/webhooks", { data: "data.", ofInstance: true })),
  ...withExtra(webhookCases("/api/webhook/defaults", { data: "data.", ofInstance: false })),
  "PUT /api/instance/{instanceId}": {
    on: fresh,
    with: () => ({ body: { name: "Renamed", history: "recent", webhookUrl: "https://example.com/other" } }),
    answers: {
      data: { name: "Renamed", history: "recent", webhookUrl: "https://example.com/other" },
      message: "Instance updated successfully",
    },
    testedBy: testIn("slow/session/history-import.test.ts")(
      "imports what the setting asks for, without a webhook for each message",
    ),
    invalid: [{ body: { history: "all" } }, { body: { name: "" } }, { body: { eventQueue: "switchboard-other" } }],
  },
  "POST /api/instance/import": {
    with: () => ({ body: { name: "Imported", session: baileysSession("4915550000901:9") } }),
    answers: { data: { name: "Imported" }, message: "Session imported successfully" },
    simulator: "linking",
    testedBy: imported("is accepted as %s"),
    invalid: [{ body: { name: "x" } }, { body: { name: "x", session: {}, archive: "AAAA" } }],
  },
  "POST /api/instance/{instanceId}/import": {
    on: fresh,
    with: () => ({ body: { session: baileysSession("4915550000902:9") } }),
    simulator: "linking",
    testedBy: testIn("slow/session/account-settings.test.ts")(
      "continues as an instance that waited for a scan, from a tar archive",
    ),
    invalid: [{ body: {} }, { body: { archive: 1 } }],
  },
  "POST /api/webhook/test": {
    answers: { data: { success: true, status: 200 } },
    effect: ({ gate }) => gate.receiver.waitFor(({ body }) => body.data.test === true),
    testedBy: log("a test delivery is sent to the given URL and returns the endpoint's response"),
    invalid: [
      { body: {} },
      { body: { url, event: "message_received" } },
      { body: { url: "x", event: "call.rejected" } },
    ],
  },
  "GET /api/webhook/logs": {
    testedBy: log("the logs cover all instances of the caller, newest first, with filters"),
    invalid: [{ query: "limit=0" }, { query: "status=lost" }],
  },
  "GET /api/webhook/stats": {
    testedBy: log("the statistics equal the logs and have no success rate until a delivery is finished"),
    invalid: [{ query: "instanceId=" }],
  },
  "POST /api/webhook/retry/{webhookId}": {
    absent: {},
    with: async ({ gate, connected }) => {
      const { body } = await gate.api("GET", `/api/webhook/logs?instanceId=${connected}&status=succeeded&limit=1`);
      return { params: { webhookId: body.data[0].id } };
    },
    testedBy: log("a retry sends a delivery again under the same id, and is rejected if the instance has no webhook"),
  },
  "DELETE /api/webhook/logs": {
    testedBy: log("clearing removes only finished deliveries of the caller, or of the instance that an admin names"),
    invalid: [{ query: "instanceId=" }],
  },
  "GET /api/observability/ping": { with: () => ({ key: null }), answers: { message: "pong" } },
  "GET /api/observability/health": {
    answers: { data: { status: "healthy", database: { status: "connected" } } },
  },
  "GET /api/observability/version": {
    testedBy: observed("the version endpoint reports the program, Node.js and the installed Baileys"),
  },
  "GET /api/observability/quotas": {
    answers: { data: { instances: { limit: 1000 } } },
    testedBy: testIn("api/access/quotas.test.ts")("users see their usage and their limits in both APIs"),
  },
  "GET /api/observability/environment": {
    testedBy: observed("the environment endpoint shows an admin the configuration without secrets"),
  },
  "GET /api/observability/status": {
    answers: { data: { database: { status: "connected" } } },
    testedBy: observed("the status endpoint reports hosts with their shards, queues and instances"),
    invalid: [{ query: "limit=0" }],
  },
  "POST /api/observability/stop": {
    answers: { data: { stopped: true } },
    effect: ({ gate, owner }) => holds(() => gate.wa.device(owner.number).sockets.open === 0),
    simulator: "connection",
    testedBy: fleet("stopped hosts serve no instance, log no instance out, and stay stopped after a restart"),
  },
  "POST /api/observability/restart": {
    answers: { data: { stopped: false } },
    effect: ({ gate, connected }) => gate.status(connected, "connected"),
    simulator: "connection",
    testedBy: fleet("a single host restarts with new sockets, and messages that are sent meanwhile go out once"),
  },
};
