import { DisconnectReason } from "@whiskeysockets/baileys";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Phone, WhatsApp } from "../../../simulator/index.ts";
import { Client, silenceLibsignal, strictVerification } from "../../support/simulator/client.ts";
import { endScene, startScene } from "../../support/simulator/scene.ts";

silenceLibsignal();
strictVerification();

let wa: WhatsApp;
let alice: Phone;
let bob: Phone;
let clients: Client[];

beforeEach(async () => {
  ({ wa, alice, bob } = await startScene());
  clients = [];
});

afterEach(() => endScene(wa, ...clients));

async function linkClient(phone: Phone): Promise<Client> {
  const client = new Client(wa);
  clients.push(client);
  await client.pair(phone);
  return client;
}

test("the simulator delivers messages to each linked device, including messages that other devices of its account send", async () => {
  const [first, second] = [await linkClient(alice), await linkClient(alice)];
  expect(second.creds.me?.id).toBe("4915550000001:2@s.whatsapp.net");
  await bob.sendText(alice.number, "to both");
  await Promise.all([first.waitForText("to both"), second.waitForText("to both")]);
  const sent = await first.sock.sendMessage(bob.lidJid, { text: "from the first" });
  const seen = await second.waitForText("from the first");
  expect(seen.key).toMatchObject({ id: sent?.key.id, fromMe: true, remoteJid: bob.lidJid });
  expect((await bob.waitFor((message) => message.text === "from the first")).copies).toBe(1);
});

test("the simulator shows the phone's own messages on its linked devices as sent", async () => {
  const client = await linkClient(alice);
  await alice.sendText(bob.number, "from my pocket");
  const seen = await client.waitForText("from my pocket");
  expect(seen.key).toMatchObject({ fromMe: true, remoteJid: bob.lidJid });
});

test("the simulator delivers messages from the client of one account to the client of another account", async () => {
  const [ours, theirs] = [await linkClient(alice), await linkClient(bob)];
  await ours.sock.sendMessage(bob.lidJid, { text: "client to client" });
  await theirs.waitForText("client to client");
  await bob.waitFor((message) => message.text === "client to client" && message.fromDevice === 1);
});

test("the simulator announces a newly linked device to the devices that cache the account's device list", async () => {
  // Baileys applies the notification to the list of the number only, so the account must use numbers.
  alice.account.lidMigrated = false;
  const ours = await linkClient(alice);
  await ours.sock.sendMessage(bob.jid, { text: "before" });
  const theirs = await linkClient(bob);
  await ours.sock.sendMessage(bob.jid, { text: "after" });
  await theirs.waitForText("after");
});

test("the simulator closes the older of two sockets with the same credentials with 440", async () => {
  const older = await linkClient(alice);
  const replaced = older.next((update) => update.connection === "close");
  const newer = new Client(wa);
  clients.push(newer);
  Object.assign(newer.creds, older.creds);
  Object.assign(newer.keys, older.keys);
  await newer.login();
  expect((await replaced).code).toBe(DisconnectReason.connectionReplaced);
  const { sockets } = wa.device(alice.number);
  await expect.poll(() => sockets.open).toBe(1);
  expect(sockets.maximum).toBe(2);
  await bob.sendText(alice.number, "who listens");
  await newer.waitForText("who listens");
});

test("the simulator closes the socket of an unlinked device with 401, and rejects its later logins", async () => {
  const client = await linkClient(alice);
  const closed = client.next((update) => update.connection === "close");
  alice.unlink(wa.device(alice.number));
  expect((await closed).code).toBe(DisconnectReason.loggedOut);
  const refused = client.next((update) => update.connection === "close");
  client.connect();
  expect((await refused).code).toBe(DisconnectReason.loggedOut);
  expect(alice.devices).toEqual([]);
});

test("the simulator removes a client that logs out from the account's devices", async () => {
  const client = await linkClient(alice);
  await client.sock.logout();
  await expect.poll(() => alice.devices.length).toBe(0);
});
