import { randomUUID } from "node:crypto";
import type { TestGateway } from "../gateway/test-gateway.ts";

/** What the cases need. */
export interface RejectionFixture {
  gate: TestGateway;
  apiKey: string;
  /** A number that is on WhatsApp. */
  number: string;
  /** Makes a valid message, except for the given fields. */
  message(given?: Record<string, unknown>): unknown;
}

/** Creates a key of the first admin with these limits. */
export const newKey = async (gate: TestGateway, limits: object): Promise<string> =>
  (await gate.api("POST", "/api/keys", { body: { name: "other", ...limits } })).body.apiKey;

/** Invalid messages and the code of the reply. */
export const rejections: [what: string, code: string, make: (fixture: RejectionFixture) => unknown][] = [
  ["malformed JSON", "malformed_json", ({ apiKey }) => `{"v":1,"apiKey":"${apiKey}",`],
  ["JSON that is not a message", "invalid_request", () => "null"],
  [
    "many unknown fields",
    "invalid_request",
    ({ message }) => message(Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [`unknown-field-${n}`, n]))),
  ],
  ["another version", "invalid_request", ({ message }) => message({ v: 2 })],
  ["an unknown field", "invalid_request", ({ message }) => message({ runat: "2030-01-01T00:00:00Z" })],
  [
    "an unknown field of the input",
    "invalid_request",
    ({ message, number }) => message({ input: { to: number, text: "x", quotedMessageId: "3EB0" } }),
  ],
  [
    "a field in the input of a command without input",
    "invalid_request",
    ({ message }) => message({ command: "instance.restart", input: { force: true } }),
  ],
  [
    "a key without the scope of the command",
    "forbidden",
    async ({ gate, message }) =>
      message({ apiKey: await newKey(gate, { scopes: ["messages:read", "messages:write"] }) }),
  ],
  [
    "a key that is limited to other instances",
    "forbidden",
    async ({ gate, message }) => {
      const instances = [(await gate.api("POST", "/api/instances", { body: { name: "other" } })).body.id];
      return message({ apiKey: await newKey(gate, { instances }) });
    },
  ],
  ["an id with a space", "invalid_request", ({ message }) => message({ id: "a b" })],
  ["an unknown command", "invalid_request", ({ message }) => message({ command: "message.sendNothing" })],
  ["an invalid input", "invalid_request", ({ message }) => message({ input: { to: "nobody", text: "x" } })],
  ["a time in the past", "invalid_request", ({ message }) => message({ runAt: "2020-01-01T00:00:00Z" })],
  [
    "a missing file",
    "media_not_usable",
    ({ message, number }) => message({ command: "message.sendMedia", input: { to: number, upload: "0".repeat(32) } }),
  ],
  ["a wrong key", "invalid_credentials", ({ message }) => message({ apiKey: randomUUID() })],
  ["a message without credentials", "missing_credentials", ({ message }) => message({ apiKey: undefined })],
  ["an unknown instance", "instance_not_found", ({ message }) => message({ instanceId: randomUUID() })],
  [
    "an instance that is not connected",
    "instance_not_connected",
    async ({ gate, message }) => message({ instanceId: await gate.createInstance() }),
  ],
  [
    "another user's instance",
    "forbidden",
    async ({ gate, message }) => {
      const user = await gate.api("POST", "/api/users", { body: { email: `${randomUUID()}@example.com` } });
      return message({ apiKey: user.body.apiKey });
    },
  ],
  [
    "a command with a read-only key",
    "forbidden",
    async ({ gate, message }) => message({ apiKey: await newKey(gate, { permissions: ["read"] }) }),
  ],
  [
    "a key that is limited to IP addresses",
    "ip_not_allowed",
    async ({ gate, message }) => message({ apiKey: await newKey(gate, { allowedIps: ["127.0.0.0/8"] }) }),
  ],
];
