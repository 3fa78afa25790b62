import { afterAll, beforeAll, expect, it } from "vitest";
import type { Phone, WhatsApp } from "../../simulator/index.ts";
import { startWhatsApp } from "../../simulator/index.ts";
import { Peer } from "./peer.ts";
import { endPeers, eventually } from "./scene.ts";

/** After it has deleted an account from its database, whatsmeow still handles what came just before. */
const ACCOUNT_DELETED = /FOREIGN KEY constraint failed/;

let wa: WhatsApp;
let alice: Phone;
let bob: Phone;
let carol: Phone;
let byQr: Peer;
let byCode: Peer;

beforeAll(async () => {
  wa = await startWhatsApp();
  const timestamp = Math.floor(Date.now() / 1000) - 3600;
  const messages = Array.from({ length: 30 }, (_, index) => ({ text: `old ${index}`, timestamp: timestamp + index }));
  alice = await wa.addPhone({
    number: "4915550000001",
    pushName: "Alice",
    history: [
      { with: "4915550000002", messages },
      { with: "4915550000003", messages: messages.slice(0, 1) },
    ],
  });
  bob = await wa.addPhone({ number: "4915550000002", pushName: "Bob" });
  carol = await wa.addPhone({ number: "4915550000003", pushName: "Carol", business: { name: "Carol's Café" } });
  byQr = await Peer.start(wa);
  byCode = await Peer.start(wa);
});

afterAll(() => endPeers(wa, byQr, byCode));

it("whatsmeow links by QR code, and accepts certificates, ADV signatures and prekeys", async () => {
  await alice.scanQr(await byQr.qr());
  await byQr.event("PairSuccess");
  await byQr.event("Connected");
  expect(await byQr.call("self")).toMatchObject({
    jid: wa.device(alice.number).pnJid,
    lid: wa.device(alice.number).lidJid,
    platform: "android",
    loggedIn: true,
  });
});

it("whatsmeow downloads the history and the push names that the phone offers, and deletes the files", async () => {
  const { conversations } = await byQr.event<{ type: string; conversations: string[] }>(
    "HistorySync",
    ({ type }) => type === "INITIAL_BOOTSTRAP",
  );
  expect(conversations).toEqual([bob.lidJid, carol.lidJid]);
  await byQr.event<{ type: string }>("HistorySync", ({ type }) => type === "PUSH_NAME");
  await byQr.event<{ type: string }>("HistorySync", ({ type }) => type === "RECENT");
  await eventually(() => wa.media.counts.deletions === 2);
});

it("whatsmeow exchanges texts with a phone, and both get delivery receipts", async () => {
  const sent = await byQr.sendText(bob.jid, "hello");
  expect(await bob.waitFor(({ id }) => id === sent.id)).toMatchObject({ text: "hello", from: alice.jid });
  expect(await byQr.receipt(sent.id, "")).toMatchObject({ chat: bob.lidJid });
  const answer = await bob.sendText(alice.number, "good day");
  expect(await byQr.message(({ id }) => id === answer.id)).toMatchObject({
    chat: bob.lidJid,
    senderAlt: bob.jid,
    fromMe: false,
    pushName: "Bob",
    content: { conversation: "good day" },
  });
  await bob.waitForStatus(answer, "delivered");
});

it("whatsmeow sees what the phone of its account sends, and the phone sees what whatsmeow sends", async () => {
  const sent = await alice.sendText(bob.number, "from the phone");
  expect(await byQr.message(({ id }) => id === sent.id)).toMatchObject({ chat: bob.lidJid, fromMe: true });
  const own = await byQr.sendText(bob.jid, "from the client");
  expect(await alice.waitFor(({ id }) => id === own.id)).toMatchObject({ chat: bob.jid, fromMe: true });
});

it("whatsmeow logs in again after its process was killed, and gets what came meanwhile", async () => {
  await byQr.restart();
  const missed = await bob.sendText(alice.number, "while you were away");
  await byQr.login();
  expect(await byQr.message(({ id }) => id === missed.id)).toMatchObject({
    content: { conversation: "while you were away" },
  });
  const sent = await byQr.sendText(bob.jid, "back again");
  await bob.waitFor(({ id }) => id === sent.id);
});

it("whatsmeow reports that its version is too old for a login, and logs in once the server accepts it", async () => {
  byQr.expectLog(/Client outdated/);
  const { minimum } = wa.world.versions;
  const { login } = minimum;
  minimum.login = [2, 3000, 2_000_000_000];
  await byQr.call("disconnect");
  await byQr.call("connect");
  await byQr.event("ClientOutdated");
  minimum.login = login;
  await byQr.call("disconnect");
  await byQr.login();
});

it("whatsmeow links by pairing code to a business account", async () => {
  await byCode.qr();
  const code = await byCode.call<string>("pairingCode", { phone: carol.number });
  await carol.linkWithCode(code.replace("-", ""));
  await byCode.event("Connected");
  expect(await byCode.call("self")).toMatchObject({
    jid: wa.device(carol.number).pnJid,
    platform: "smba",
    businessName: "Carol's Café",
  });
  const sent = await byCode.sendText(alice.jid, "between two clients");
  expect(await byQr.message(({ id }) => id === sent.id)).toMatchObject({ chat: carol.lidJid, fromMe: false });
  const answer = await byQr.sendText(carol.jid, "and back");
  expect(await byCode.message(({ id }) => id === answer.id)).toMatchObject({ chat: alice.lidJid });
});

it("whatsmeow logs out, and the phone no longer shows the device", async () => {
  const device = wa.device(carol.number);
  byCode.expectLog(ACCOUNT_DELETED);
  await byCode.call("logout");
  expect(carol.devices).not.toContain(device);
});

it("whatsmeow reports that the phone has unlinked it", async () => {
  byQr.expectLog(ACCOUNT_DELETED);
  alice.unlink(wa.device(alice.number));
  await byQr.event("LoggedOut");
});
