import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Phone } from "../../simulator/index.ts";
import { startTestGateway, type TestGateway } from "../support/gateway/test-gateway.ts";
import { until } from "../support/until.ts";

let gate: TestGateway;
let alice: Phone;
let bob: Phone;
let user: { id: string; key: string };
let instance: string;

beforeAll(async () => {
  gate = await startTestGateway();
  alice = await gate.wa.addPhone({ number: "4915550000001", pushName: "Alice" });
  bob = await gate.wa.addPhone({ number: "4915550000002", pushName: "Bob" });
  const created = await gate.api("POST", "/api/users", { body: { email: "tenant@example.com" } });
  user = { id: created.body.id, key: created.body.apiKey };
  instance = (await call("POST", "/api/instances", { name: "tenant", webhookUrl: gate.receiver.url })).body.id;
  await alice.scanQr(await gate.qr(instance));
  await gate.status(instance, "connected");
});
afterAll(async () => {
  await gate?.stop();
});

const call = (method: string, path: string, body?: unknown) =>
  gate.api(method, path, { key: user.key, ...(body === undefined ? {} : { body }) });
const whatsapp = (path: string, body: object) => call("POST", `/api/whatsapp/${instance}/${path}`, body);
const disable = async (disabled: boolean) => {
  const { status } = await gate.api("PUT", `/api/users/${user.id}`, { body: { disabled } });
  expect(status).toBe(200);
};
const order = (what: "stop" | "restart") => gate.api("POST", `/api/observability/${what}`);
const textsAtBob = () => bob.inbox.messages.map(({ text }) => text ?? "");
const copies = (text: string) => textsAtBob().filter((one) => one === text).length;
const arrives = (text: string) => until(async () => copies(text) > 0 || undefined, 40_000);
const send = async (message: string, sendAt?: Date) => {
  const { status, body } = await whatsapp("send", {
    phone: bob.number,
    message,
    ...(sendAt && { sendAt: sendAt.toISOString() }),
  });
  expect(status, JSON.stringify(body)).toBe(200);
};

test("nothing that a disabled user requested is sent, and it is sent once after the user is enabled", async () => {
  await send("before");
  await arrives("before");
  // While the hosts are stopped, the sends are accepted but not claimed.
  await order("stop");
  await until(async () => gate.wa.device(alice.number).sockets.open === 0 || undefined);
  await send("queued");
  await send("scheduled", new Date(Date.now() + 1_000));
  const bulk = await whatsapp("bulk", { recipients: [{ phone: bob.number }], message: "bulk", perMinute: 600 });
  expect(bulk.status, JSON.stringify(bulk.body)).toBe(201);
  await disable(true);
  await order("restart");
  await gate.status(instance, "connected");
  expect((await whatsapp("send", { phone: bob.number, message: "refused" })).status).toBe(401);
  // Longer than the host takes to claim waiting, due and bulk commands.
  await sleep(8_000);
  expect(textsAtBob()).toEqual(["before"]);
  const waiting = await gate.db.sql<{ status: string }[]>`
    select status from commands where user_id = ${user.id} and kind = 'send' and status in ('queued', 'scheduled')`;
  expect(waiting).toHaveLength(3);
  // The sends of other users go on.
  const byAdmin = await gate.api("POST", `/api/whatsapp/${instance}/send`, {
    body: { phone: bob.number, message: "by an admin" },
  });
  expect(byAdmin.status).toBe(200);
  await arrives("by an admin");

  await disable(false);
  const expected = ["queued", "scheduled", "bulk"];
  for (const text of expected) await arrives(text);
  for (const text of expected) expect([text, copies(text)]).toEqual([text, 1]);
}, 120_000);

test("a disabled user gets no webhooks, but the messages are stored and the session stays connected", async () => {
  const webhookOf = (text: string) => gate.receiver.waitFor(({ body }) => JSON.stringify(body).includes(text));
  await bob.sendText(alice.number, "while enabled");
  await webhookOf("while enabled");
  await disable(true);
  await bob.sendText(alice.number, "while disabled");
  const stored = () => gate.db.sql`select 1 from messages where instance_id = ${instance} and body = 'while disabled'`;
  await until(async () => (await stored()).length > 0 || undefined);
  await gate.status(instance, "connected");
  await sleep(3_000);
  expect(JSON.stringify(gate.receiver.received)).not.toContain("while disabled");
  await disable(false);
  await bob.sendText(alice.number, "enabled again");
  await webhookOf("enabled again");
}, 60_000);
