import { afterEach, beforeEach, expect, test } from "vitest";
import { type Control, startControl } from "../../../simulator/control/server.ts";
import { startWhatsApp, type WhatsApp } from "../../../simulator/index.ts";
import { Client, silenceLibsignal, strictVerification } from "../../support/simulator/client.ts";
import { type Call, caller, endScene } from "../../support/simulator/scene.ts";

silenceLibsignal();
strictVerification();

let wa: WhatsApp;
let control: Control;
let call: Call;
let client: Client;

beforeEach(async () => {
  wa = await startWhatsApp();
  control = await startControl(wa);
  call = caller(control);
  client = new Client(wa, { appStateMacVerification: { patch: true, snapshot: true } });
});

afterEach(async () => {
  await control.stop();
  await endScene(wa, client);
});

const [SHOP, BOB] = ["4915550000001", "4915550000002"];

const labels = async () => (await call("GET", `/phones/${SHOP}/labels`)).json as { id: string; name: string }[];
const waitForEvent = (name: string, part: string) =>
  client.events.waitFor((event) => event.name === name && JSON.stringify(event.value).includes(part));

test("the simulator links a business account with WhatsApp's labels, which the owner and the client can change", async () => {
  await call("POST", "/phones", { number: SHOP, pushName: "Shop", business: true });
  await call("POST", "/phones", { number: BOB });
  const shop = wa.phone(SHOP);
  if (!shop) throw new Error("the phone does not exist");
  await client.pair(shop);
  expect(client.creds).toMatchObject({ platform: "smba" });
  await waitForEvent("labels.edit", "Order complete");
  expect((await labels()).map(({ id, name }) => `${id} ${name}`)).toEqual([
    "1 New customer",
    "2 New order",
    "3 Pending payment",
    "4 Paid",
    "5 Order complete",
  ]);

  const vip = { id: "6", name: "VIP", color: 3 };
  expect(await call("POST", `/phones/${SHOP}/labels`, { name: "VIP", color: 3 })).toMatchObject({
    status: 201,
    json: { ...vip, chats: [] },
  });
  await waitForEvent("labels.edit", "VIP");
  const chat = { chat: BOB };
  expect((await call("POST", `/phones/${SHOP}/labels/6/chats`, chat)).json).toMatchObject({
    chats: [`${BOB}@s.whatsapp.net`],
  });
  await waitForEvent("labels.association", '"labelId":"6"');
  await client.sock.removeChatLabel(`${BOB}@s.whatsapp.net`, "6");
  await client.sock.addLabel("", { ...vip, name: "Very important" });
  await expect.poll(labels).toContainEqual({ ...vip, name: "Very important", chats: [] });
  const renamed = await call("PATCH", `/phones/${SHOP}/labels/6`, { name: "Regular" });
  expect(renamed).toMatchObject({ status: 200, json: { ...vip, name: "Regular" } });
  expect((await call("DELETE", `/phones/${SHOP}/labels/6`)).status).toBe(204);
  await waitForEvent("labels.edit", '"deleted":true');
  expect((await call("POST", `/phones/${SHOP}/labels`, { name: "Next" })).json).toMatchObject({ id: "7" });
});

test("the simulator rejects labels of an account that is not a business account, and invalid label requests", async () => {
  await call("POST", "/phones", { number: BOB });
  expect(await call("GET", `/phones/${BOB}/labels`)).toMatchObject({ status: 200, json: [] });
  expect((await call("POST", `/phones/${BOB}/labels`, { name: "x" })).status).toBe(409);
  await call("POST", "/phones", { number: SHOP, business: { name: "Shop" } });
  expect((await call("POST", `/phones/${SHOP}/labels`, { name: "x", color: 20 })).status).toBe(400);
  expect((await call("PATCH", `/phones/${SHOP}/labels/9`, { name: "x" })).status).toBe(404);
  expect((await call("POST", `/phones/${SHOP}/labels/1/chats`, { chat: "4900000" })).status).toBe(404);
});
