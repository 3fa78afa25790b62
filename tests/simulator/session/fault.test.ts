import { DisconnectReason, WAMessageStatus } from "@whiskeysockets/baileys";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startControl } from "../../../simulator/control/server.ts";
import type { Phone, WhatsApp } from "../../../simulator/index.ts";
import { delays } from "../../../simulator/model/limit/latency.ts";
import {
  type Client,
  silenceLibsignal,
  strictVerification,
  textOf,
  type Update,
} from "../../support/simulator/client.ts";
import { caller, endScene, startScene } from "../../support/simulator/scene.ts";
import { until } from "../../support/until.ts";

silenceLibsignal();
strictVerification();

let wa: WhatsApp;
let alice: Phone;
let bob: Phone;
let client: Client;

beforeEach(async () => {
  ({ wa, alice, bob, client } = await startScene());
  await client.pair(alice);
});

afterEach(() => endScene(wa, client));

test("the simulator keeps messages for a client whose socket was cut, and delivers the messages after the next login", async () => {
  const closed = client.next((update) => update.connection === "close");
  wa.device(alice.number).faults.cut();
  expect((await closed).code).toBe(DisconnectReason.connectionClosed);
  await bob.sendText(alice.number, "after the cut");
  await client.login();
  await client.waitForText("after the cut");
});

test("the simulator drops messages in both directions on a transport that is silent and then cut", async () => {
  await client.sock.sendMessage(bob.lidJid, { text: "before the silence" });
  await bob.waitFor((message) => message.text === "before the silence");
  const device = wa.device(alice.number);
  const silence = device.faults.silence(400, "cut");
  const closed = client.next((update) => update.connection === "close");
  await client.sock.sendMessage(bob.lidJid, { text: "into the void" });
  await bob.sendText(alice.number, "kept by the server");
  await silence;
  await closed;
  expect(bob.inbox.messages).toHaveLength(1);
  await client.login();
  await client.waitForText("kept by the server");
});

test("the simulator delivers messages late but once on a transport that is silent and then resumes", async () => {
  await client.sock.sendMessage(bob.lidJid, { text: "in time" });
  await bob.waitFor((message) => message.text === "in time");
  const silence = wa.device(alice.number).faults.silence(300, "resume");
  await client.sock.sendMessage(bob.lidJid, { text: "late" });
  await bob.sendText(alice.number, "late too");
  expect(bob.inbox.messages).toHaveLength(1);
  await silence;
  expect((await bob.waitFor((message) => message.text === "late")).copies).toBe(1);
  await client.waitForText("late too");
});

test("the simulator delays messages on a slow transport and keeps their order", async () => {
  wa.device(alice.number).faults.slow(50);
  const started = performance.now();
  await Promise.all([1, 2, 3].map((index) => bob.sendText(alice.number, `slow ${index}`)));
  await client.waitForText("slow 3");
  expect(performance.now() - started).toBeGreaterThan(45);
  const texts = client.messages.entries
    .map(({ message }) => message?.conversation)
    .filter((text) => text?.startsWith("slow"));
  expect(texts).toEqual(["slow 1", "slow 2", "slow 3"]);
});

test("the simulator holds receipts back and then delivers them in reverse order", async () => {
  const types: (string | undefined)[] = [];
  client.sock.ws.on("CB:receipt", ({ attrs }: { attrs: { type?: string } }) => types.push(attrs.type));
  const device = wa.device(alice.number);
  device.faults.receipts.begin();
  await client.sock.sendMessage(bob.lidJid, { text: "read this" });
  bob.markRead(await bob.waitFor((message) => message.text === "read this"));
  expect(types).toEqual([]);
  device.deliverHeldReceipts();
  await until(async () => types.length === 2 || undefined);
  expect(types).toEqual(["read", undefined]);
});

test.each([463, 429])(
  "the simulator rejects a message with %d, reports the error to the client and delivers nothing",
  async (code) => {
    wa.device(alice.number).faults.ack.add(code);
    const sent = await client.sock.sendMessage(bob.lidJid, { text: "rejected" });
    await client.sock.sendMessage(bob.lidJid, { text: "accepted" });
    await bob.waitFor((message) => message.text === "accepted");
    // The receipt for the second message makes Baileys emit the status of the first. Without another stanza, Baileys can buffer
    // a status for 30 s (`BUFFER_TIMEOUT_MS` in its Utils/event-buffer.ts).
    await client.statuses.waitFor(({ id, status }) => id === sent?.key.id && status === WAMessageStatus.ERROR);
    expect(bob.inbox.messages).toHaveLength(1);
  },
);

