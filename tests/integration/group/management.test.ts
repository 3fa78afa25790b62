import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Phone } from "../../../simulator/index.ts";
import type { Group } from "../../../simulator/model/group.ts";
import { child, children } from "../../../simulator/wire/node.ts";
import { expectNoComplaints } from "../../support/gateway/complaints.ts";
import { type Answer, startTestGateway, type TestGateway } from "../../support/gateway/test-gateway.ts";
import { type FileServer, startFileServer } from "../../support/network/file-server.ts";
import { until } from "../../support/until.ts";

let gate: TestGateway;
let owner: Phone;
let bob: Phone;
let carol: Phone;
let instance: string;
let files: FileServer;

/** Only the first bytes of a JPEG. */
const jpeg = Buffer.from([0xff, 0xd8, 0xff, 0xe0, 1, 2, 3]);

beforeAll(async () => {
  gate = await startTestGateway();
  files = await startFileServer({
    "/group.jpg": { body: jpeg, type: "image/jpeg" },
    "/text.jpg": { body: Buffer.from("no picture"), type: "image/jpeg" },
  });
  owner = await gate.wa.addPhone({ number: "4915550000001", pushName: "Owner" });
  bob = await gate.wa.addPhone({ number: "6281234567890", pushName: "Bob" });
  carol = await gate.wa.addPhone({ number: "6289876543210", pushName: "Carol" });
  instance = await gate.linked(owner, "gateway");
});
afterAll(async () => {
  expectNoComplaints(gate.wa);
  await files.stop();
  await gate?.stop();
});

const ask = (method: string, path = "", body?: Record<string, unknown>): Promise<Answer> =>
  gate.api(method, `/api/groups/${instance}${path}`, body === undefined ? {} : { body });
const ok = (groupId: string, message: string) => ({ success: true, data: { groupId }, message });
const refused = ({ status, body }: Answer) => [status, body.code];

/** The group in the simulated WhatsApp. */
function groupOf(phone: Phone, id: string): Group {
  const group = phone.world.groups.get(id);
  if (!group?.members.has(phone.account)) throw new Error(`${phone.pushName} is not in ${id}`);
  return group;
}

/** Waits for the notification of a group change at a phone, by its tag. */
const notificationAt = (phone: Phone, group: string, tag: string) =>
  until(async () => {
    const found = phone.notifications.filter((one) => one.attrs.from === group).map((one) => child(one, tag));
    return found.findLast((one) => one !== undefined);
  });

