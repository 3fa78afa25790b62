import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Phone, WhatsApp } from "../../simulator/index.ts";
import { startWhatsApp } from "../../simulator/index.ts";
import type { Group } from "../../simulator/model/group.ts";
import { saveContact } from "../../simulator/phone/owner/contacts.ts";
import { createLabel, labelChat, labelsOf } from "../../simulator/phone/owner/labels.ts";
import { sha256 } from "../../simulator/wire/crypto.ts";
import { png } from "../support/media/png.ts";
import { isEditOf, isReaction, isRevokeOf, textIn } from "./content.ts";
import { Peer, type PeerReceipt, type Sent } from "./peer.ts";
import { endPeers, eventually } from "./scene.ts";

let wa: WhatsApp;
let owner: Phone;
let bob: Phone;
let carol: Phone;
let peer: Peer;

beforeAll(async () => {
  wa = await startWhatsApp();
  owner = await wa.addPhone({ number: "4915550000001", pushName: "Owner", business: true });
  bob = await wa.addPhone({ number: "4915550000002", pushName: "Bob" });
  carol = await wa.addPhone({ number: "4915550000003", pushName: "Carol" });
  saveContact(owner, bob.number, "Bob Builder");
  peer = await Peer.start(wa);
  await owner.scanQr(await peer.qr());
  await peer.event("Connected");
  await peer.event("HistorySync");
  await peer.event("PushNameSetting");
});

afterAll(() => endPeers(wa, peer));

describe("whatsmeow and a phone in a chat", () => {
  it("exchange read receipts", async () => {
    const sent = await peer.sendText(bob.jid, "read this");
    bob.markRead(await bob.waitFor(({ id }) => id === sent.id));
    expect(await peer.receipt(sent.id, "Read")).toMatchObject({ chat: bob.lidJid });
    const answer = await bob.sendText(owner.number, "read that");
    await peer.message(({ id }) => id === answer.id);
    await peer.call("markRead", { id: answer.id });
    await bob.waitForStatus(answer, "read");
  });

  it("see each other type and come online", async () => {
    await peer.call("presence", { state: "available" });
    await peer.call("typing", { chat: bob.lidJid });
    await eventually(() => bob.typing.find(({ from, state }) => from === owner.jid && state === "composing"));
    bob.setTyping(owner.number, "recording");
    expect(await peer.event("ChatPresence")).toMatchObject({ State: "composing", Media: "audio" });
  });

  it.each([
    ["image", "image/png", png()],
    ["document", "application/pdf", Buffer.from("%PDF-1.7\n%âãÏÓ\n")],
  ] as const)("exchange a file of kind %s, with all hashes checked", async (kind, mimetype, data) => {
    const sent = await peer.call<Sent>("sendFile", {
      to: bob.jid,
      kind,
      mimetype,
      name: "ünïcode.pdf",
      caption: "look",
      data: data.toString("base64"),
    });
    const received = await bob.waitFor(({ id }) => id === sent.id);
    expect(received).toMatchObject({ kind, media: { mimetype, caption: "look" } });
    expect(bob.download(received)).toEqual(data);
    const answer = await bob.sendMedia(owner.number, kind, data, { mimetype, caption: "seen", fileName: "b.pdf" });
    await peer.message(({ id }) => id === answer.id);
    const downloaded = await peer.call<string>("download", { id: answer.id });
    expect(Buffer.from(downloaded, "base64")).toEqual(data);
  });

  it("react to each other's messages, and take the reactions back", async () => {
    const sent = await peer.sendText(bob.jid, "funny");
    const received = await bob.waitFor(({ id }) => id === sent.id);
    await bob.react(received, "😂");
    await peer.message(({ content }) => isReaction(content, sent.id, "😂"));
    const answer = await bob.sendText(owner.number, "indeed");
    await peer.message(({ id }) => id === answer.id);
    for (const emoji of ["👍", ""]) {
      await peer.call("react", { chat: bob.lidJid, sender: bob.lidJid, id: answer.id, emoji });
      await eventually(() => (answer.reactions.find(({ from }) => from === owner.jid)?.emoji ?? "") === emoji);
    }
  });

  it("edit and delete messages", async () => {
    const sent = await peer.sendText(bob.jid, "first");
    const received = await bob.waitFor(({ id }) => id === sent.id);
    await peer.call("edit", { chat: bob.lidJid, id: sent.id, text: "second" });
    await eventually(() => received.text === "second" && received.edited);
    await peer.call("revoke", { chat: bob.lidJid, id: sent.id });
    await eventually(() => received.deleted);
    const answer = await bob.sendText(owner.number, "third");
    await peer.message(({ id }) => id === answer.id);
    await bob.edit(answer, "fourth");
    await peer.message(({ isEdit, content }) => isEdit && isEditOf(content, answer.id, "fourth"));
    await bob.revoke(answer);
    await peer.message(({ content }) => isRevokeOf(content, answer.id));
  });

  it("vote on each other's polls", async () => {
    const sent = await peer.call<Sent>("poll", { chat: bob.lidJid, name: "Lunch?", options: ["Pizza", "Soup"] });
    const received = await bob.waitFor(({ id }) => id === sent.id);
    expect(received.poll).toMatchObject({ question: "Lunch?", options: ["Pizza", "Soup"] });
    const vote = await bob.surveys.vote(received, ["Soup"]);
    await peer.message(({ id }) => id === vote.id);
    expect(await peer.call("readVote", { id: vote.id })).toEqual([sha256(Buffer.from("Soup")).toString("base64")]);
    const poll = await bob.surveys.poll(owner.number, { question: "When?", options: ["Noon", "Evening"] });
    await peer.message(({ id }) => id === poll.id);
    await peer.call("vote", { id: poll.id, options: ["Noon"] });
    await eventually(() => poll.responses.find(({ from }) => from === owner.jid)?.choices.includes("Noon"));
  });

  it("get a message again after a damaged ciphertext", async () => {
    peer.expectLog(/Error decrypting message/);
    const device = wa.device(owner.number);
    device.faults.corruptIn.add(true);
    const sent = await bob.sendText(owner.number, "damaged on the way to whatsmeow");
    await peer.event("UndecryptableMessage");
    expect(await peer.message(({ id }) => id === sent.id)).toMatchObject({
      content: { conversation: "damaged on the way to whatsmeow" },
    });
    const failed = bob.failures.length;
    device.faults.corruptOut.add(true);
    const resent = await peer.sendText(bob.jid, "damaged on the way to the phone");
    await bob.waitFor(({ id }) => id === resent.id);
    expect(bob.failures.splice(failed)).not.toEqual([]);
    owner.failures.splice(0);
  });
});

