import { afterAll, beforeAll, expect, test } from "vitest";
import type { Phone } from "../../simulator/index.ts";
import { startTestGateway, type TestGateway } from "../support/gateway/test-gateway.ts";
import { until } from "../support/until.ts";

let gate: TestGateway;
let alice: Phone;
let bob: Phone;
let instance: string;

beforeAll(async () => {
  gate = await startTestGateway();
  alice = await gate.wa.addPhone({ number: "4915550000001", pushName: "Alice" });
  bob = await gate.wa.addPhone({ number: "4915550000002", pushName: "Bob" });
  instance = await gate.linked(alice);
});
afterAll(async () => {
  await gate.stop();
});

test("a full restart requires no new QR scan", async () => {
  await gate.restart();
  await gate.status(instance, "connected");
  const sent = await bob.sendText(alice.number, "welcome back");
  await gate.receiver.waitFor(({ body }) => body.data.messageId === sent.id);
  expect((await gate.api("GET", `/api/instances/${instance}/qr`)).status).toBe(409);
  expect(gate.wa.unknown).toEqual([]);
});

test("a gateway that restarts during a ban connects the instance after the end of the ban and never before", async () => {
  alice.ban({ seconds: 15 });
  const shown = () => gate.api("GET", `/api/whatsapp/${instance}/status`);
  await until(async () => (await shown()).body.reason === "temporarily_banned" || undefined);
  const { until: end } = (await shown()).body;
  await gate.restart();
  expect((await shown()).body).toMatchObject({ status: "connecting", reason: "temporarily_banned", until: end });
  await gate.status(instance, "connected");
  expect(alice.account.standing.refusedLogins).toBe(0);
  expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(end));
});
