import { randomUUID } from "node:crypto";
import type { TestGateway } from "../gateway/test-gateway.ts";

/** What the table needs, as it is when a case is made. */
export interface Asking {
  gate: TestGateway;
  apiKey: string;
  /** Digits of somebody who is on WhatsApp. */
  number: string;
  /** A message in which everything is right but what is given. */
  message(given?: Record<string, unknown>): unknown;
}

/** A key of the first admin's that allows less. */
export const newKey = async (gate: TestGateway, limits: object): Promise<string> =>
  (await gate.api("POST", "/api/keys", { body: { name: "other", ...limits } })).body.apiKey;

/** What may be wrong with a message, and the code that its sender is told. */
export const rejections: [what: string, code: string, make: (asking: Asking) => unknown][] = [
  ["no JSON", "malformed_json", ({ apiKey }) => `{"v":1,"apiKey":"${apiKey}",`],
  ["JSON that is no message", "invalid_request", () => "null"],
  ["another version", "invalid_request", ({ message }) => message({ v: 2 })],
  ["a field that nobody knows", "invalid_request", ({ message }) => message({ runat: "2030-01-01T00:00:00Z" })],
  ["an id with a space", "invalid_request", ({ message }) => message({ id: "a b" })],
  ["an unknown command", "invalid_request", ({ message }) => message({ command: "message.sendNothing" })],
  ["an input that does not fit", "invalid_request", ({ message }) => message({ input: { to: "nobody", text: "x" } })],
  ["a time that is over", "invalid_request", ({ message }) => message({ runAt: "2020-01-01T00:00:00Z" })],
  [
    "a file that is not there",
    "media_not_usable",
    ({ message, number }) => message({ command: "message.sendMedia", input: { to: number, upload: "0".repeat(32) } }),
  ],
  ["a wrong key", "invalid_credentials", ({ message }) => message({ apiKey: randomUUID() })],
  ["no identity", "missing_credentials", ({ message }) => message({ apiKey: undefined })],
  ["an unknown instance", "instance_not_found", ({ message }) => message({ instanceId: randomUUID() })],
  [
    "an instance that is not connected",
    "instance_not_connected",
    async ({ gate, message }) => message({ instanceId: await gate.createInstance() }),
  ],
  [
    "somebody else's instance",
    "forbidden",
    async ({ gate, message }) => {
      const user = await gate.api("POST", "/api/users", { body: { email: `${randomUUID()}@example.com` } });
      return message({ apiKey: user.body.apiKey });
    },
  ],
  [
    "a key that may only read",
    "forbidden",
    async ({ gate, message }) => message({ apiKey: await newKey(gate, { permissions: ["read"] }) }),
  ],
  [
    "a key that is limited to addresses",
    "ip_not_allowed",
    async ({ gate, message }) => message({ apiKey: await newKey(gate, { allowedIps: ["127.0.0.0/8"] }) }),
  ],
];