describe("whatsmeow and phones in a group", () => {
  let group: Group;

  it("share a group that whatsmeow joins by its invite link", async () => {
    group = carol.createGroup("Crew", [bob.number]);
    const joined = peer.event<{ JID: string }>("JoinedGroup", ({ JID }) => JID === group.jid);
    expect(await peer.call("inviteInfo", { code: group.inviteCode })).toMatchObject({ JID: group.jid, Name: "Crew" });
    expect(await peer.call("joinGroup", { code: group.inviteCode })).toBe(group.jid);
    await joined;
    expect(group.members.has(owner.account)).toBe(true);
    const info = await peer.call<{ Participants: { JID: string; PhoneNumber: string }[] }>("groupInfo", {
      jid: group.jid,
    });
    expect(info.Participants.map(({ PhoneNumber }) => PhoneNumber).sort()).toEqual([owner.jid, bob.jid, carol.jid]);
  });

  it("exchange texts with sender keys, and get receipts of all members", async () => {
    const sent = await peer.sendText(group.jid, "to all");
    await bob.waitFor(({ id }) => id === sent.id);
    await carol.waitFor(({ id, text }) => id === sent.id && text === "to all");
    for (const { lidJid } of [bob, carol]) {
      await peer.event("Receipt", (receipt: PeerReceipt) => receipt.ids.includes(sent.id) && receipt.sender === lidJid);
    }
    for (const text of ["one", "two"]) {
      const answer = await bob.sendText(group.jid, text);
      // The first message of a sender also arrives as an event with the sender key alone.
      expect(await peer.message(({ id, content }) => id === answer.id && textIn(content) !== undefined)).toMatchObject({
        chat: group.jid,
        sender: bob.lidJid,
        senderAlt: bob.jid,
        content: { conversation: text },
      });
      await bob.waitForStatus(answer, "delivered");
    }
  });

  it("react, edit, delete and vote in the group", async () => {
    const sent = await peer.sendText(group.jid, "typo");
    const received = await carol.waitFor(({ id }) => id === sent.id);
    await carol.react(received, "🙈");
    await peer.message(({ content }) => isReaction(content, sent.id, "🙈"));
    await peer.call("edit", { chat: group.jid, id: sent.id, text: "fixed" });
    await eventually(() => received.text === "fixed");
    const poll = await carol.surveys.poll(group.jid, { question: "Where?", options: ["Here", "There"] });
    await peer.message(({ id }) => id === poll.id);
    await peer.call("vote", { id: poll.id, options: ["There"] });
    await eventually(() => poll.responses.find(({ from }) => from === owner.jid)?.choices.includes("There"));
    await peer.call("revoke", { chat: group.jid, id: sent.id });
    await eventually(() => received.deleted);
  });

  it("tell each other who has left", async () => {
    bob.leaveGroup(group.jid);
    const left = await peer.event<{ JID: string; Leave: string[] }>("GroupInfo", ({ Leave }) => Leave?.length > 0);
    expect(left.Leave).toEqual([bob.lidJid]);
    const sent = await peer.sendText(group.jid, "without Bob");
    await carol.waitFor(({ id }) => id === sent.id);
    expect(bob.inbox.messages.some(({ id }) => id === sent.id)).toBe(false);
    await peer.call("leaveGroup", { jid: group.jid });
    expect(group.members.has(owner.account)).toBe(false);
  });

  it("share a group that whatsmeow creates", async () => {
    const created = await peer.call<{ JID: string }>("createGroup", { name: "Team", members: [bob.jid, carol.jid] });
    const sent = await peer.sendText(created.JID, "welcome");
    await bob.waitFor(({ id }) => id === sent.id);
    await carol.waitFor(({ id }) => id === sent.id);
    const groups = await peer.call<{ JID: string }[]>("groups");
    expect(groups.map(({ JID }) => JID)).toContain(created.JID);
  });
});

