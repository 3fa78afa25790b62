import { afterAll, beforeAll, expect, test } from "vitest";
import type { Phone } from "../../../simulator/index.ts";
import { restClient } from "../../support/gateway/rest-client.ts";
import { startTestGateway, type TestGateway } from "../../support/gateway/test-gateway.ts";
import { until } from "../../support/until.ts";

let gate: TestGateway;
let bob: Phone;

beforeAll(async () => {
  gate = await startTestGateway();
  bob = await gate.wa.addPhone({ number: "4915550400009", pushName: "Bob" });
});
afterAll(() => gate?.stop());

const presencesOf = (owner: Phone) => gate.wa.device(owner.number).presences;

/** Sends a text each way. When both have arrived, Baileys has done everything that it does on connecting. */
async function exchange(owner: Phone, instance: string): Promise<void> {
  const { id } = await bob.sendText(owner.number, "hello");
  await gate.receiver.waitFor(({ body }) => body.data.messageId === id);
  const sent = await restClient(gate, "multi-instance", instance).sendText(bob.number, "hi");
  await bob.waitFor((message) => message.id === sent);
}

async function reconnect(owner: Phone, instance: string): Promise<void> {
  const device = gate.wa.device(owner.number);
  const { logins } = device.sockets;
  device.faults.cut();
  await until(async () => device.sockets.logins > logins || undefined);
  await gate.status(instance, "connected");
}

test.each([
  ["a person", { number: "4915550400001" }],
  ["a business", { number: "4915550400002", business: true }],
] as const)("linking, reconnecting and restarting do not show %s online", async (_who, account) => {
  const owner = await gate.wa.addPhone({ ...account, pushName: "Owner" });
  const instance = await gate.linked(owner);
  await until(async () => presencesOf(owner).length > 0 || undefined);
  await exchange(owner, instance);
  await reconnect(owner, instance);
  await exchange(owner, instance);
  await gate.restart();
  await gate.status(instance, "connected");
  await exchange(owner, instance);
  expect(new Set(presencesOf(owner))).toEqual(new Set(["unavailable"]));
  expect(owner.account.available).toBe(false);
  expect(owner.pushName).toBe("Owner");
});

test("the presence setting shows the account online after linking, reconnecting and restarting, with any name", async () => {
  const owner = await gate.wa.addPhone({ number: "4915550400006", pushName: "Owner" });
  const instance = await gate.linked(owner, "multi-instance", { presence: "available" });
  const online = () => until(async () => owner.account.available || undefined);
  await online();
  owner.setPushName("Owner II");
  await exchange(owner, instance);
  await reconnect(owner, instance);
  await online();
  await gate.restart();
  await gate.status(instance, "connected");
  await online();
  await exchange(owner, instance);
  expect(new Set(presencesOf(owner))).toEqual(new Set(["available"]));
});

test("a new name reaches WhatsApp without showing the account online, whether the phone or the API changes the name", async () => {
  const owner = await gate.wa.addPhone({ number: "4915550400003", pushName: "Owner" });
  const instance = await gate.linked(owner, "gateway");
  await until(async () => presencesOf(owner).length > 0 || undefined);
  const name = async () => (await gate.api("GET", `/api/profile/${instance}`)).body.data.name;
  const before = presencesOf(owner).length;
  owner.setPushName("Owner II");
  await until(async () => (await name()) === "Owner II" || undefined);
  await until(async () => presencesOf(owner).length > before || undefined);
  await gate.api("PUT", `/api/profile/${instance}/name`, { body: { name: "Owner III" } });
  await until(async () => owner.pushName === "Owner III" || undefined);
  await exchange(owner, instance);
  expect(presencesOf(owner)).not.toContain("available");
});

test("an account that is shown online stays online with a new name and is offline after a reconnect", async () => {
  const owner = await gate.wa.addPhone({ number: "4915550400004", pushName: "Owner" });
  const instance = await gate.linked(owner, "gateway");
  await until(async () => presencesOf(owner).length > 0 || undefined);
  const shown = await gate.api("POST", `/api/presence/${instance}`, { body: { presence: "available" } });
  expect(shown.status).toBe(200);
  await gate.api("PUT", `/api/profile/${instance}/name`, { body: { name: "Owner II" } });
  await until(async () => owner.pushName === "Owner II" || undefined);
  await exchange(owner, instance);
  expect(owner.account.available).toBe(true);
  await reconnect(owner, instance);
  await exchange(owner, instance);
  expect(owner.account.available).toBe(false);
  expect(presencesOf(owner).at(-1)).toBe("unavailable");
});

test("a message counts as delivered for its sender only when the owner's phone has the message", async () => {
  const owner = await gate.wa.addPhone({ number: "4915550400005", pushName: "Owner" });
  await gate.linked(owner);
  owner.goOffline();
  const sent = await bob.sendText(owner.number, "is anybody there?");
  const receipts = () => bob.sent.get(sent.id)?.receipts.map(({ type }) => type) ?? [];
  await until(async () => receipts().length > 0 || undefined);
  expect(receipts()).toEqual(["inactive"]);
  expect(bob.sent.get(sent.id)?.status).toBe("sent");
  owner.goOnline();
  await until(async () => bob.sent.get(sent.id)?.status === "delivered" || undefined);
});