async function createdGroup(name: string, participants: string[] = [bob.jid, carol.jid]): Promise<string> {
  const answer = await ask("POST", "", { name, participants });
  if (answer.status !== 201)
    throw new Error(`the group was not created: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body.data.id;
}

describe("a new group", () => {
  test("a new group has the named members, in any spelling, and its creator as superadmin", async () => {
    const answer = await ask("POST", "", { name: "My Group", participants: [bob.jid, "+62 898-7654-3210"] });
    expect(answer.status).toBe(201);
    const { id } = answer.body.data;
    expect(answer.body).toMatchObject({
      success: true,
      data: {
        name: "My Group",
        subject: "My Group",
        owner: owner.jid,
        participantsCount: 3,
        participants: [
          { id: owner.jid, lid: owner.lidJid, isAdmin: true, isSuperAdmin: true },
          { id: bob.jid, lid: bob.lidJid, isAdmin: false, isSuperAdmin: false },
          { id: carol.jid, lid: carol.lidJid, isAdmin: false },
        ],
        results: [bob, carol].map(({ jid }) => ({ id: jid, status: 200 })),
      },
    });
    for (const phone of [bob, carol]) {
      expect(child(await notificationAt(phone, id, "create"), "group")?.attrs).toMatchObject({
        subject: "My Group",
        size: "3",
      });
    }
    expect((await ask("GET", `/${id}`)).body.data).toMatchObject({ id, name: "My Group", participantsCount: 3 });
    expect((await ask("GET")).body.data).toContainEqual(
      expect.objectContaining({ id, subject: "My Group", participantsCount: 3, announcement: false }),
    );
    const members = (await ask("GET", `/${id}/participants`)).body.data;
    expect(members).toMatchObject([owner, bob, carol].map(({ jid, lidJid }) => ({ id: jid, lid: lidJid })));
  });

  test("a new group leaves out numbers that are not on WhatsApp, and is not created if no other member remains", async () => {
    const answer = await ask("POST", "", { name: "Some", participants: ["4900000000", bob.number] });
    expect(answer.body.data).toMatchObject({
      participantsCount: 2,
      results: [
        { id: "4900000000@s.whatsapp.net", status: 404, error: "not_on_whatsapp" },
        { id: bob.jid, status: 200 },
      ],
    });
    const before = bob.world.groups.size;
    const none = await ask("POST", "", { name: "None", participants: ["4900000000"] });
    expect(refused(none)).toEqual([400, "recipient_not_on_whatsapp"]);
    expect(bob.world.groups.size).toBe(before);
  });

  test("requests with the same Idempotency-Key create one group", async () => {
    const before = bob.world.groups.size;
    const options = { body: { name: "Once", participants: [bob.jid] }, headers: { "idempotency-key": "one-group" } };
    const first = await gate.api("POST", `/api/groups/${instance}`, options);
    const second = await gate.api("POST", `/api/groups/${instance}`, options);
    expect([second.status, second.body.data.id]).toEqual([201, first.body.data.id]);
    expect(bob.world.groups.size).toBe(before + 1);
  });

  test("a new group fails with outcome_unknown if the connection is lost during its creation, and is not created again", async () => {
    const { size } = bob.world.groups;
    gate.wa.device(owner.number).faults.iqUnanswered.add({ xmlns: "w:g2" });
    const answer = await ask("POST", "", { name: "Cut off", participants: [bob.jid] });
    expect(refused(answer)).toEqual([502, "outcome_unknown"]);
    await gate.status(instance, "connected");
    expect(
      (await ask("POST", `/${await createdGroup("After")}/message`, { message: "the queue goes on" })).status,
    ).toBe(200);
    expect(bob.world.groups.size).toBe(size + 2);
  });
});

describe("a member", () => {
  test("members are notified of a new name, subject and description", async () => {
    const id = await createdGroup("Old");
    const named = await ask("PUT", `/${id}/name`, { name: "New Group Name" });
    expect(named.body).toEqual(ok(id, "Group name updated successfully"));
    expect(groupOf(bob, id).subject).toBe("New Group Name");
    expect((await notificationAt(bob, id, "subject"))?.attrs.subject).toBe("New Group Name");
    expect((await ask("PUT", `/${id}/subject`, { subject: "New Subject" })).status).toBe(200);
    expect(groupOf(bob, id).subject).toBe("New Subject");
    for (const description of ["New group description", "A better one 👋"]) {
      expect((await ask("PUT", `/${id}/description`, { description })).status).toBe(200);
      expect(groupOf(bob, id).description?.text).toBe(description);
    }
    expect(await notificationAt(carol, id, "description")).toBeDefined();
    const { data } = (await ask("GET", `/${id}`)).body;
    expect(data).toMatchObject({ subject: "New Subject", description: "A better one 👋" });
    expect((await ask("PUT", `/${id}/description`, { description: "" })).status).toBe(200);
    expect(groupOf(bob, id).description).toBeUndefined();
  });

  test("members are added, promoted, demoted and removed, with one result for each", async () => {
    const id = await createdGroup("Crew", [bob.jid]);
    const added = await ask("POST", `/${id}/participants`, { participants: [carol.jid, bob.number, "4900000000"] });
    expect(added.body).toMatchObject({
      success: true,
      data: {
        groupId: id,
        results: [
          { id: carol.jid, status: 200 },
          { id: bob.jid, status: 409, error: "already_a_member" },
          { id: "4900000000@s.whatsapp.net", status: 404, error: "not_on_whatsapp" },
        ],
      },
      message: "Not done for all participants",
    });
    expect(children(await notificationAt(bob, id, "add"), "participant")[0]?.attrs.phone_number).toBe(carol.jid);
    expect(child(await notificationAt(carol, id, "create"), "group")?.attrs.size).toBe("3");

    const promoted = await ask("POST", `/${id}/promote`, { participants: [`+${carol.number}`, "4900000000"] });
    expect(promoted.body.data.results).toEqual([
      { id: carol.jid, status: 200 },
      { id: "4900000000@s.whatsapp.net", status: 404, error: "not_a_member" },
    ]);
    expect(groupOf(carol, id).isAdmin(carol.account)).toBe(true);
    const demoted = await ask("POST", `/${id}/demote`, { participants: [carol.lidJid, owner.jid] });
    expect(demoted.body.data.results).toEqual([
      { id: carol.lidJid, status: 200 },
      { id: owner.jid, status: 406, error: "not_allowed" },
    ]);
    expect(groupOf(carol, id).isAdmin(carol.account)).toBe(false);

    const removed = await ask("DELETE", `/${id}/participants`, { participants: [carol.jid] });
    expect(removed.body.data.results).toEqual([{ id: carol.jid, status: 200 }]);
    expect(removed.body.message).toBe("Participants removed successfully");
    expect(await notificationAt(carol, id, "remove")).toBeDefined();
    expect(await carol.sendText(id, "still here?")).toMatchObject({ status: "failed" });
  });

  test("members can send and change only what the settings allow", async () => {
    const id = await createdGroup("Strict");
    const set = await ask("PUT", `/${id}/settings`, { announcement: true, locked: false, ephemeral: 86400 });
    expect(set.body).toEqual(ok(id, "Group settings updated successfully"));
    expect((await notificationAt(bob, id, "ephemeral"))?.attrs.expiration).toBe("86400");
    expect(groupOf(bob, id)).toMatchObject({ announcement: true, locked: false, ephemeral: 86400 });
    expect(await bob.sendText(id, "may I?")).toMatchObject({ status: "failed", error: 403 });
    expect((await ask("GET", `/${id}`)).body.data).toMatchObject({ announcement: true, ephemeral: 86400 });
    expect((await ask("PUT", `/${id}/settings`, { announcement: false, locked: true, ephemeral: 0 })).status).toBe(200);
    expect(groupOf(bob, id)).toMatchObject({ announcement: false, locked: true, ephemeral: 0 });
    expect(await bob.sendText(id, "now?")).not.toMatchObject({ status: "failed" });
  });

  test("members see the group's picture set and removed", async () => {
    const id = await createdGroup("Seen", [bob.jid]);
    const set = await ask("PUT", `/${id}/picture`, { image: files.url("/group.jpg") });
    expect([set.status, set.body.data]).toEqual([200, { groupId: id }]);
    expect(await notificationAt(bob, id, "set")).toBeDefined();
    const path = groupOf(bob, id).picture?.directPath ?? "none";
    expect(path).toMatch(/^\//);
    for (const size of ["", "?size=preview"]) {
      const shown = await ask("GET", `/${id}/picture${size}`);
      expect(shown.body.data).toEqual({ groupId: id, pictureUrl: expect.stringContaining(path) });
    }
    const text = await ask("PUT", `/${id}/picture`, { image: files.url("/text.jpg") });
    expect(refused(text)).toEqual([501, "not_supported"]);
    expect((await ask("DELETE", `/${id}/picture`)).status).toBe(200);
    expect(await notificationAt(bob, id, "delete")).toBeDefined();
    expect(groupOf(bob, id).picture).toBeUndefined();
    expect((await ask("GET", `/${id}/picture`)).body.data).toEqual({ groupId: id, pictureUrl: null });
  });

  test("members get a message to the group, whose webhook has the returned id", async () => {
    const id = await createdGroup("Talk");
    const { status, body } = await ask("POST", `/${id}/message`, { message: "Hello group!" });
    expect([status, body.data]).toMatchObject([200, { to: id, instanceId: instance }]);
    for (const phone of [bob, carol]) {
      const arrived = await phone.waitFor((message) => message.id === body.data.messageId);
      expect(arrived).toMatchObject({ chat: id, from: owner.jid, text: "Hello group!", copies: 1 });
    }
    const toPerson = await ask("POST", `/${bob.jid}/message`, { message: "for a group only" });
    expect(refused(toPerson)).toEqual([400, "invalid_request"]);
  });

  test("an account that leaves a group cannot leave again", async () => {
    const group = bob.createGroup("Away", [owner.number, carol.number]);
    expect((await ask("POST", `/${group.jid}/leave`)).body).toMatchObject({
      success: true,
      data: { groupId: group.jid },
    });
    expect(group.members.has(owner.account)).toBe(false);
    expect(children(await notificationAt(bob, group.jid, "remove"), "participant")[0]?.attrs.phone_number).toBe(
      owner.jid,
    );
    expect(refused(await ask("POST", `/${group.jid}/leave`))).toEqual([403, "forbidden"]);
    expect((await ask("GET")).body.data.map((one: { id: string }) => one.id)).not.toContain(group.jid);
  });
});

describe("a request to join", () => {
  test("a request to join waits until an admin approves or rejects it, with one result for each", async () => {
    const id = await createdGroup("Club", [bob.jid]);
    expect((await ask("PUT", `/${id}/settings`, { approval: true, membersAdd: false })).status).toBe(200);
    expect(groupOf(bob, id)).toMatchObject({ approval: true, memberAddMode: "admin_add" });
    const dora = await gate.wa.addPhone({ number: "4915550000004", pushName: "Dora" });
    const { inviteCode } = (await ask("GET", `/${id}/invite-code`)).body.data;
    for (const phone of [carol, dora]) phone.followInvite(inviteCode);
    expect((await ask("GET", `/${id}/join-requests`)).body.data).toEqual(
      [carol, dora].map(({ jid, lidJid }) => ({ id: jid, lid: lidJid, requestedAt: expect.any(String) })),
    );
    const answer = (action: string, participants: string[]) =>
      ask("POST", `/${id}/join-requests`, { action, participants });
    expect((await answer("approve", [carol.number, bob.jid])).body.data.results).toEqual([
      { id: carol.jid, status: 200 },
      { id: bob.jid, status: 404, error: "not_asking" },
    ]);
    expect((await answer("reject", [dora.lidJid])).body.data.results).toEqual([{ id: dora.lidJid, status: 200 }]);
    expect([...groupOf(carol, id).members.keys()]).toEqual([owner.account, bob.account, carol.account]);
    expect((await ask("GET", `/${id}/join-requests`)).body.data).toEqual([]);
  });
});

describe("an invite", () => {
  test("an invite code admits others until it is revoked", async () => {
    const id = await createdGroup("Open", [bob.jid]);
    const { inviteCode, inviteUrl } = (await ask("GET", `/${id}/invite-code`)).body.data;
    expect(inviteUrl).toBe(`https://chat.whatsapp.com/${inviteCode}`);
    carol.followInvite(inviteCode);
    expect(groupOf(carol, id).members.size).toBe(3);
    const { data } = (await ask("POST", `/${id}/revoke-invite`)).body;
    expect(data.inviteCode).not.toBe(inviteCode);
    expect(data.inviteCode).toBe(groupOf(carol, id).inviteCode);
    carol.leaveGroup(id);
    expect(() => carol.followInvite(inviteCode)).toThrow("item-not-found");
  });

  test("an invite of another account admits the instance, by code or link, also repeatedly", async () => {
    const group = bob.createGroup("Bob's", [carol.number]);
    const joined = { groupId: group.jid, pending: false };
    expect((await ask("POST", "/accept-invite", { inviteCode: group.inviteCode })).body.data).toEqual(joined);
    expect(group.members.has(owner.account)).toBe(true);
    expect(children(await notificationAt(bob, group.jid, "add"), "participant")[0]?.attrs.phone_number).toBe(owner.jid);
    const link = `https://chat.whatsapp.com/${group.inviteCode}`;
    expect((await ask("POST", "/accept-invite", { inviteCode: link })).body.data).toEqual(joined);
    await bob.sendText(group.jid, "welcome");
    await owner.waitFor((message) => message.text === "welcome");
  });

  test("an invite to a group with approval makes a request to join, which waits for an admin", async () => {
    const group = bob.createGroup("Closed", [carol.number]);
    group.approval = true;
    const answer = await ask("POST", "/accept-invite", { inviteCode: group.inviteCode });
    expect(answer.body.data).toEqual({ groupId: group.jid, pending: true });
    expect([...group.requests.keys()]).toEqual([owner.account]);
    expect(group.members.has(owner.account)).toBe(false);
  });

  test("an unknown invite gets 404", async () => {
    const answer = await ask("POST", "/accept-invite", { inviteCode: "invite-code-here" });
    expect(refused(answer)).toEqual([404, "invite_not_found"]);
  });
});

