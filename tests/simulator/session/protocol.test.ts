import { afterEach, beforeEach, expect, test } from "vitest";
import { type Phone, startWhatsApp, type WhatsApp } from "../../../simulator/index.ts";
import { Client, silenceLibsignal, strictVerification } from "../../support/simulator/client.ts";

silenceLibsignal();
strictVerification();

let wa: WhatsApp;
let alice: Phone;
let client: Client;

beforeEach(async () => {
  wa = await startWhatsApp();
  alice = await wa.addPhone({ number: "4915550000001", pushName: "Alice" });
  client = new Client(wa);
});

afterEach(async () => {
  await client.close();
  await wa.stop();
});

test("the simulator doesn't answer an unknown request and records it, or answers with 501 if the rule is relaxed", async () => {
  await client.pair(alice);
  const iq = {
    tag: "iq",
    attrs: { to: "s.whatsapp.net", type: "get", xmlns: "w:nonsense" },
    content: [{ tag: "x", attrs: {} }],
  };
  await expect(client.sock.query(iq, 500)).rejects.toMatchObject({ message: "Timed Out" });
  wa.world.rules.relax("unanswered_request");
  await expect(client.sock.query(iq)).rejects.toMatchObject({ message: "feature-not-implemented", data: 501 });
  const unknown = { from: "4915550000001:1@s.whatsapp.net", reason: "iq w:nonsense" };
  expect(wa.unknown).toMatchObject([unknown, unknown]);
});

test("the simulator offers no QR code to a client whose identity key did not sign its prekey", async () => {
  const { signature } = client.creds.signedPreKey;
  signature[10] = (signature[10] ?? 0) ^ 1;
  const closed = client.next((update) => update.connection === "close");
  client.connect();
  await closed;
  expect(client.updates.entries.some(({ qr }) => qr)).toBe(false);
  expect(wa.unknown.map(({ reason }) => reason)).toEqual(["the signed prekey is not signed by the identity key"]);
});

test("the simulator rejects a login with the wrong Noise key with 401", async () => {
  await client.pair(alice);
  await client.close();
  const thief = new Client(wa);
  Object.assign(thief.creds, client.creds, { noiseKey: thief.creds.noiseKey });
  const closed = thief.next((update) => update.connection === "close");
  thief.connect();
  expect((await closed).code).toBe(401);
});

test("the simulator rejects a QR code after its client has disconnected", async () => {
  const shown = client.next((update) => update.qr !== undefined);
  client.connect();
  const { qr = "" } = await shown;
  await client.close();
  await expect.poll(() => wa.world.connections.size).toBe(0);
  await expect(alice.scanQr(qr)).rejects.toThrow("the QR code is unknown or has expired");
});

test("the simulator delivers messages to an offline phone, and their receipts, when the phone is online again", async () => {
  const bob = await wa.addPhone({ number: "4915550000002", pushName: "Bob" });
  await client.pair(alice);
  bob.goOffline();
  const sent = await client.sock.sendMessage(bob.lidJid, { text: "are you there" });
  await alice.waitFor((message) => message.text === "are you there");
  expect(bob.inbox.messages).toEqual([]);
  bob.goOnline();
  await bob.waitFor((message) => message.text === "are you there");
  await client.statuses.waitFor(({ id, status }) => id === sent?.key.id && status === 3);
});

test("a phone shows a message that arrives twice under one id once, and counts the copies", async () => {
  const bob = await wa.addPhone({ number: "4915550000002", pushName: "Bob" });
  await client.pair(alice);
  for (let round = 0; round < 2; round++) {
    await client.sock.sendMessage(bob.lidJid, { text: "once" }, { messageId: "3EB0SAME" });
  }
  await client.sock.sendMessage(bob.lidJid, { text: "last" });
  await bob.waitFor((message) => message.text === "last");
  const once = await bob.waitFor((message) => message.id === "3EB0SAME");
  expect(once.copies).toBe(2);
  expect(bob.inbox).toMatchObject({ duplicates: 1 });
  expect(bob.failures).toEqual([]);
});
