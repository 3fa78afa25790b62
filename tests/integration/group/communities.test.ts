import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Phone } from "../../../simulator/index.ts";
import type { Group } from "../../../simulator/model/group.ts";
import { changeLink, makeCommunity } from "../../../simulator/phone/owner/community.ts";
import { changeMembers } from "../../../simulator/phone/owner/group.ts";
import { child } from "../../../simulator/wire/node.ts";
import { expectNoComplaints } from "../../support/gateway/complaints.ts";
import { type Answer, startTestGateway, type TestGateway } from "../../support/gateway/test-gateway.ts";
import { until } from "../../support/until.ts";

let gate: TestGateway;
let owner: Phone;
let bob: Phone;
let carol: Phone;
let instance: string;

beforeAll(async () => {
  gate = await startTestGateway();
  // The tests read more communities within seconds than a program would.
  gate.wa.world.rules.relax("group_lookup_limit");
  owner = await gate.wa.addPhone({ number: "4915550000001", pushName: "Owner" });
  bob = await gate.wa.addPhone({ number: "6281234567890", pushName: "Bob" });
  carol = await gate.wa.addPhone({ number: "6289876543210", pushName: "Carol" });
  instance = await gate.linked(owner, "gateway");
});
afterAll(async () => {
  expectNoComplaints(gate.wa);
  await gate?.stop();
});

const ask = (method: string, path = "", body?: object): Promise<Answer> =>
  gate.api(method, `/api/communities/${instance}${path}`, body === undefined ? {} : { body });
const refused = ({ status, body }: Answer) => [status, body.code];

/** The group in the simulated WhatsApp. */
function groupOf(id: string): Group {
  const group = gate.wa.world.groups.get(id);
  if (!group) throw new Error(`there is no group ${id}`);
  return group;
}
const members = (id: string) => [...groupOf(id).members.keys()].map(({ number }) => number);

/** Waits for the notification of a group change at a phone, by its tag. */
const notificationAt = (phone: Phone, group: string, tag: string) =>
  until(async () => {
    const changes = phone.notifications.filter((one) => one.attrs.from === group).map((one) => child(one, tag));
    return changes.findLast((one) => one !== undefined);
  });

interface Whole {
  id: string;
  groups: { id: string; name: string; announcements: boolean }[];
}
async function createdCommunity(
  name: string,
  more: object = {},
): Promise<Whole & { announcements: string; general: string }> {
  const answer = await ask("POST", "", { name, ...more });
  expect(answer.status).toBe(201);
  const { data } = answer.body as { data: Whole };
  const idOf = (announcements: boolean) => data.groups.find((one) => one.announcements === announcements)?.id ?? "";
  return { ...data, announcements: idOf(true), general: idOf(false) };
}
const look = async (id: string) => (await ask("GET", `/${id}`)).body.data;

