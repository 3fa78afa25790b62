import type { BinaryNode } from "@whiskeysockets/baileys";
import { afterEach, beforeEach, expect, test } from "vitest";
import { controlApp } from "../../../simulator/control/server.ts";
import type { Phone, WhatsApp } from "../../../simulator/index.ts";
import { type Client, silenceLibsignal, strictVerification } from "../../support/simulator/client.ts";
import { endScene, startScene } from "../../support/simulator/scene.ts";

silenceLibsignal();
strictVerification();

let wa: WhatsApp;
let alice: Phone;
let bob: Phone;
let carol: Phone;
let client: Client;

const statusChat = "status@broadcast";

beforeEach(async () => {
  ({ wa, alice, bob, carol, client } = await startScene());
  await client.pair(alice);
});

afterEach(() => endScene(wa, client));

test("the simulator delivers a client's status post only to its audience, and reports to the client who has viewed it", async () => {
  const sent = await client.sock.sendMessage(
    statusChat,
    { text: "mine" },
    { statusJidList: [bob.lidJid, alice.lidJid] },
  );
  const seen = await bob.waitFor((message) => message.id === sent?.key.id);
  expect(seen).toMatchObject({ chat: statusChat, from: alice.jid, fromDevice: 1, text: "mine" });
  await alice.waitFor((message) => message.id === sent?.key.id && message.fromMe);
  await client.messages.waitFor(({ key }) => key.id === sent?.key.id);
  bob.markRead(seen);
  const update = await client.events.waitFor(
    ({ name, value }) => name === "message-receipt.update" && JSON.stringify(value).includes("readTimestamp"),
  );
  expect(update.value).toMatchObject([{ key: { id: sent?.key.id }, receipt: { userJid: bob.lidJid } }]);
  expect(carol.inbox.messages).toEqual([]);
});

test("a status that a client rejects stays, and holds back all that comes later, unless the rule is relaxed", async () => {
  const device = wa.device(alice.number);
  const stanzas: BinaryNode[] = [];
  client.sock.ws.on("CB:message", (stanza: BinaryNode) => void stanzas.push(stanza));
  device.faults.corruptIn.add(true);
  const post = { conversation: "unreadable" };
  const { id } = await bob.sendMessage(statusChat, post, { audience: [alice.number] });
  await expect.poll(() => device.counts.nacked, { timeout: 20_000 }).toBe(1);
  await carol.sendText(alice.number, "held back");
  await client.close();
  await client.login();
  client.sock.ws.on("CB:message", (stanza: BinaryNode) => void stanzas.push(stanza));
  await expect.poll(() => device.counts.nacked, { timeout: 20_000 }).toBe(2);
  // The copy that the sender was asked for and the text come later than the rejected stanza.
  expect(new Set(stanzas.map(({ attrs }) => attrs.id))).toEqual(new Set([id]));
  const [rejected] = stanzas;
  if (!rejected) throw new Error("the status did not arrive");
  await client.sock.sendMessageAck(rejected);
  await client.waitForText("held back");
  await client.waitForText("unreadable");

  wa.world.rules.relax("rejected_status_stays");
  device.faults.corruptIn.add(true);
  await bob.sendMessage(statusChat, { conversation: "readable copy" }, { audience: [alice.number] });
  await client.waitForText("readable copy");
});

test("the simulator delivers a phone's status post, also after a retry, and deletes the status post", async () => {
  // Unmodified Baileys rejects the damaged status, so its copy would wait.
  wa.world.rules.relax("rejected_status_stays");
  const control = controlApp(wa);
  const ask = async (method: string, path: string, body?: object) => {
    const answer = await control.request(path, body ? { method, body: JSON.stringify(body) } : { method });
    return await answer.json();
  };
  wa.device(alice.number).faults.corruptIn.add(true);
  const body = { to: statusChat, text: "Bob's day", audience: [alice.number, carol.number] };
  const { id } = (await ask("POST", `/phones/${bob.number}/text`, body)) as { id: string };
  const received = await client.waitForText("Bob's day");
  expect(received.key).toMatchObject({ id, remoteJid: statusChat, participant: bob.lidJid });
  await carol.waitFor((message) => message.id === id);
  expect(await ask("GET", `/phones/${carol.number}/statuses`)).toMatchObject([{ id, from: bob.jid, chat: statusChat }]);
  await client.sock.readMessages([received.key]);
  await bob.waitForStatus(id, "read");
  await ask("POST", `/phones/${bob.number}/revoke`, { message: id });
  await carol.waitFor((message) => message.kind === "revoke");
  expect(await ask("GET", `/phones/${carol.number}/statuses`)).toEqual([]);
  const nobody = await control.request(`/phones/${bob.number}/text`, {
    method: "POST",
    body: JSON.stringify({ to: statusChat, text: "x", audience: ["4915550999999"] }),
  });
  expect(nobody.status).toBe(404);
});
