import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { gatewayBodies } from "../../../core/webhook/body/gateway.ts";
import { gatewayEvents } from "../../../core/webhook/body/name.ts";
import type { Device, Phone } from "../../../simulator/index.ts";
import { answerCall, startCall } from "../../../simulator/phone/owner/call.ts";
import { change, changeMembers } from "../../../simulator/phone/owner/group.ts";
import { child, node } from "../../../simulator/wire/node.ts";
import { expectNoComplaints } from "../../support/gateway/complaints.ts";
import { startTestGateway, type TestGateway } from "../../support/gateway/test-gateway.ts";
import { type FileServer, startFileServer } from "../../support/network/file-server.ts";
import { until } from "../../support/until.ts";

let gate: TestGateway;
let owner: Phone;
let bob: Phone;
let carol: Phone;
let instance: string;
let device: Device;
let files: FileServer;

beforeAll(async () => {
  gate = await startTestGateway();
  files = await startFileServer({
    "/group.jpg": { body: Buffer.from([0xff, 0xd8, 0xff, 0xe0, 1, 2, 3]), type: "image/jpeg" },
  });
  owner = await gate.wa.addPhone({ number: "4915550000001", pushName: "Owner" });
  bob = await gate.wa.addPhone({ number: "6281234567890", pushName: "Bob" });
  carol = await gate.wa.addPhone({ number: "6289876543210", pushName: "Carol" });
  instance = await gate.linked(owner, "gateway");
  device = gate.wa.device(owner.number);
});
afterAll(async () => {
  expectNoComplaints(gate.wa);
  await files.stop();
  await gate?.stop();
});

// biome-ignore lint/suspicious/noExplicitAny: bodies of every shape
type Data = any;
type Name = (typeof gatewayEvents)[number] | "call.ended";

/** The data of all webhooks of this event, oldest first. */
const allWebhookData = (event: Name): Data[] =>
  gate.receiver.deliveries.filter(({ body }) => body.event === event).map(({ body }) => body.data);
const webhookData = async (event: Name, matches: (data: Data) => boolean = () => true): Promise<Data> =>
  (await gate.receiver.waitFor(({ body }) => body.event === event && matches(body.data))).body.data;
const person = ({ jid, lidJid }: Phone) => ({ id: jid, lid: lidJid });
const byApi = () => ({ by: person(owner), fromMe: true });
const api = (method: string, path: string, body?: object) => gate.api(method, path, body ? { body } : {});
const ask = (method: string, path: string, body?: object) => api(method, `/api/groups/${instance}${path}`, body);
const seconds = () => Number(gate.wa.world.seconds);

async function reconnected(): Promise<void> {
  const { logins } = device.sockets;
  device.faults.cut();
  await until(async () => (device.sockets.logins > logins && device.socket?.active) || undefined);
  await gate.status(instance, "connected");
}