describe("a new community", () => {
  test("a new community has an announcement group for admins and a general group, and is listed as a community", async () => {
    const answer = await ask("POST", "", { name: "Neighbours", description: "Our street 🏡" });
    expect(answer).toMatchObject({
      status: 201,
      body: {
        success: true,
        message: "Community created successfully",
        data: {
          name: "Neighbours",
          description: "Our street 🏡",
          owner: owner.jid,
          participantsCount: 1,
          participants: [{ id: owner.jid, lid: owner.lidJid, isAdmin: true, isSuperAdmin: true }],
          groups: [
            { name: "Neighbours", participantsCount: 1, announcements: true },
            { name: "General", participantsCount: 1, announcements: false },
          ],
        },
      },
    });
    const { id, groups } = answer.body.data;
    expect(groupOf(id)).toMatchObject({ community: { anyoneAdds: true }, description: { text: "Our street 🏡" } });
    expect(groupOf(groups[0].id)).toMatchObject({ announcement: true, purpose: "announcements", parent: { jid: id } });
    expect(await look(id)).toEqual(answer.body.data);
    expect(await look(id.replace("@g.us", ""))).toEqual(answer.body.data);
    const { participants: _participants, groups: _groups, ...listed } = answer.body.data;
    expect((await ask("GET")).body.data).toContainEqual(listed);
    // The community itself is not listed as a group. Its two groups are listed.
    const all: { id: string; community: string | null }[] = (await gate.api("GET", `/api/groups/${instance}`)).body
      .data;
    expect(all.map((one) => one.id)).not.toContain(id);
    expect(all.filter((one) => one.community === id)).toHaveLength(2);
  });

  test("an announcement reaches members who joined with the invite, and only admins can send announcements", async () => {
    const { id, announcements } = await createdCommunity("Club");
    expect(groupOf(id).description).toBeUndefined();
    const { inviteCode } = (await ask("GET", `/${id}/invite-code`)).body.data;
    bob.followInvite(inviteCode);
    expect([members(id), members(announcements)]).toEqual([
      [owner.number, bob.number],
      [owner.number, bob.number],
    ]);
    const body = { message: "Welcome!" };
    const sent = await gate.api("POST", `/api/groups/${instance}/${announcements}/message`, { body });
    const arrived = await bob.waitFor((message) => message.id === sent.body.data.messageId);
    expect(arrived).toMatchObject({ chat: announcements, text: "Welcome!", copies: 1 });
    expect(await bob.sendText(announcements, "Me too")).toMatchObject({ status: "failed", error: 403 });
    const inside = await gate.api("POST", `/api/groups/${instance}/${id}/message`, { body });
    await until(async () => {
      const [row] = await gate.db.sql`select status from messages where wa_id = ${inside.body.data.messageId}`;
      return row?.status === "failed" || undefined;
    });
  });

  test("a new name and description apply to the community, and the name to its announcement group", async () => {
    const { id, announcements } = await createdCommunity("Old");
    expect((await ask("PUT", `/${id}/name`, { name: "New" })).body).toMatchObject({ data: { communityId: id } });
    expect((await ask("PUT", `/${id}/description`, { description: "Better" })).status).toBe(200);
    expect(groupOf(id)).toMatchObject({ subject: "New", description: { text: "Better" } });
    expect(groupOf(announcements).subject).toBe("New");
    expect(await look(id)).toMatchObject({ name: "New", description: "Better" });
  });
});

describe("a group of a community", () => {
  test("a group that is created in a community adds its members to the community, with one result for each", async () => {
    const { id, announcements } = await createdCommunity("School");
    const participants = [bob.number, "4915559999999"];
    const answer = await ask("POST", `/${id}/groups`, { name: "Parents", participants });
    expect(answer).toMatchObject({
      status: 201,
      body: {
        success: true,
        data: {
          name: "Parents",
          community: id,
          participantsCount: 2,
          results: [
            { id: bob.jid, status: 200 },
            { id: "4915559999999@s.whatsapp.net", status: 404, error: "not_on_whatsapp" },
          ],
        },
      },
    });
    const group = answer.body.data.id;
    expect(groupOf(group).parent?.jid).toBe(id);
    for (const one of [group, announcements, id]) {
      expect(members(one)).toEqual([owner.number, bob.number]);
      await notificationAt(bob, one, "create");
    }
    expect((await look(id)).groups).toContainEqual({
      id: group,
      name: "Parents",
      participantsCount: 2,
      announcements: false,
    });
    const nobody = await ask("POST", `/${id}/groups`, { name: "Empty", participants: ["4915559999999"] });
    expect(refused(nobody)).toEqual([400, "recipient_not_on_whatsapp"]);
  });

  test("a group is linked and unlinked, and its members stay in the group and in the community", async () => {
    const { id, announcements } = await createdCommunity("Town");
    const group = owner.createGroup("Choir", [bob.number]);
    const linked = await ask("PUT", `/${id}/groups`, { groupId: group.jid });
    expect(linked).toMatchObject({
      status: 200,
      body: { data: { communityId: id, groupId: group.jid }, message: "Group linked to the community" },
    });
    expect(group.parent?.jid).toBe(id);
    expect(members(announcements)).toEqual([owner.number, bob.number]);
    expect((await notificationAt(bob, group.jid, "link")).attrs.link_type).toBe("parent_group");
    // A repetition succeeds.
    expect((await ask("PUT", `/${id}/groups`, { groupId: group.jid.replace("@g.us", "") })).status).toBe(200);
    expect((await look(id)).groups.map((one: { name: string }) => one.name)).toEqual(["Town", "General", "Choir"]);

    const other = await createdCommunity("Village");
    expect(refused(await ask("PUT", `/${other.id}/groups`, { groupId: group.jid }))).toEqual([409, "conflict"]);
    expect(refused(await ask("DELETE", `/${other.id}/groups`, { groupId: group.jid }))).toEqual([
      404,
      "group_not_found",
    ]);

    expect((await ask("DELETE", `/${id}/groups`, { groupId: group.jid })).status).toBe(200);
    expect(group.parent).toBeUndefined();
    expect(members(group.jid)).toEqual([owner.number, bob.number]);
    expect(members(id)).toEqual([owner.number, bob.number]);
    expect((await notificationAt(bob, group.jid, "unlink")).attrs.unlink_type).toBe("parent_group");
    expect((await look(id)).groups).toHaveLength(2);
    expect(refused(await ask("DELETE", `/${id}/groups`, { groupId: group.jid }))).toEqual([404, "group_not_found"]);
    expect(refused(await ask("DELETE", `/${id}/groups`, { groupId: announcements }))).toEqual([409, "conflict"]);
  });

  test("a group is not linked if it is missing, is a community, or does not have the account as an admin", async () => {
    const { id } = await createdCommunity("Alone");
    const foreign = bob.createGroup("Bob's", [carol.number, owner.number]);
    const link = async (groupId: string) => refused(await ask("PUT", `/${id}/groups`, { groupId }));
    expect(await link("120363999999999999@g.us")).toEqual([404, "group_not_found"]);
    expect(await link(foreign.jid)).toEqual([403, "forbidden"]);
    expect(await link((await createdCommunity("Another")).id)).toEqual([502, "whatsapp_error"]);
    expect((await look(id)).groups).toHaveLength(2);
    expect(foreign.parent).toBeUndefined();
  });
});