const everyChange: [method: string, path: string, body?: Record<string, unknown>][] = [
  ["PUT", "name", { name: "x" }],
  ["PUT", "subject", { subject: "x" }],
  ["PUT", "description", { description: "x" }],
  ["POST", "participants", { participants: ["4915550000001"] }],
  ["DELETE", "participants", { participants: ["6281234567890"] }],
  ["POST", "promote", { participants: ["6281234567890"] }],
  ["POST", "demote", { participants: ["6281234567890"] }],
  ["PUT", "settings", { announcement: true }],
  ["GET", "invite-code"],
  ["POST", "revoke-invite"],
  ["DELETE", "picture"],
  ["GET", "join-requests"],
  ["POST", "join-requests", { action: "approve", participants: ["6281234567890"] }],
];

test("a change that requires an admin gets 403 if the account is not an admin, and has no effect", async () => {
  const group = bob.createGroup("Bob's own", [owner.number]);
  group.locked = true;
  group.memberAddMode = "admin_add";
  for (const [method, path, body] of everyChange) {
    const answer = await ask(method, `/${group.jid}/${path}`, body);
    expect([method, path, ...refused(answer)]).toEqual([method, path, 403, "forbidden"]);
  }
  expect(group).toMatchObject({ subject: "Bob's own", description: undefined, announcement: false });
  expect(group.members.size).toBe(2);
});