describe("group webhooks", () => {
  test("each change of a group causes a webhook with its members, changes and author", async () => {
    const { jid: groupId } = bob.createGroup("Trip", [owner.jid]);
    const mine = (data: Data) => data.groupId === groupId;
    const byBob = { groupId, by: person(bob), fromMe: false, instanceId: instance };
    expect(await webhookData("group.join", mine)).toEqual({
      ...byBob,
      timestamp: expect.any(Number),
      subject: "Trip",
      size: 2,
      reason: "created",
    });

    changeMembers(bob, groupId, "add", [carol.jid]);
    changeMembers(bob, groupId, "promote", [carol.jid]);
    changeMembers(bob, groupId, "demote", [carol.jid]);
    change(bob, groupId, node("subject", {}, Buffer.from("Trip to Rome")));
    change(bob, groupId, node("description", { id: "D1" }, [node("body", {}, Buffer.from("bring shoes"))]));
    change(bob, groupId, node("announcement"));
    change(bob, groupId, node("locked"));
    change(bob, groupId, node("unlocked"));
    change(bob, groupId, node("ephemeral", { expiration: "86400" }));
    change(bob, groupId, node("member_add_mode", {}, Buffer.from("admin_add")));
    change(bob, groupId, node("membership_approval_mode", {}, [node("group_join", { state: "on" })]));
    change(bob, groupId, node("invite"));
    carol.leaveGroup(groupId);
    changeMembers(bob, groupId, "remove", [owner.jid]);
    expect(await webhookData("group.leave", mine)).toMatchObject({ ...byBob, reason: "removed" });
    expect(allWebhookData("group.update").filter(mine)).toMatchObject(
      [
        { subject: "Trip to Rome" },
        { description: "bring shoes" },
        { announcement: true },
        { locked: true },
        { locked: false },
        { ephemeral: 86_400 },
        { membersAdd: false },
        { approval: true },
        { inviteCode: gate.wa.world.groups.get(groupId)?.inviteCode },
      ].map((changes) => ({ ...byBob, changes })),
    );
    const participants = [person(carol)];
    expect(allWebhookData("group.participants.update").filter(mine)).toMatchObject([
      { ...byBob, action: "add", participants },
      { ...byBob, action: "promote", participants },
      { ...byBob, action: "demote", participants },
      { action: "remove", participants, by: person(carol), fromMe: false },
    ]);
    expect(allWebhookData("group.join").filter(mine)).toHaveLength(1);

    changeMembers(bob, groupId, "add", [owner.jid, carol.jid]);
    expect(await webhookData("group.join", (data) => mine(data) && data.reason === "added")).toMatchObject({
      ...byBob,
      subject: "Trip to Rome",
      size: 3,
    });
  });

  test("a group change over the API causes a webhook with the instance as author", async () => {
    const { id } = (await ask("POST", "", { name: "Ours", participants: [bob.jid] })).body.data;
    const mine = (data: Data) => data.groupId === id;
    expect(await webhookData("group.join", mine)).toMatchObject({
      ...byApi(),
      reason: "created",
      subject: "Ours",
      size: 2,
    });
    await ask("PUT", `/${id}/subject`, { subject: "Ours too" });
    await ask("POST", `/${id}/participants`, { participants: [carol.jid] });
    expect((await ask("PUT", `/${id}/picture`, { image: files.url("/group.jpg") })).status).toBe(200);
    expect(await webhookData("group.update", (data) => mine(data) && data.changes.subject)).toMatchObject(byApi());
    expect(await webhookData("group.participants.update", mine)).toMatchObject({
      ...byApi(),
      action: "add",
      participants: [person(carol)],
    });
    expect(await webhookData("group.update", (data) => mine(data) && data.changes.picture === "changed")).toMatchObject(
      byApi(),
    );
    expect((await ask("POST", `/${id}/leave`)).status).toBe(200);
    expect(await webhookData("group.leave", mine)).toMatchObject({ ...byApi(), reason: "left" });
  });

  test("a group that the owner's phone creates or joins causes a webhook", async () => {
    const made = owner.createGroup("By phone", [bob.jid]);
    expect(await webhookData("group.join", ({ groupId }) => groupId === made.jid)).toMatchObject({
      ...byApi(),
      reason: "created",
    });
    const open = bob.createGroup("Open", [carol.jid]);
    owner.followInvite(open.inviteCode);
    expect(await webhookData("group.join", ({ groupId }) => groupId === open.jid)).toMatchObject({
      ...byApi(),
      reason: "invite",
      subject: "Open",
      size: 3,
    });
    const closed = bob.createGroup("Closed", [carol.jid]);
    change(bob, closed.jid, node("membership_approval_mode", {}, [node("group_join", { state: "on" })]));
    owner.followInvite(closed.inviteCode);
    const approve = node("approve", {}, [node("participant", { jid: owner.jid })]);
    change(bob, closed.jid, node("membership_requests_action", {}, [approve]));
    expect(await webhookData("group.join", ({ groupId }) => groupId === closed.jid)).toMatchObject({
      by: person(bob),
      fromMe: false,
    });
    // The instance also knows the joined groups.
    const known = async (jid: string) => (await ask("GET", `/${jid}`)).body.data?.subject;
    expect([await known(open.jid), await known(closed.jid)]).toEqual(["Open", "Closed"]);
  });

  test("a member with only a LID is reported by phone number if the number is known, in order with later events", async () => {
    await carol.sendText(owner.number, "it is me");
    await webhookData("message.received", ({ from }) => from === carol.jid);
    const from = bob.createGroup("Hidden", [owner.jid, carol.jid]).jid;
    const attrs = { from, type: "w:gp2", t: gate.wa.world.seconds, participant: bob.lidJid, addressing_mode: "lid" };
    const promoted = node("promote", {}, [node("participant", { jid: carol.lidJid })]);
    device.deliver(node("notification", { ...attrs, id: gate.wa.world.nextId() }, [promoted]));
    change(bob, from, node("locked"));
    const stranger = node("demote", {}, [node("participant", { jid: "777000777@lid" })]);
    device.deliver(node("notification", { ...attrs, id: gate.wa.world.nextId() }, [stranger]));
    await webhookData("group.participants.update", ({ groupId, action }) => groupId === from && action === "demote");
    const rows = await gate.db.sql`
      select type, data->'participants' as participants from events
      where instance_id = ${instance} and data->>'groupId' = ${from} order by seq`;
    expect(rows.map(({ type, participants }) => [type, participants])).toEqual([
      ["group.join", null],
      ["group.participants.update", [person(carol)]],
      ["group.update", null],
      ["group.participants.update", [{ id: "777000777@lid", lid: "777000777@lid" }]],
    ]);
  });

  test("a notification is acknowledged only after it is stored, and a repeated notification causes no second event", async () => {
    const group = bob.createGroup("Safe", [owner.jid]);
    const mine = (data: Data) => data.groupId === group.jid;
    await webhookData("group.join", mine);
    await until(async () => device.kept.size === 0 || undefined);
    const locked = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    const transaction = gate.db.sql.begin(async (sql) => {
      await sql`select from instances where id = ${instance} for update`;
      locked.resolve();
      await release.promise;
    });
    await locked.promise;
    change(bob, group.jid, node("subject", {}, Buffer.from("Safer")));
    const call = startCall(bob, owner.number);
    await until(async () => {
      const [row] = await gate.db.sql`select count(*)::int as n from pg_stat_activity where wait_event_type = 'Lock'`;
      return row?.n > 0 || undefined;
    });
    const kept = [...device.kept];
    expect(kept.map(({ tag }) => tag)).toEqual(["notification", "call"]);
    release.resolve();
    await transaction;
    await webhookData("group.update", mine);
    await webhookData("call.received", ({ callId }) => callId === call.id);
    await until(async () => device.kept.size === 0 || undefined);

    // As if the acknowledgements were lost: WhatsApp sends both again.
    for (const stanza of kept) device.kept.keep(stanza);
    await reconnected();
    await until(async () => device.kept.size === 0 || undefined);
    const [row] = await gate.db.sql`
      select count(*)::int as n from events where instance_id = ${instance}
        and (data->>'callId' = ${call.id} or (type = 'group.update' and data->>'groupId' = ${group.jid}))`;
    expect(row?.n).toBe(2);
    call.hangUp();
  });
});