test.each([503, 500])("the simulator fails one login with %d on request, and accepts the next login", async (code) => {
  await client.close();
  wa.device(alice.number).faults.login.add(code);
  const closed = client.next((update) => update.connection === "close");
  client.connect();
  expect((await closed).code).toBe(code);
  await client.login();
});

test("a phone requests a retry of a message that it cannot decrypt, and shows the message once", async () => {
  await client.sock.sendMessage(bob.lidJid, { text: "first" });
  await bob.waitFor((message) => message.text === "first");
  wa.device(alice.number).faults.corruptOut.add(true);
  await client.sock.sendMessage(bob.lidJid, { text: "damaged on the way" });
  const received = await bob.waitFor((message) => message.text === "damaged on the way");
  expect(bob.failures.map(({ id }) => id)).toContain(received.id);
  await client.sock.sendMessage(bob.lidJid, { text: "and on" });
  await bob.waitFor((message) => message.text === "and on");
});

test("the simulator sends a message again, under the same id, to a client that cannot decrypt the message", async () => {
  await bob.sendText(alice.number, "first");
  await client.waitForText("first");
  wa.device(alice.number).faults.corruptIn.add(true);
  const sent = await bob.sendText(alice.number, "damaged on the way");
  expect((await client.waitForText("damaged on the way")).key.id).toBe(sent.id);
  expect(sent.retries).toBe(1);
  await expect.poll(() => wa.device(alice.number).kept.size).toBe(0);
});

test("the simulator delays each stanza of a connection by a different time, and keeps their order", async () => {
  const next = delays({ minMs: 20, maxMs: 150, seed: 7 }, 1);
  const times = Array.from({ length: 500 }, next);
  expect(Math.min(...times)).toBeGreaterThanOrEqual(20);
  expect(Math.max(...times)).toBeLessThanOrEqual(150);
  expect(new Set(times.map(Math.round)).size).toBeGreaterThan(100);
  const again = delays({ minMs: 20, maxMs: 150, seed: 7 }, 1);
  expect(Array.from({ length: 500 }, again)).toEqual(times);
  const slow = await startScene({ wa: { latency: { minMs: 5, maxMs: 60, seed: 7 } } });
  await slow.client.pair(slow.alice);
  const texts = Array.from({ length: 20 }, (_, index) => `number ${index}`);
  for (const text of texts) await slow.bob.sendText(slow.alice.number, text);
  await slow.client.waitForText("number 19");
  expect(slow.client.messages.entries.map(textOf).filter((text) => text?.startsWith("number"))).toEqual(texts);
  await endScene(slow.wa, slow.client);
});

/** Returns the attributes of the `<failure>` that closed the connection. */
const failureOf = ({ lastDisconnect }: Update) => (lastDisconnect?.error as { data?: unknown } | undefined)?.data;

test("the simulator ends the connections of a banned account with 402, and refuses its logins until the ban ends", async () => {
  const closed = client.next((update) => update.connection === "close");
  alice.ban({ seconds: 1, code: 104 });
  expect(failureOf(await closed)).toMatchObject({ reason: "402", expire: "1", code: "104" });
  const refused = client.next((update) => update.connection === "close");
  client.connect();
  expect(failureOf(await refused)).toMatchObject({ reason: "402", code: "104" });
  await until(async () => {
    const again = client.next((update) => update.connection === "close" || update.connection === "open");
    client.connect();
    return (await again).connection === "open" || undefined;
  });
});

test("the control API refuses the next logins of an account with a failure", async () => {
  const control = await startControl(wa);
  try {
    await client.close();
    await caller(control)("POST", `/phones/${alice.number}/failures`, { login: { reason: 403, header: "Locked" } });
    const refused = client.next((update) => update.connection === "close");
    client.connect();
    expect(failureOf(await refused)).toMatchObject({ reason: "403", logout_message_header: "Locked" });
    await client.login();
  } finally {
    await control.stop();
  }
});
