import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, expect, test } from "vitest";
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

beforeEach(async () => {
  ({ wa, alice, bob, carol, client } = await startScene());
  await client.pair(alice);
});

afterEach(() => endScene(wa, client));

test("the simulator announces a new group to its members' clients, with both JIDs of every member", async () => {
  const group = bob.createGroup("Friday", [alice.number, carol.number]);
  const { value } = await client.events.waitFor(({ name }) => name === "groups.upsert");
  expect(value).toMatchObject([{ id: group.jid, subject: "Friday", author: bob.lidJid, authorPn: bob.jid }]);
  const metadata = await client.sock.groupMetadata(group.jid);
  expect(metadata).toMatchObject({ addressingMode: "lid", owner: bob.lidJid, ownerPn: bob.jid, size: 3 });
  expect(metadata.participants).toMatchObject([
    { id: bob.lidJid, phoneNumber: bob.jid, admin: "superadmin" },
    { id: alice.lidJid, phoneNumber: alice.jid, admin: null },
    { id: carol.lidJid, phoneNumber: carol.jid, admin: null },
  ]);
  expect(Object.keys(await client.sock.groupFetchAllParticipating())).toEqual([group.jid]);
});

test("the simulator delivers consecutive group messages from clients and phones to every member", async () => {
  const group = bob.createGroup("Friday", [alice.number, carol.number]);
  for (let round = 0; round < 3; round++) {
    const sent = await client.sock.sendMessage(group.jid, { text: `from the client ${round}` });
    for (const phone of [bob, carol]) {
      const received = await phone.waitFor((message) => message.text === `from the client ${round}`);
      expect(received).toMatchObject({ id: sent?.key.id, chat: group.jid, from: alice.jid, fromDevice: 1, copies: 1 });
    }
    await carol.sendText(group.jid, `from Carol ${round}`);
    const seen = await client.waitForText(`from Carol ${round}`);
    expect(seen.key).toMatchObject({ remoteJid: group.jid, participant: carol.lidJid, participantAlt: carol.jid });
    await bob.waitFor((message) => message.text === `from Carol ${round}`);
  }
  expect([...bob.failures, ...carol.failures]).toEqual([]);
});

test("the simulator names the reader in group receipts, in both directions", async () => {
  const group = bob.createGroup("Friday", [alice.number]);
  const sent = await client.sock.sendMessage(group.jid, { text: "who reads this" });
  // A receipt that Baileys handles before it emits the message is merged into the message.
  await client.messages.waitFor(({ key }) => key.id === sent?.key.id);
  bob.markRead(await bob.waitFor((message) => message.text === "who reads this"));
  const update = await client.events.waitFor(
    ({ name, value }) => name === "message-receipt.update" && JSON.stringify(value).includes("readTimestamp"),
  );
  expect(update.value).toMatchObject([{ key: { id: sent?.key.id }, receipt: { userJid: bob.lidJid } }]);
  const theirs = await bob.sendText(group.jid, "and this");
  await client.sock.readMessages([(await client.waitForText("and this")).key]);
  await bob.waitForStatus(theirs, "read");
});

test("the simulator stores the file of a group message once for all members", async () => {
  const group = bob.createGroup("Friday", [alice.number, carol.number]);
  const file = randomBytes(1000);
  await client.sock.sendMessage(group.jid, { document: file, mimetype: "a/b", fileName: "f" });
  for (const phone of [bob, carol]) {
    expect(phone.download(await phone.waitFor((message) => message.kind === "document"))).toEqual(file);
  }
  expect(wa.media.counts.uploads).toBe(1);
});

test("the simulator sends a group message again to a member that cannot decrypt the message", async () => {
  const group = bob.createGroup("Friday", [alice.number]);
  await client.sock.sendMessage(group.jid, { text: "first" });
  await bob.waitFor((message) => message.text === "first");
  wa.device(alice.number).faults.corruptOut.add(true);
  await client.sock.sendMessage(group.jid, { text: "damaged" });
  await bob.waitFor((message) => message.text === "damaged");
  await bob.sendText(group.jid, "second");
  await client.waitForText("second");
  wa.device(alice.number).faults.corruptIn.add(true);
  const sent = await bob.sendText(group.jid, "damaged too");
  expect((await client.waitForText("damaged too")).key.id).toBe(sent.id);
});

test("the simulator refuses the metadata of a group to an account that is not a member", async () => {
  const group = bob.createGroup("Private", [carol.number]);
  await expect(client.sock.groupMetadata(group.jid)).rejects.toThrow("forbidden");
});
