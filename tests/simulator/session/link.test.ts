import type { BinaryNode } from "@whiskeysockets/baileys";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Phone, startWhatsApp, type WhatsApp } from "../../../simulator/index.ts";
import { Client, Log, silenceLibsignal, strictVerification } from "../../support/simulator/client.ts";

silenceLibsignal();
strictVerification();

let wa: WhatsApp;
let alice: Phone;
let bob: Phone;
let client: Client;

beforeEach(async () => {
  wa = await startWhatsApp();
  alice = await wa.addPhone({
    number: "4915550000001",
    pushName: "Alice",
    history: [
      {
        with: "4915550000002",
        name: "Bob from work",
        unread: 1,
        messages: [
          { text: "long ago", fromMe: true, timestamp: 1_700_000_000, id: "OLD1" },
          { text: "not so long ago", timestamp: 1_700_000_100, id: "OLD2" },
        ],
      },
    ],
  });
  bob = await wa.addPhone({ number: "4915550000002", pushName: "Bob" });
  client = new Client(wa);
});

afterEach(async () => {
  await client.close();
  await wa.stop();
  for (const phone of [alice, bob]) expect(phone.errors).toEqual([]);
});

/** Requests a linking code after the first QR code, as Baileys requires. */
async function askForCode(): Promise<string> {
  const shown = client.next((update) => update.qr !== undefined);
  const sock = client.connect();
  await shown;
  return sock.requestPairingCode(alice.number);
}

test("the simulator links a client when its linking code is entered on the phone", async () => {
  const code = await askForCode();
  const restart = client.next((update) => update.connection === "close");
  const device = await alice.linkWithCode(`${code.slice(0, 4)}-${code.slice(4)}`);
  expect((await restart).code).toBe(515);
  await client.login();
  expect(client.creds.me?.id).toBe(device.pnJid);
  await client.sock.sendMessage(bob.lidJid, { text: "linked by code" });
  await bob.waitFor((message) => message.text === "linked by code");
  expect(wa.unknown).toEqual([]);
});

test("the simulator refuses a linking code for a client with an odd name, unless the rule is relaxed", async () => {
  const odd = new Client(wa, { browser: ["Acme", "Chrome", "14.4.1"] });
  const answers = new Log<BinaryNode>();
  const request = async () => {
    const shown = odd.next((update) => update.qr !== undefined);
    const sock = odd.connect();
    await shown;
    sock.ws.on("CB:iq", (iq: BinaryNode) => answers.push(iq));
    await sock.requestPairingCode(alice.number);
    return await answers.waitFor(({ attrs }) => attrs.type === "error" || attrs.type === "result");
  };
  // Baileys puts the name into the display name, and returns a code without reading the answer.
  expect(await request()).toMatchObject({ attrs: { type: "error" }, content: [{ attrs: { code: "400" } }] });
  await odd.close();
  answers.entries.length = 0;
  delete odd.creds.me;
  wa.world.rules.relax("pairing_display_name");
  expect(await request()).toMatchObject({ attrs: { type: "result" } });
  await odd.close();
});

test("the simulator rejects a wrong linking code, and links no device", async () => {
  const code = await askForCode();
  const wrong = code.startsWith("A") ? `B${code.slice(1)}` : `A${code.slice(1)}`;
  await expect(alice.linkWithCode(wrong)).rejects.toThrow("wrong code");
  expect(alice.devices).toEqual([]);
});

test("the simulator gives a newly linked client the phone's history once, as an encrypted blob on the media host", async () => {
  await client.pair(alice);
  const { value } = await client.events.waitFor(({ name }) => name === "messaging-history.set");
  expect(value).toMatchObject({
    chats: [{ id: bob.lidJid, name: "Bob from work", unreadCount: 1 }],
    messages: [{ key: { id: "OLD2", fromMe: false } }, { key: { id: "OLD1", fromMe: true } }],
  });
  // The history, and the snapshot of the app state with the push name.
  await expect.poll(() => wa.media.counts.downloads).toBe(2);
  await client.close();
  await client.login();
  expect(wa.media.counts.downloads).toBe(2);
  expect(wa.unknown).toEqual([]);
});

test("the simulator gives a newly linked client the app-state key, its push name and its LID mappings", async () => {
  await client.pair(alice);
  expect(client.creds.myAppStateKeyId).toBe(alice.appState.key.id.toString("base64"));
  expect(client.creds.me?.name).toBe("Alice");
  expect(await client.sock.signalRepository.lidMapping.getLIDForPN(bob.jid)).toBe(bob.lidJid);
});

test("the simulator asks a client that has few prekeys left to upload more prekeys", async () => {
  await client.pair(alice);
  const { preKeys } = wa.device(alice.number);
  for (const id of [...preKeys.keys()].slice(4)) preKeys.delete(id);
  await bob.sendText(alice.number, "uses one up");
  await client.waitForText("uses one up");
  await expect.poll(() => preKeys.size).toBeGreaterThanOrEqual(5);
});

test("a phone opens a new session for a client that lost its session and asks for a retry", async () => {
  await client.pair(alice);
  await bob.sendText(alice.number, "one");
  await client.waitForText("one");
  await client.sock.sendMessage(bob.lidJid, { text: "answer" });
  await bob.waitFor((message) => message.text === "answer");
  const address = client.sock.signalRepository.jidToSignalProtocolAddress(bob.lidJid);
  await client.keys.set({ session: { [address]: null as never } });
  const sent = await bob.sendText(alice.number, "two");
  expect((await client.waitForText("two")).key.id).toBe(sent.id);
  await client.sock.sendMessage(bob.lidJid, { text: "answer again" });
  await bob.waitFor((message) => message.text === "answer again");
});

test("the simulator returns only the numbers that are on WhatsApp", async () => {
  await client.pair(alice);
  const found = await client.sock.onWhatsApp(bob.number, "4915559999999");
  expect(found).toEqual([{ jid: bob.jid, exists: true }]);
});

test("the simulator links a business account with the platform of WhatsApp Business", async () => {
  const shop = await wa.addPhone({ number: "4915550000009", pushName: "Shop", business: { name: "The Shop" } });
  await client.pair(shop);
  expect(client.creds.platform).toBe("smba");
  expect(wa.unknown).toEqual([]);
});
