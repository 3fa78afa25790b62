import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Phone } from "../../simulator/index.ts";
import { saveContact } from "../../simulator/phone/owner/contacts.ts";
import { sha256 } from "../../simulator/wire/crypto.ts";
import { type LinkedGateway, messageAt, startLinkedGateway } from "../support/gateway/linked-gateway.ts";
import type { RestClient } from "../support/gateway/rest-client.ts";
import { png } from "../support/media/png.ts";
import { until } from "../support/until.ts";
import { isEditOf, isReaction, isRevokeOf, textIn } from "./content.ts";
import { Peer, type PeerReceipt, type Sent } from "./peer.ts";
import { endPeers } from "./scene.ts";

/** The gateway's account is the owner's, and the client on whatsmeow is a linked device of Bob's. */
let linked: LinkedGateway;
let client: RestClient;
let owner: Phone;
let bob: Phone;
let peer: Peer;
const picture = png();

beforeAll(async () => {
  linked = await startLinkedGateway("gateway", { "/picture.png": { body: picture, type: "image/png" } });
  ({ client, owner, bob } = linked);
  saveContact(owner, bob.number, "Bob Builder");
  saveContact(bob, owner.number, "The Shop");
  peer = await Peer.start(linked.gate.wa);
  await bob.scanQr(await peer.qr());
  await peer.event("Connected");
  await peer.event("PushNameSetting");
  await peer.event("Contact");
});

afterAll(async () => {
  await endPeers(linked.gate.wa, peer);
  await linked.stop();
});

const api = async (method: string, path: string, body: Record<string, unknown>) => {
  const own = path.includes(linked.instance) ? {} : { instanceId: linked.instance };
  const answer = await linked.gate.api(method, path, { body: { ...own, ...body } });
  expect(answer.status, JSON.stringify(answer.body)).toBe(200);
  return answer.body.data as Record<string, string>;
};
const webhook = (event: string, id: string) =>
  linked.gate.receiver
    .waitFor(({ body }) => body.event === event && body.data.messageId === id)
    .then(({ body }) => body.data as Record<string, unknown>);
const arrived = (id: string) => peer.message((message) => message.id === id);

