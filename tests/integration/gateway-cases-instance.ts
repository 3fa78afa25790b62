import { shownIn } from "./endpoint-frame.ts";
import type { GatewayCases, World } from "./gateway-case.ts";

const link = shownIn("integration/link.test.ts");
const log = shownIn("api/webhook/gateway-webhook.test.ts");
const observed = shownIn("api/observability.test.ts");
const scanned = link("a phone scans the QR code; from then on there is none, and restarting 515 shows nowhere");
const fresh = ({ gate }: World) => gate.createInstance("gateway");
const url = "https://example.com/hook";

export const instanceCases: GatewayCases = {
  "POST /api/auth/generate-key": {
    with: () => ({ key: null }),
    answers: { data: { name: "My API Key", permissions: ["read", "write"] } },
    shown: shownIn("api/access/open-key.test.ts")("gives each caller without credentials a user of its own"),
    invalid: [{ body: { name: 1 } }],
  },
  "POST /api/instance/create": {
    answers: {
      data: { name: "My WhatsApp Instance", status: "disconnected" },
      message: "Instance created successfully. Please scan the QR code.",
    },
    simulator: "linking",
    shown: scanned,
    invalid: [{ body: {} }, { body: { name: "x", webhookUrl: "ftp://example.com" } }],
  },
  "GET /api/instance": {
    shown: shownIn("api/instance/instances.test.ts")(
      "in the gateway dialect answers as that document shows, and both dialects see it",
    ),
  },
  "GET /api/instance/{instanceId}/status": {
    answers: { data: { status: "connected" } },
    simulator: "connection",
    shown: shownIn("integration/connection.test.ts")(
      "a cut link comes back by itself, and what was said meanwhile arrives, both ways, in order and once",
    ),
    unconnected: 200,
  },
  "GET /api/instance/{instanceId}/qr": { on: async ({ unlinked }) => unlinked, simulator: "linking", shown: scanned },
  "DELETE /api/instance/{instanceId}": {
    on: fresh,
    simulator: "unlinking",
    shown: link("a deletion tells WhatsApp and leaves no row and no file"),
  },
  "POST /api/instance/{instanceId}/restart": {
    on: fresh,
    simulator: "connection",
    shown: shownIn("integration/connection.test.ts")("a restart over the API needs no new scan"),
  },
  "POST /api/instance/{instanceId}/logout": {
    on: fresh,
    simulator: "unlinking",
    shown: link("a logout over the API tells WhatsApp, forgets the credentials, and is repeatable"),
  },
  "POST /api/instance/{instanceId}/pairing-code": {
    on: fresh,
    with: () => ({ body: { phoneNumber: "+49 1555 0000009" } }),
    simulator: "linking",
    shown: link("a code that the owner types into the phone links it"),
    invalid: [{ body: {} }, { body: { phoneNumber: "12" } }],
  },
  "POST /api/webhook/test": {
    answers: { data: { success: true, status: 200 } },
    seen: ({ gate }) => gate.receiver.waitFor(({ body }) => body.data.test === true),
    shown: log("the document's test reaches any URL in the shape of a webhook, and the answer of the endpoint is told"),
    invalid: [
      { body: {} },
      { body: { url, event: "message_received" } },
      { body: { url: "x", event: "call.rejected" } },
    ],
  },
  "GET /api/webhook/logs": {
    shown: log("the logs are of all instances of the caller, from the newest on, by their filters"),
    invalid: [{ query: "limit=0" }, { query: "status=lost" }],
  },
  "GET /api/webhook/stats": {
    shown: log("the stats count what is in the logs, and know no rate while nothing is finished"),
    invalid: [{ query: "instanceId=" }],
  },
  "POST /api/webhook/retry/{webhookId}": {
    absent: {},
    with: async ({ gate, connected }) => {
      const { body } = await gate.api("GET", `/api/webhook/logs?instanceId=${connected}&status=succeeded&limit=1`);
      return { params: { webhookId: body.data[0].id } };
    },
    shown: log("a retry sends a delivery again under its id, and none of an instance without a webhook"),
  },
  "DELETE /api/webhook/logs": {
    shown: log("clearing removes what is finished, of the caller alone, and nothing that is still to be sent"),
    invalid: [{ query: "instanceId=" }],
  },
  "GET /api/observability/ping": { with: () => ({ key: null }), answers: { message: "pong" } },
  "GET /api/observability/health": {
    with: () => ({ key: null }),
    answers: { data: { status: "healthy", database: { status: "connected" } } },
  },
  "GET /api/observability/version": {
    shown: observed("the version is that of the program, of Node and of the Baileys that is installed"),
  },
  "GET /api/observability/environment": {
    shown: observed("the environment shows an admin how it is set up, and nothing that is secret"),
  },
  "GET /api/observability/status": {
    answers: { data: { database: { status: "connected" } } },
    shown: observed("the status tells of the hosts with what they hold, of the queues and of the instances"),
    invalid: [{ query: "limit=0" }],
  },
};
