import { afterAll, beforeAll, expect, test } from "vitest";
import { type Control, startControl } from "../../../simulator/control/server.ts";
import type { Phone, WhatsApp } from "../../../simulator/index.ts";
import { type Client, silenceLibsignal, strictVerification } from "../../support/simulator/client.ts";
import { type Call, caller, endScene, startScene } from "../../support/simulator/scene.ts";

silenceLibsignal();
strictVerification();

let wa: WhatsApp;
let control: Control;
let alice: Phone;
let bob: Phone;
let carol: Phone;
let client: Client;

beforeAll(async () => {
  ({ wa, alice, bob, carol, client } = await startScene());
  control = await startControl(wa);
  await client.pair(alice);
});

afterAll(async () => {
  await control.stop();
  await endScene(wa, client);
});

// biome-ignore lint/suspicious/noExplicitAny: an answer of any shape
const call = async (...request: Parameters<Call>): Promise<any> => (await caller(control)(...request)).json;

test("the simulator applies a client's edit, reaction and deletion on the phones that have the message", async () => {
  const sent = await client.sock.sendMessage(bob.lidJid, { text: "teh" });
  if (!sent) throw new Error("nothing was sent");
  const [arrived, own] = await Promise.all([bob, alice].map((phone) => phone.waitFor(({ text }) => text === "teh")));
  await client.sock.sendMessage(bob.lidJid, { text: "the", edit: sent.key });
  await expect
    .poll(() => [arrived, own].map((message) => [message?.text, message?.edited]))
    .toEqual(Array(2).fill(["the", true]));
  const theirs = await bob.sendText(alice.number, "news");
  const { key } = await client.waitForText("news");
  await client.sock.sendMessage(bob.lidJid, { react: { text: "👍", key } });
  await expect.poll(() => theirs.reactions).toEqual([{ from: alice.jid, emoji: "👍" }]);
  await client.sock.sendMessage(bob.lidJid, { react: { text: "", key } });
  await expect.poll(() => theirs.reactions).toEqual([]);
  await client.sock.sendMessage(bob.lidJid, { delete: sent.key });
  await expect.poll(() => [arrived?.deleted, own?.deleted]).toEqual([true, true]);
});

test("the simulator shows the quoted message and the mentions of a client's message on the phone", async () => {
  const theirs = await bob.sendText(alice.number, "shall we?");
  const quoted = await client.waitForText("shall we?");
  await client.sock.sendMessage(bob.lidJid, { text: "yes, @3", mentions: [carol.jid] }, { quoted });
  expect(await bob.waitFor(({ text }) => text === "yes, @3")).toMatchObject({
    quotes: { id: theirs.id, from: bob.lidJid, text: "shall we?" },
    mentions: [carol.jid],
  });
});

test("both phones of a chat send the timer that one of them sets, and a client gets it", async () => {
  const shown = (phone: Phone, id: string) => phone.waitFor((message) => message.id === id);
  const setting = await call("POST", `/phones/${bob.number}/timer`, { to: carol.number, seconds: 86_400 });
  await shown(carol, setting.id);
  const [fromBob, fromCarol] = [await bob.sendText(carol.number, "a"), await carol.sendText(bob.number, "b")];
  expect(await shown(carol, fromBob.id)).toMatchObject({ text: "a", expiration: 86_400 });
  expect(await shown(bob, fromCarol.id)).toMatchObject({ text: "b", expiration: 86_400 });
  await bob.setTimer(alice.number, 604_800);
  await bob.sendText(alice.number, "to a client");
  const { message } = await client.waitForText("to a client");
  expect(message?.extendedTextMessage?.contextInfo).toMatchObject({ expiration: 604_800 });
  for (const to of [carol, alice]) await bob.setTimer(to.number, 0);
  const plain = await bob.sendText(carol.number, "stays");
  expect(await shown(carol, plain.id)).toMatchObject({ expiration: 0 });
});

test("a message to a broadcast list reaches each person in the chat with its sender", async () => {
  const body = { to: "1700000001@broadcast", text: "to the list", audience: [alice.number, carol.number] };
  const { id } = await call("POST", `/phones/${bob.number}/text`, body);
  expect(await carol.waitFor((message) => message.id === id)).toMatchObject({ chat: bob.jid, text: "to the list" });
  const { key } = await client.waitForText("to the list");
  expect(key).toMatchObject({ remoteJid: body.to, participant: bob.lidJid, fromMe: false });
  await expect.poll(() => bob.sent.get(id)?.receipts.length ?? 0).toBeGreaterThan(1);
});

test("the simulator lets only a group admin delete another member's message, and lets nobody edit another member's message", async () => {
  const group = carol.createGroup("Crew", [alice.number, bob.number]);
  const sent = await bob.sendText(group.jid, "bob's");
  const { key } = await client.waitForText("bob's");
  const arrived = await carol.waitFor(({ text }) => text === "bob's");
  await client.sock.sendMessage(group.jid, { delete: key });
  await client.sock.sendMessage(group.jid, { text: "forged", edit: key });
  await carol.waitFor(({ kind }) => kind === "edit");
  expect([arrived.deleted, arrived.edited, sent.deleted, sent.edited]).toEqual([false, false, false, false]);
  await carol.revoke(arrived);
  await expect.poll(() => sent.deleted).toBe(true);
});

test("the control API edits and deletes a message and shows typing", async () => {
  const [one, two] = [alice.number, bob.number];
  const { id } = await call("POST", `/phones/${two}/text`, { to: one, text: "first" });
  expect(await call("POST", `/phones/${two}/edit`, { message: id, text: "second" })).toMatchObject({ status: "sent" });
  await call("POST", `/phones/${two}/revoke`, { message: id });
  await call("POST", `/phones/${two}/typing`, { to: one, state: "recording" });
  await alice.waitFor(({ kind, refersTo }) => kind === "revoke" && refersTo === id);
  expect(await call("GET", `/phones/${one}/wait?id=${id}`)).toMatchObject({
    text: "second",
    edited: true,
    deleted: true,
  });
  expect(await call("GET", `/phones/${two}/sent/${id}`)).toMatchObject({ text: "second", edited: true, deleted: true });
  await expect
    .poll(() => call("GET", `/phones/${one}/typing`))
    .toMatchObject([{ chat: bob.jid, from: bob.jid, state: "recording" }]);
  await client.sock.sendPresenceUpdate("composing", bob.jid);
  await expect.poll(() => bob.typing).toMatchObject([{ chat: alice.jid, from: alice.jid, state: "composing" }]);
});
