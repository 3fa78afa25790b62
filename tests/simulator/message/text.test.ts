import { afterEach, beforeEach, expect, test } from "vitest";
import type { Phone, WhatsApp } from "../../../simulator/index.ts";
import { type Client, silenceLibsignal, strictVerification, textOf } from "../../support/simulator/client.ts";
import { endScene, startScene } from "../../support/simulator/scene.ts";

silenceLibsignal();
strictVerification();

let wa: WhatsApp;
let alice: Phone;
let bob: Phone;
let client: Client;

beforeEach(async () => {
  ({ wa, alice, bob, client } = await startScene());
});

afterEach(() => endScene(wa, client));

test("the simulator links a client by QR code, restarts it with 515 and accepts its new credentials", async () => {
  await client.pair(alice);
  expect(client.creds.me?.id).toBe("4915550000001:1@s.whatsapp.net");
  expect(client.creds.me?.lid).toBe(alice.lidJid.replace("@", ":1@"));
  expect(wa.device("4915550000001").preKeys.size).toBeGreaterThan(800);
  await client.close();
  await client.login();
  expect(wa.device("4915550000001").sockets).toMatchObject({ open: 1, maximum: 1, logins: 2 });
});

test("the simulator delivers a client's text to a phone number, and shows it as sent on the account's own phone", async () => {
  await client.pair(alice);
  const sent = await client.sock.sendMessage(bob.lidJid, { text: "hello Bob" });
  const received = await bob.waitFor((message) => message.text === "hello Bob");
  expect(received).toMatchObject({ id: sent?.key.id, chat: alice.jid, from: alice.jid, fromDevice: 1, copies: 1 });
  const own = await alice.waitFor((message) => message.text === "hello Bob");
  expect(own).toMatchObject({ chat: bob.jid, fromMe: true });
  await client.statuses.waitFor(({ id, status }) => id === sent?.key.id && status >= 3);
});

test.each(["lid", "pn"] as const)(
  "the simulator delivers a text whose envelope names accounts by %s, with both JIDs",
  async (addressing) => {
    await client.pair(alice);
    const sent = await bob.sendText(alice.number, "hello Alice", { addressing });
    const received = await client.waitForText("hello Alice");
    const [jid, alt] = addressing === "lid" ? [bob.lidJid, bob.jid] : [bob.jid, bob.lidJid];
    expect(received.key).toMatchObject({ id: sent.id, remoteJid: jid, remoteJidAlt: alt, fromMe: false });
    expect(received.pushName).toBe("Bob");
    await bob.waitForStatus(sent, "delivered");
    await client.sock.readMessages([received.key]);
    await bob.waitForStatus(sent, "read");
  },
);

test("the simulator delivers a phone's read receipts to the client that sent the message", async () => {
  await client.pair(alice);
  const sent = await client.sock.sendMessage(bob.lidJid, { text: "read me" });
  bob.markRead(await bob.waitFor((message) => message.text === "read me"));
  const status = await client.statuses.waitFor(({ id, status }) => id === sent?.key.id && status === 4);
  expect(status.chat).toBe(bob.lidJid);
});

test("the simulator delivers the messages of a conversation in order", async () => {
  await client.pair(alice);
  for (let round = 0; round < 5; round++) {
    await client.sock.sendMessage(bob.lidJid, { text: `ping ${round}` });
    await bob.waitFor((message) => message.text === `ping ${round}`);
    await bob.sendText(alice.number, `pong ${round}`);
    await client.waitForText(`pong ${round}`);
  }
  const pongs = client.messages.entries.map(textOf).filter((text) => text?.startsWith("pong"));
  expect(pongs).toEqual(["pong 0", "pong 1", "pong 2", "pong 3", "pong 4"]);
});

test("the simulator keeps unacknowledged messages, and sends them again, marked offline, after the next login", async () => {
  await client.pair(alice);
  await client.close();
  await bob.sendText(alice.number, "while you were out 1");
  await bob.sendText(alice.number, "while you were out 2");
  const device = wa.device(alice.number);
  // The messages, and the privacy token that the phone issued after the first.
  expect(device.kept.size).toBe(3);
  await client.login();
  await client.waitForText("while you were out 1");
  await client.waitForText("while you were out 2");
  await expect.poll(() => device.kept.size).toBe(0);
  expect(device.counts.redelivered).toBe(3);
});

test("the simulator delivers each of a thousand texts from a phone once and in order", async () => {
  await client.pair(alice);
  const sends = Array.from({ length: 1000 }, (_, index) => bob.sendText(alice.number, `n${index}`));
  await Promise.all(sends);
  await client.waitForText("n999", 20_000);
  const texts = client.messages.entries.map(textOf).filter((text) => text?.startsWith("n"));
  expect(texts).toEqual(Array.from({ length: 1000 }, (_, index) => `n${index}`));
});

test("the simulator rejects a message to one person that has a ciphertext and a list of participants with 479", async () => {
  await client.pair(alice);
  const acked = new Promise((resolve) =>
    client.sock.ws.once("CB:ack,id:BOTH", ({ attrs }: { attrs: { error?: string } }) => resolve(attrs.error)),
  );
  const enc = { tag: "enc", attrs: { v: "2", type: "msg" }, content: Buffer.from("any") };
  const participants = { tag: "participants", attrs: {}, content: [] };
  const attrs = { id: "BOTH", to: bob.jid, type: "text" };
  await client.sock.sendNode({ tag: "message", attrs, content: [enc, participants] });
  expect(await acked).toBe("479");
});