test("a member who is removed from a community is removed from all of its groups", async () => {
  const { id, announcements } = await createdCommunity("Shrinking");
  const group = owner.createGroup("Inside", [bob.number, carol.number]);
  await ask("PUT", `/${id}/groups`, { groupId: group.jid });
  const body = { participants: [bob.number] };
  const removed = await gate.api("DELETE", `/api/groups/${instance}/${id}/participants`, { body });
  expect(removed.body.data.results).toEqual([{ id: bob.jid, status: 200 }]);
  for (const one of [id, announcements, group.jid]) {
    expect(members(one)).toEqual([owner.number, carol.number]);
    await notificationAt(bob, one, "remove");
  }
});

describe("a community of another account", () => {
  test("a member sees a community with all of its groups, and leaves the community and its groups together", async () => {
    const community = makeCommunity(bob, "Bob's world");
    const [secret, open] = [bob.createGroup("Only Carol", [carol.number]), bob.createGroup("All", [owner.number])];
    for (const group of [secret, open]) changeLink(bob, community.jid, "link", group.jid);
    const { jid: id } = community;
    const seen = await look(id);
    expect(seen.participants.map((one: { id: string }) => one.id).sort()).toEqual(
      [bob.jid, carol.jid, owner.jid].sort(),
    );
    expect(seen.groups.map((one: { name: string }) => one.name)).toEqual([
      "Bob's world",
      "General",
      "Only Carol",
      "All",
    ]);
    const mine: { id: string }[] = (await gate.api("GET", `/api/groups/${instance}`)).body.data;
    expect(mine.map((one) => one.id)).not.toContain(secret.jid);

    expect((await ask("POST", `/${id}/leave`)).body).toMatchObject({
      success: true,
      data: { communityId: id },
      message: "Left the community",
    });
    for (const group of gate.wa.world.groups.values()) {
      if (group === community || group.parent === community) expect(group.members.has(owner.account)).toBe(false);
    }
    await notificationAt(bob, open.jid, "remove");
    expect((await ask("GET")).body.data.map((one: { id: string }) => one.id)).not.toContain(id);
    for (const [method, path] of [
      ["POST", "/leave"],
      ["GET", ""],
    ]) {
      expect(refused(await ask(method as string, `/${id}${path}`))).toEqual([403, "forbidden"]);
    }
  });

  test("only admins change a community, and members create groups in it if the settings allow it", async () => {
    const community = makeCommunity(bob, "Strict", { anyoneAdds: false });
    const { jid: id } = community;
    owner.followInvite(community.inviteCode);
    const group = owner.createGroup("Mine", [carol.number]);
    const inner = bob.createGroup("Inner", [owner.number]);
    changeLink(bob, id, "link", inner.jid);
    const attempts: [string, string, object?][] = [
      ["PUT", "groups", { groupId: group.jid }],
      ["DELETE", "groups", { groupId: inner.jid }],
      ["POST", "groups", { name: "New", participants: [carol.number] }],
      ["GET", "invite-code"],
    ];
    for (const [method, path, body] of attempts) {
      const answer = await ask(method, `/${id}/${path}`, body);
      expect([method, path, ...refused(answer)]).toEqual([method, path, 403, "forbidden"]);
    }
    expect([group.parent, inner.parent]).toEqual([undefined, community]);
    changeMembers(bob, id, "promote", [owner.jid]);
    for (const [method, path, body] of attempts) {
      const answer = await ask(method, `/${id}/${path}`, body);
      expect([method, path, answer.body.success]).toEqual([method, path, true]);
    }
    expect([group.parent, inner.parent]).toEqual([community, undefined]);
  });
});