describe("call webhooks", () => {
  const calls = () => api("GET", `/api/calls/${instance}`);
  const reject = (id: string) => api("POST", `/api/calls/${instance}/${id}/reject`);
  const stopped = () => until(async () => (await calls()).body.data.length === 0 || undefined);

  test("an incoming call causes a webhook, is listed, and can be rejected, which the caller and the owner's phone see", async () => {
    await stopped();
    const call = startCall(bob, owner.number, { video: true });
    const from = { callId: call.id, from: bob.jid, lid: bob.lidJid };
    const media = { isVideo: true, isGroup: false, groupId: null };
    const data = await webhookData("call.received", ({ callId }) => callId === call.id);
    expect(data).toEqual({
      ...from,
      ...media,
      phoneNumber: bob.number,
      timestamp: expect.any(Number),
      missed: false,
      instanceId: instance,
    });
    const { body } = await calls();
    expect(body).toEqual({
      success: true,
      data: [{ ...from, ...media, at: new Date(data.timestamp * 1000).toISOString() }],
    });

    expect((await reject(call.id)).body).toEqual({
      success: true,
      data: { instanceId: instance, callId: call.id, from: bob.jid },
      message: "Call rejected",
    });
    expect([call.states.get(owner.account), call.answeredBy.get(owner.account)]).toEqual(["rejected", device.id]);
    expect(child(owner.notifications.at(-1), "terminate")?.attrs.reason).toBe("rejected_elsewhere");
    expect(await webhookData("call.rejected", ({ callId }) => callId === call.id)).toMatchObject({
      ...from,
      by: "api",
    });
    expect(await calls()).toMatchObject({ body: { data: [] } });
    expect(await reject(call.id)).toMatchObject({ status: 404, body: { success: false, code: "call_not_found" } });
  });

  test("a call that the owner rejects, accepts or misses causes one webhook with its outcome", async () => {
    const [refused, taken, missed] = [0, 1, 2].map(() => startCall(bob, owner.jid));
    if (!refused || !taken || !missed) throw new Error("no calls");
    answerCall(owner, refused, "rejected");
    answerCall(owner, taken, "accepted");
    missed.timeOut();
    taken.hangUp();
    const over = (id: string) => (data: Data) => data.callId === id;
    expect(await webhookData("call.rejected", over(refused.id))).toMatchObject({ by: "phone", from: bob.jid });
    expect(await webhookData("call.ended", over(taken.id))).toMatchObject({ reason: "accepted" });
    expect(await webhookData("call.ended", over(missed.id))).toMatchObject({ reason: "missed" });
    expect(await reject(missed.id)).toMatchObject({ status: 404 });
  });

  test("a group call names its group", async () => {
    const { jid } = bob.createGroup("Ringing", [owner.jid, carol.jid]);
    const call = startCall(bob, jid);
    expect(await webhookData("call.received", ({ callId }) => callId === call.id)).toMatchObject({
      ...{ from: bob.jid, isGroup: true, groupId: jid, isVideo: false },
    });
    expect((await reject(call.id)).status).toBe(200);
    expect([call.states.get(owner.account), call.states.get(carol.account)]).toEqual(["rejected", "ringing"]);
    call.hangUp();
  });

  test("a call that rang while the instance was disconnected causes a webhook as missed, with its original time", async () => {
    const at = seconds() - 600;
    const offer = node("offer", { "call-id": "LONGAGO", "call-creator": bob.lidJid, caller_pn: bob.jid }, [
      node("audio"),
    ]);
    device.kept.keep(node("call", { from: bob.lidJid, id: gate.wa.world.nextId(), t: String(at) }, [offer]));
    await reconnected();
    const data = await webhookData("call.received", ({ callId }) => callId === "LONGAGO");
    expect(data).toMatchObject({ missed: true, timestamp: at, from: bob.jid });
    expect((await calls()).body.data).toEqual([]);
    expect(await reject("LONGAGO")).toMatchObject({ status: 404, body: { code: "call_not_found" } });
  });

  test("listing and rejecting calls get 409 while the instance is not connected", async () => {
    const other = await gate.createInstance("gateway");
    for (const [method, path] of [
      ["GET", ""],
      ["POST", "/ANY/reject"],
    ] as const)
      expect(await api(method, `/api/calls/${other}${path}`)).toMatchObject({
        ...{ status: 409, body: { success: false, code: "instance_not_connected" } },
      });
  });
});

test("each of the 14 documented events is sent, and every body matches its published schema exactly", async () => {
  const text = (to: string) => api("POST", "/api/message/send/text", { instanceId: instance, to, message: "hello" });
  const { messageId } = (await text(bob.number)).body.data;
  await webhookData("message.sent", (data) => data.messageId === messageId);
  await webhookData("message.delivered", (data) => data.messageId === messageId);
  bob.markRead(await bob.waitFor(({ id }) => id === messageId));
  await webhookData("message.read", (data) => data.messageId === messageId);
  await text("4900000000");
  await webhookData("message.failed");
  for (const event of gatewayEvents) await webhookData(event);
  for (const { body } of gate.receiver.deliveries) expect(gatewayBodies[body.event]?.parse(body)).toEqual(body);
});
