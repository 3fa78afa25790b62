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
  const sent = await client.sock.sendMessage(statusChat, { text: "mine" }, { statusJidList: [bob.jid, alice.jid] });
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

test("the simulator delivers a phone's status post, also after a retry, and deletes the status post", async () => {
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