describe("whatsmeow and status posts", () => {
  it("posts to the contacts of the account, and sees who has viewed the post", async () => {
    // whatsmeow looks the devices of its contacts up by number: docs/reference/peers.md.
    wa.world.rules.relax("no_devices_for_numbers");
    const sent = await peer.sendText("status@broadcast", "sunny");
    const post = await bob.waitFor(({ id }) => id === sent.id);
    expect(post).toMatchObject({ chat: "status@broadcast", text: "sunny" });
    expect(carol.statuses).toEqual([]);
    bob.markRead(post);
    await peer.receipt(sent.id, "Read");
    wa.world.rules.restore("no_devices_for_numbers");
  });

  it("receives a post of a contact", async () => {
    const post = await bob.sendText("status@broadcast", "rainy", { audience: [owner.number] });
    expect(await peer.message(({ id, content }) => id === post.id && textIn(content) !== undefined)).toMatchObject({
      chat: "status@broadcast",
      sender: bob.lidJid,
      content: { conversation: "rainy" },
    });
    await peer.call("markRead", { id: post.id });
    await bob.waitForStatus(post, "read");
  });
});

describe("whatsmeow and the app state of the account", () => {
  it("has the contacts of the phone, and gets new ones", async () => {
    const contacts = await peer.call<Record<string, { FullName: string }>>("contacts");
    expect(contacts[bob.jid]).toMatchObject({ FullName: "Bob Builder" });
    saveContact(owner, carol.number, "Carol Carpenter");
    await peer.event<{ JID: string }>("Contact", ({ JID }) => JID === carol.jid);
  });

  it("has the labels of the phone, and both change them", async () => {
    await peer.event<{ LabelID: string }>("LabelEdit", ({ LabelID }) => LabelID === "5");
    const id = createLabel(owner, "Urgent", 3);
    const edit = await peer.event<{ LabelID: string }>("LabelEdit", ({ LabelID }) => LabelID === id);
    expect(edit).toMatchObject({ Action: { name: "Urgent" } });
    labelChat(owner, id, bob.number);
    await peer.event<{ LabelID: string }>("LabelAssociationChat", ({ LabelID }) => LabelID === id);
    await peer.call("setAppState", { action: "label", label: "40", name: "Later" });
    await peer.call("setAppState", { action: "labelChat", label: "40", chat: bob.jid, on: true });
    await eventually(() =>
      labelsOf(owner)
        .find((label) => label.name === "Later")
        ?.chats.includes(bob.jid),
    );
  });

  it("archives, pins and mutes a chat, and the phone accepts all MACs", async () => {
    for (const action of ["archive", "pin", "mute"]) {
      await peer.call("setAppState", { action, chat: bob.jid, on: true });
    }
    await eventually(() => owner.appState.get("archive", bob.jid)?.archiveChatAction?.archived);
    await eventually(() => owner.appState.get("mute", bob.jid)?.muteAction?.muted);
    owner.appState.set("regular_low", ["pin_v1", carol.jid], { pinAction: { pinned: true } }, 5);
    await peer.event<{ JID: string }>("Pin", ({ JID }) => JID === carol.jid);
  });

  it("reads all collections again from the start", async () => {
    for (const name of ["critical_block", "critical_unblock_low", "regular_high", "regular_low", "regular"]) {
      await peer.call("appState", { name, full: true });
    }
  });
});

describe("whatsmeow and the server", () => {
  it("finds out who is on WhatsApp, and which devices they have", async () => {
    expect(await peer.call("onWhatsApp", { phones: [`+${bob.number}`, "+4915559999999"] })).toMatchObject([
      { IsIn: true, Query: `+${bob.number}`, JID: bob.lidJid },
      { IsIn: false, Query: "+4915559999999" },
    ]);
    const infos = await peer.call<Record<string, unknown>>("userInfo", { jids: [bob.jid] });
    expect(infos[bob.jid]).toMatchObject({ LID: bob.lidJid });
    expect(await peer.call("devices", { jids: [bob.lidJid] })).toEqual([bob.lidJid]);
    expect(await peer.call("devices", { jids: [owner.lidJid] })).toContain(owner.lidJid);
  });

  it("reads privacy settings, blocks and looks at a picture", async () => {
    expect(await peer.call("privacy")).toMatchObject({ ReadReceipts: "all", Messages: "all" });
    await peer.call("blocklist", { jid: carol.jid, action: "block" });
    expect(await peer.call("blocklist")).toMatchObject({ JIDs: [carol.lidJid] });
    await peer.call("blocklist", { jid: carol.jid, action: "unblock" });
    await expect(peer.call("picture", { jid: bob.jid })).rejects.toThrow("does not have a profile picture");
  });
});