test("every request gets 404 for an unknown group, and 403 if the account is not a member of the group", async () => {
  const foreign = bob.createGroup("Others", [carol.number]);
  const gets: typeof everyChange = [
    ["GET", ""],
    ["GET", "participants"],
    ["POST", "leave"],
  ];
  for (const [method, path, body] of [...everyChange, ...gets]) {
    const unknown = await ask(method, `/120363999999999999@g.us/${path}`.replace(/\/$/, ""), body);
    expect([method, path, ...refused(unknown)]).toEqual([method, path, 404, "group_not_found"]);
  }
  for (const [method, path, body] of gets) {
    const others = await ask(method, `/${foreign.jid}/${path}`.replace(/\/$/, ""), body);
    expect([method, path, ...refused(others)]).toEqual([method, path, 403, "forbidden"]);
  }
});

test("any other error of WhatsApp causes a 502 with its code, and a concurrent change of the description succeeds", async () => {
  const id = await createdGroup("Refused");
  const { iq } = gate.wa.device(owner.number).faults;
  iq.add({ code: 406, xmlns: "w:g2" });
  const answer = await ask("PUT", `/${id}/name`, { name: "Never" });
  expect(refused(answer)).toEqual([502, "whatsapp_error"]);
  expect(answer.body.details).toContain("406");
  iq.add({ code: 410, xmlns: "w:g2" });
  const revoked = await ask("POST", "/accept-invite", { inviteCode: groupOf(bob, id).inviteCode });
  expect(refused(revoked)).toEqual([404, "invite_not_found"]);
  iq.add({ code: 409, xmlns: "w:g2" });
  expect((await ask("PUT", `/${id}/description`, { description: "mine after all" })).status).toBe(200);
  expect(groupOf(bob, id)).toMatchObject({ subject: "Refused", description: { text: "mine after all" } });
});

