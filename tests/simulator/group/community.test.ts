import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import logger from "@whiskeysockets/baileys/lib/Utils/logger.js";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startControl } from "../../../simulator/control/server.ts";
import { type Phone, startWhatsApp, type WhatsApp } from "../../../simulator/index.ts";
import { changeLink, makeCommunity } from "../../../simulator/phone/owner/community.ts";
import { changeMembers } from "../../../simulator/phone/owner/group.ts";
import { type Client, silenceLibsignal, strictVerification } from "../../support/simulator/client.ts";
import { caller, endScene, startScene } from "../../support/simulator/scene.ts";

silenceLibsignal();
strictVerification();
// Baileys logs every response about communities in full.
logger.level = "silent";

let wa: WhatsApp;
let alice: Phone;
let bob: Phone;
let client: Client;
let directory: string;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "whatsapp-"));
  ({ wa, alice, bob, client } = await startScene({ wa: { directory, stateFile: join(directory, "state") } }));
});

afterEach(async () => {
  await endScene(wa, client);
  rmSync(directory, { recursive: true });
});

test("the simulator lets a client create a community, add and remove groups, and leave", async () => {
  await client.pair(alice);
  const { sock } = client;
  const made = await sock.communityCreate("Street", "Our street");
  expect(made).toMatchObject({ subject: "Street", desc: "Our street", isCommunity: true });
  const id = made?.id ?? "";
  const inside = await sock.communityCreateGroup("Number 7", [bob.jid], id);
  expect(inside).toMatchObject({ subject: "Number 7", linkedParent: id });
  const outside = await sock.groupCreate("Garden", [bob.jid]);
  await sock.communityLinkGroup(outside.id, id);
  const linked = async () => (await sock.communityFetchLinkedGroups(id)).linkedGroups.map(({ subject }) => subject);
  expect(await linked()).toEqual(["Street", "General", "Number 7", "Garden"]);
  await sock.communityUnlinkGroup(outside.id, id);
  expect(await linked()).toEqual(["Street", "General", "Number 7"]);
  await sock.communityLeave(id);
  const mine = Object.values(await sock.groupFetchAllParticipating());
  expect(mine.map(({ subject }) => subject)).toEqual(["Garden"]);
});

test("the simulator adds a group's new member to its community, and removes a member of the community from its groups as well", async () => {
  const community = makeCommunity(bob, "Street");
  const group = bob.createGroup("Number 7", []);
  changeLink(bob, community.jid, "link", group.jid);
  changeMembers(bob, group.jid, "add", [alice.jid]);
  const announcements = [...wa.world.groups.values()].find(({ purpose }) => purpose === "announcements");
  const groups = [community, group, announcements];
  expect(groups.map((place) => place?.members.get(alice.account))).toEqual(["member", "member", "member"]);
  changeMembers(bob, community.jid, "promote", [alice.jid]);
  expect(groups.map((place) => place?.members.get(alice.account))).toEqual(["admin", "member", "admin"]);
  changeMembers(bob, community.jid, "remove", [alice.jid]);
  expect(groups.map((place) => place?.members.has(alice.account))).toEqual([false, false, false]);
});

test("the control API creates and shows communities, which are restored after a restart", async () => {
  const control = await startControl(wa);
  const call = caller(control);
  const made = await call("POST", `/phones/${bob.number}/communities`, { subject: "Street", anyoneAdds: false });
  expect(made).toMatchObject({ status: 201, json: { subject: "Street", kind: "community" } });
  const { jid } = made.json as { jid: string };
  const group = bob.createGroup("Number 7", [alice.number]);
  const path = (phone: Phone) => `/phones/${phone.number}/communities/${jid}/groups`;
  expect((await call("POST", path(alice), { action: "link", group: group.jid })).status).toBe(409);
  const linked = await call("POST", path(bob), { action: "link", group: group.jid });
  expect(linked.json).toMatchObject({ jid: group.jid, kind: "group", community: jid });
  expect((await call("POST", path(bob), { action: "link", group: group.jid })).status).toBe(409);
  const before = await call("GET", "/groups");
  await control.stop();
  await wa.stop();

  wa = await startWhatsApp({ directory, stateFile: join(directory, "state") });
  const restarted = await startControl(wa);
  const after = await (await fetch(`${restarted.url}/groups`)).json();
  expect(after).toEqual(before.json);
  expect(wa.world.groups.get(jid)?.community).toEqual({ approval: "request_required", anyoneAdds: false });
  await restarted.stop();
});
