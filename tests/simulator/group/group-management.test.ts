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

test("the simulator lets a client create a group and write in it", async () => {
  const group = await client.sock.groupCreate("Trip", [bob.jid]);
  expect(group).toMatchObject({ subject: "Trip", owner: alice.lidJid, size: 2 });
  await client.sock.sendMessage(group.id, { text: "welcome" });
  expect(await bob.waitFor((message) => message.text === "welcome")).toMatchObject({ chat: group.id });
});

test("the simulator adds, promotes, demotes and removes members, and returns a result for each", async () => {
  const { id } = await client.sock.groupCreate("Trip", [bob.jid]);
  const added = await client.sock.groupParticipantsUpdate(id, [carol.jid, bob.jid, "4900000@s.whatsapp.net"], "add");
  expect(added.map(({ status }) => status)).toEqual(["200", "409", "404"]);
  await client.sock.groupParticipantsUpdate(id, [carol.jid], "promote");
  const admins = async () =>
    (await client.sock.groupMetadata(id)).participants.filter(({ admin }) => admin).map(({ id }) => id);
  expect(await admins()).toEqual([alice.lidJid, carol.lidJid]);
  await client.sock.groupParticipantsUpdate(id, [carol.jid], "demote");
  expect(await admins()).toEqual([alice.lidJid]);
  await client.sock.sendMessage(id, { text: "with Carol" });
  await carol.waitFor((message) => message.text === "with Carol");
  await client.sock.groupParticipantsUpdate(id, [carol.jid], "remove");
  await client.sock.sendMessage(id, { text: "without Carol" });
  await bob.waitFor((message) => message.text === "without Carol");
  expect(carol.inbox.messages.map(({ text }) => text)).toEqual(["with Carol"]);
});

test("the simulator returns the latest subject, description and settings", async () => {
  const { id } = await client.sock.groupCreate("Trip", [bob.jid]);
  await client.sock.groupUpdateSubject(id, "Trip to Rome");
  await client.sock.groupUpdateDescription(id, "bring shoes");
  await client.sock.groupUpdateDescription(id, "bring better shoes");
  await client.sock.groupSettingUpdate(id, "announcement");
  await client.sock.groupSettingUpdate(id, "locked");
  await client.sock.groupToggleEphemeral(id, 86_400);
  await client.sock.groupMemberAddMode(id, "admin_add");
  await client.sock.groupJoinApprovalMode(id, "on");
  expect(await client.sock.groupMetadata(id)).toMatchObject({
    subject: "Trip to Rome",
    desc: "bring better shoes",
    descOwner: alice.lidJid,
    announce: true,
    restrict: true,
    ephemeralDuration: 86_400,
    memberAddMode: false,
    joinApprovalMode: true,
  });
  expect(await bob.sendText(id, "may I?")).toMatchObject({ status: "failed", error: 403 });
});

test("the simulator accepts an invite code, and shows its group until the code is revoked", async () => {
  const group = bob.createGroup("Club", [carol.number]);
  const code = group.inviteCode;
  expect(await client.sock.groupGetInviteInfo(code)).toMatchObject({ id: group.jid, subject: "Club" });
  expect(await client.sock.groupAcceptInvite(code)).toBe(group.jid);
  await bob.sendText(group.jid, "hello Alice");
  await client.waitForText("hello Alice");
  const mine = await client.sock.groupCreate("Mine", [bob.jid]);
  const first = await client.sock.groupInviteCode(mine.id);
  const second = await client.sock.groupRevokeInvite(mine.id);
  expect(second).not.toBe(first);
  await expect(client.sock.groupGetInviteInfo(first ?? "")).rejects.toThrow("item-not-found");
});

test("the simulator keeps a request to join until an admin approves the request", async () => {
  const { id } = await client.sock.groupCreate("Club", [bob.jid]);
  await client.sock.groupJoinApprovalMode(id, "on");
  carol.followInvite((await client.sock.groupInviteCode(id)) ?? "");
  expect(await client.sock.groupRequestParticipantsList(id)).toMatchObject([
    { jid: carol.lidJid, phone_number: carol.jid },
  ]);
  const outcome = await client.sock.groupRequestParticipantsUpdate(id, [carol.lidJid], "approve");
  expect(outcome).toMatchObject([{ status: "200", jid: carol.lidJid }]);
  expect((await client.sock.groupMetadata(id)).size).toBe(3);
  carol.leaveGroup(id);
  expect((await client.sock.groupMetadata(id)).size).toBe(2);
});

test("the simulator refuses the metadata of a group to an account that has left the group", async () => {
  const group = bob.createGroup("Club", [alice.number, carol.number]);
  await client.sock.groupLeave(group.jid);
  expect(group.members.size).toBe(2);
  await expect(client.sock.groupMetadata(group.jid)).rejects.toThrow("forbidden");
});

test("the simulator refuses changes that only admins may make to other members", async () => {
  const group = bob.createGroup("Club", [alice.number]);
  await expect(client.sock.groupSettingUpdate(group.jid, "locked")).rejects.toThrow("forbidden");
  await expect(client.sock.groupParticipantsUpdate(group.jid, [bob.jid], "remove")).rejects.toThrow("forbidden");
});

test("the simulator refuses a subject that is too long with 406", async () => {
  const { id } = await client.sock.groupCreate("Trip", [bob.jid]);
  await expect(client.sock.groupUpdateSubject(id, "x".repeat(101))).rejects.toMatchObject({ data: 406 });
  expect((await client.sock.groupMetadata(id)).subject).toBe("Trip");
});