test("a request with an invalid group, participant or setting gets 400", async () => {
  const id = "120363123456789012@g.us";
  const bad: typeof everyChange = [
    ["GET", `/${bob.jid}`],
    ["GET", "/nonsense/participants"],
    ["POST", `/${bob.number}@lid/leave`],
    ["POST", "", { name: " ", participants: [bob.jid] }],
    ["POST", "", { name: "x".repeat(101), participants: [bob.jid] }],
    ["POST", "", { name: "x", participants: [id] }],
    ["POST", `/${id}/participants`, { participants: ["nobody"] }],
    ["POST", `/${id}/promote`, { participants: [] }],
    ["PUT", `/${id}/settings`, {}],
    ["PUT", `/${id}/settings`, { ephemeral: 60 }],
    ["PUT", `/${id}/settings`, { announcement: "yes" }],
    ["PUT", `/${id}/description`, { description: "x".repeat(2049) }],
    ["POST", "/accept-invite", { inviteCode: "../../x" }],
    ["POST", `/${id}/message`, { message: "" }],
  ];
  for (const [method, path, body] of bad) {
    const answer = await ask(method, path, body);
    expect([method, path, ...refused(answer)]).toEqual([method, path, 400, "invalid_request"]);
  }
});

test("queries and changes get 409 while the instance is not connected", async () => {
  const other = await gate.createInstance("gateway");
  for (const [method, path, body] of [
    ["GET", ""],
    ["POST", "", { name: "My Group", participants: [bob.jid] }],
    ["POST", "/120363123456789012@g.us/message", { message: "x" }],
  ] as typeof everyChange) {
    const answer = await gate.api(method, `/api/groups/${other}${path}`, body ? { body } : {});
    expect([path, ...refused(answer)]).toEqual([path, 409, "instance_not_connected"]);
  }
});