const everything: [method: string, path: string, body?: object][] = [
  ["GET", ""],
  ["POST", "/groups", { name: "x", participants: ["6281234567890"] }],
  ["PUT", "/groups", { groupId: "120363123456789012@g.us" }],
  ["DELETE", "/groups", { groupId: "120363123456789012@g.us" }],
  ["POST", "/leave"],
];

test("every request gets 404 for an unknown community or a plain group, and 403 if the account is not a member of the community", async () => {
  const plain = owner.createGroup("Plain", [bob.number]);
  const foreign = makeCommunity(bob, "Not ours");
  for (const [method, path, body] of everything) {
    for (const [id, code] of [
      ["120363999999999999@g.us", "404 group_not_found"],
      [plain.jid, "404 group_not_found"],
      [foreign.jid, "403 forbidden"],
    ]) {
      const answer = await ask(method, `/${id}${path}`, body);
      expect([method, path, refused(answer).join(" ")]).toEqual([method, path, code]);
    }
  }
  expect(members(plain.jid)).toEqual([owner.number, bob.number]);
});

test("a request with an invalid community, group or name gets 400", async () => {
  const id = "120363123456789012@g.us";
  const bad: typeof everything = [
    ["GET", `/${bob.jid}`],
    ["POST", "/nonsense/leave"],
    ["POST", "", { name: " " }],
    ["POST", "", { name: "x".repeat(101) }],
    ["POST", "", { name: "x", description: "x".repeat(2049) }],
    ["POST", `/${id}/groups`, { name: "x", participants: [] }],
    ["POST", `/${id}/groups`, { name: "x", participants: [id] }],
    ["PUT", `/${id}/groups`, { groupId: bob.jid }],
    ["DELETE", `/${id}/groups`, {}],
    ["PUT", `/${id}/name`, { name: "" }],
  ];
  for (const [method, path, body] of bad) {
    const answer = await ask(method, path, body);
    expect([method, path, ...refused(answer)]).toEqual([method, path, 400, "invalid_request"]);
  }
});

test("the creation of a community without a response from WhatsApp fails with outcome_unknown and is not repeated", async () => {
  const count = () => [...gate.wa.world.groups.values()].filter((group) => group.subject === "Unsure").length;
  gate.wa.device(owner.number).faults.iqUnanswered.add({ xmlns: "w:g2" });
  const answer = await ask("POST", "", { name: "Unsure" });
  expect(refused(answer)).toEqual([502, "outcome_unknown"]);
  await gate.status(instance, "connected");
  // The community and its announcement group.
  expect(count()).toBe(2);
});

test("queries and changes get 409 while the instance is not connected", async () => {
  const other = await gate.createInstance("gateway");
  for (const [method, path, body] of [["GET", ""], ["POST", "", { name: "x" }], ...everything] as typeof everything) {
    const id = everything.some((one) => one[1] === path && path !== "") ? "/120363123456789012@g.us" : "";
    const answer = await gate.api(method, `/api/communities/${other}${id}${path}`, body ? { body } : {});
    expect([method, path, ...refused(answer)]).toEqual([method, path, 409, "instance_not_connected"]);
  }
});