describe("Switchboard and whatsmeow in a chat", () => {
  it("exchange texts, and Switchboard gets a receipt of each kind", async () => {
    const id = await client.sendText(bob.number, "from Switchboard");
    const received = await arrived(id);
    const { pnJid, lidJid } = linked.gate.wa.device(owner.number);
    expect([received.sender, received.senderAlt].sort()).toEqual([pnJid, lidJid].sort());
    expect(textIn(received.content)).toBe("from Switchboard");
    await client.reported("delivered", id);
    await peer.call("markRead", { id });
    await client.reported("read", id);
    const sent = await peer.sendText(owner.jid, "from whatsmeow");
    const told = await client.reported("received", sent.id);
    expect(client.textOf(told)).toBe("from whatsmeow");
    await peer.receipt(sent.id, "");
    await api("POST", "/api/message/seen", { chatId: bob.jid, messageId: sent.id });
    await peer.receipt(sent.id, "Read");
  });

  it("exchange a picture with the same bytes", async () => {
    const id = await client.sendImage(bob.number, linked.files.url("/picture.png"), "look");
    await arrived(id);
    const downloaded = await peer.call<string>("download", { id });
    expect(Buffer.from(downloaded, "base64").equals(picture)).toBe(true);
    const data = picture.toString("base64");
    const file = { to: owner.jid, kind: "image", mimetype: "image/png", caption: "seen", data };
    const { id: answer } = await peer.call<Sent>("sendFile", file);
    const { media } = await webhook("message.received", answer);
    const stored = await until(async () => {
      const response = await fetch((media as { url: string }).url);
      return response.status === 200 ? response : undefined;
    });
    expect(Buffer.from(await stored.arrayBuffer()).equals(picture)).toBe(true);
  });

  it("send documents to each other", async () => {
    const { messageId: id = "" } = await api("POST", "/api/message/send/file", {
      to: bob.jid,
      file: linked.files.url("/a.pdf"),
      filename: "invoice.pdf",
    });
    await arrived(id);
    expect(Buffer.from(await peer.call<string>("download", { id }), "base64").toString()).toContain("%PDF");
    const data = Buffer.from("%PDF-1.7 from whatsmeow").toString("base64");
    const file = { to: owner.jid, kind: "document", mimetype: "application/pdf", name: "ünïcode.pdf", data };
    const { id: answer } = await peer.call<Sent>("sendFile", file);
    await webhook("media.stored", answer);
  });

  it("react to, edit and delete messages", async () => {
    const id = await client.sendText(bob.number, "teh text");
    await arrived(id);
    await peer.call("react", { chat: owner.lidJid, sender: owner.lidJid, id, emoji: "👍" });
    await webhook("message.reaction", id);
    await api("PUT", `/api/message/${linked.instance}/${id}`, { chatId: bob.jid, message: "the text" });
    await peer.message(({ content }) => isEditOf(content, id, "the text"));
    const path = `/api/message/${linked.instance}/${id}?chatId=${bob.jid}`;
    expect((await linked.gate.api("DELETE", path)).status).toBe(200);
    await peer.message(({ content }) => isRevokeOf(content, id));
    const { id: answer } = await peer.sendText(owner.jid, "anser");
    await client.reported("received", answer);
    await api("PUT", "/api/message/reaction", { chatId: bob.jid, messageId: answer, emoji: "🙈" });
    await peer.message(({ content }) => isReaction(content, answer, "🙈"));
    await peer.call("edit", { chat: owner.lidJid, id: answer, text: "answer" });
    expect(await webhook("message.edited", answer)).toMatchObject({ body: "answer" });
    await peer.call("revoke", { chat: owner.lidJid, id: answer });
    await webhook("message.deleted", answer);
  });

  it("vote on each other's polls", async () => {
    const poll = { to: bob.jid, question: "Lunch?", options: ["Pizza", "Soup"] };
    const { messageId: id = "" } = await api("POST", "/api/message/send/poll", poll);
    await arrived(id);
    await peer.call("vote", { id, options: ["Soup"] });
    expect(await webhook("poll.voted", id)).toMatchObject({ options: ["Soup"] });
    const theirs = await peer.call<Sent>("poll", { chat: owner.lidJid, name: "When?", options: ["Noon", "Evening"] });
    await client.reported("received", theirs.id);
    // The phone of the account votes. Switchboard has no request for it.
    const vote = await owner.surveys.vote(await messageAt(owner, theirs.id), ["Noon"]);
    await arrived(vote.id);
    expect(await peer.call("readVote", { id: vote.id })).toEqual([sha256(Buffer.from("Noon")).toString("base64")]);
    expect(await webhook("poll.voted", theirs.id)).toMatchObject({ options: ["Noon"] });
  });

  it("exchange messages after both have logged in again", async () => {
    await peer.restart();
    await peer.login();
    await client.request("POST", "restart");
    await linked.gate.status(linked.instance, "connected");
    const id = await client.sendText(bob.number, "again");
    expect(textIn((await arrived(id)).content)).toBe("again");
    const sent = await peer.sendText(owner.jid, "and again");
    await client.reported("received", sent.id);
  });
});

describe("Switchboard and whatsmeow in a group", () => {
  it("exchange texts with sender keys, and get receipts", async () => {
    const { jid } = linked.group;
    const id = await client.sendText(jid, "to the crew");
    const received = await peer.message(({ id: one, content }) => one === id && textIn(content) !== undefined);
    expect(received).toMatchObject({ chat: jid, sender: linked.gate.wa.device(owner.number).lidJid });
    await client.reported("delivered", id);
    const sent = await peer.sendText(jid, "from the crew");
    const told = await client.reported("received", sent.id);
    expect(client.textOf(told)).toBe("from the crew");
    await peer.event(
      "Receipt",
      (receipt: PeerReceipt) => receipt.ids.includes(sent.id) && receipt.sender.startsWith(owner.account.lid),
    );
  });
});

describe("Switchboard and whatsmeow and status posts", () => {
  it("see each other's posts", async () => {
    const { messageId: id = "" } = await api("POST", `/api/status/${linked.instance}/text`, { text: "open today" });
    const post = await peer.message(({ id: one, content }) => one === id && textIn(content) !== undefined);
    expect(post).toMatchObject({ chat: "status@broadcast", sender: linked.gate.wa.device(owner.number).lidJid });
    // whatsmeow looks the devices of its contacts up by number: docs/reference/peers.md.
    linked.gate.wa.world.rules.relax("no_devices_for_numbers");
    const sent = await peer.sendText("status@broadcast", "sunny");
    await client.inHistory("status@broadcast", sent.id, "received");
  });
});
