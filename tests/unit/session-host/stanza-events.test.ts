import type { BinaryNode } from "@whiskeysockets/baileys";
import { expect, test } from "vitest";
import type { JidResolver } from "../../../session-host/baileys/address/jids.ts";
import { journalCall } from "../../../session-host/inbound/calls.ts";
import { journalGroup } from "../../../session-host/inbound/group-events.ts";
import type { Change } from "../../../session-host/ledger/change.ts";

const me = { id: "4915550000001@s.whatsapp.net", lid: "900001@lid" };
const bob = { id: "4915550000002@s.whatsapp.net", lid: "900002@lid" };
const group = "120363000000000001@g.us";
const known: JidResolver = {
  isMe: (jid) => jid === me.id || jid === me.lid,
  phones: async (lids) => new Map(lids.flatMap((lid) => (lid === bob.lid ? [[lid, bob.id] as const] : []))),
};
const node = (tag: string, attrs: Record<string, string> = {}, content?: BinaryNode[] | Uint8Array): BinaryNode =>
  content ? { tag, attrs, content } : { tag, attrs };

const notification = (child: BinaryNode, attrs: Record<string, string> = {}) => {
  const by = { participant: bob.lid, participant_pn: bob.id };
  return node("notification", { from: group, type: "w:gp2", id: "1", t: "1700000000", ...by, ...attrs }, [child]);
};
const eventsOf = (change: Change | undefined) => change?.events?.map(({ type, data }) => ({ type, ...data })) ?? [];
const groupEvents = async (child: BinaryNode, attrs?: Record<string, string>) =>
  eventsOf(await journalGroup("i", notification(child, attrs), known));
const callEvents = async (child: BinaryNode, attrs: Record<string, string> = {}) =>
  eventsOf(await journalCall("i", node("call", { from: bob.lid, id: "1", t: "1700000000", ...attrs }, [child]), known));
const participant = (jid: string) => node("participant", { jid });

test("the account's own join or leave is distinguished from other members' in the same notification, in every addressing mode", async () => {
  const people = [me.lid, bob.lid, "900003@lid"].map(participant);
  expect(await groupEvents(node("remove", {}, people))).toMatchObject([
    { type: "group.leave", reason: "removed", by: bob },
    {
      type: "group.participants.update",
      action: "remove",
      participants: [bob, { id: "900003@lid", lid: "900003@lid" }],
    },
  ]);
  const added = await groupEvents(node("add", { reason: "invite" }, [participant(me.id)]), { participant: me.id });
  expect(added).toMatchObject([{ type: "group.join", reason: "invite", subject: null, size: null }]);
  expect(await groupEvents(node("promote", {}, [participant(me.id)]))).toMatchObject([
    { type: "group.participants.update", action: "promote", participants: [{ id: me.id }] },
  ]);
});

test("a deleted group counts as left, and notifications that change nothing for the caller are not events", async () => {
  expect(await groupEvents(node("delete"))).toMatchObject([{ type: "group.leave", reason: "deleted" }]);
  for (const tag of ["created_membership_requests", "link", "growth_locked", "modify"])
    expect(await groupEvents(node(tag, {}, [participant(bob.id)]))).toEqual([]);
  expect(await groupEvents(node("subject", { subject: "x" }), { from: bob.id })).toEqual([]);
  expect(await groupEvents(node("description", { delete: "true" }))).toMatchObject([
    { changes: { description: null } },
  ]);
  expect(await groupEvents(node("set", { id: "7", author: me.id }), { type: "picture", participant: "" })).toHaveLength(
    1,
  );
});

test("event ids depend only on the stanza and the instance", () => {
  const idOf = (instance: string, attrs: Record<string, string> = {}) =>
    (journalGroup(instance, notification(node("locked"), attrs), known) as Change).events?.[0]?.id;
  expect(idOf("a")).toBe(idOf("a", { offline: "3" }));
  expect(new Set([idOf("a"), idOf("b"), idOf("a", { id: "2" }), idOf("a", { t: "1700000001" })]).size).toBe(4);
});

test("a call names its caller's number if the number is known, and ends once for any termination stanza", async () => {
  const of = { "call-id": "C", "call-creator": bob.lid };
  expect(await callEvents(node("offer", of))).toMatchObject([
    { type: "call.received", from: bob.id, lid: bob.lid, creator: bob.lid },
  ]);
  const notice = node("offer_notice", { ...of, type: "group", media: "video", "group-jid": group });
  expect(await callEvents(notice)).toMatchObject([{ isGroup: true, isVideo: true, groupId: group }]);
  const ends = {
    rejected: [node("reject", of), { from: me.lid }],
    elsewhere: [node("terminate", { ...of, reason: "rejected_elsewhere" })],
    accepted: [node("accept", of), { from: me.lid }],
    hungUp: [node("terminate", of)],
  } as const;
  const changes = await Promise.all(
    Object.values(ends).map(([child, attrs]) =>
      journalCall("i", node("call", { from: bob.lid, t: "1700000000", ...attrs }, [child]), known),
    ),
  );
  expect(changes.map((change) => eventsOf(change)[0]?.type)).toEqual([
    "call.rejected",
    "call.rejected",
    "call.ended",
    "call.ended",
  ]);
  expect(new Set(changes.map((change) => change?.events?.[0]?.id)).size).toBe(1);
});

test.each([
  ["the number", { "call-creator": bob.id }, bob.id],
  ["the LID", { "call-creator": bob.id, caller_lid: bob.lid }, bob.lid],
  ["a number that only the session knows", { "call-creator": bob.lid }, bob.id],
  ["a LID that only the session knows", { "call-creator": bob.id }, bob.lid],
])("a rejected call of an ignored chat, which is named by %s, gets no message", async (_name, attrs, chat) => {
  const offer = node("call", { from: bob.lid, t: "1700000000" }, [node("offer", { "call-id": "C", ...attrs })]);
  const reject = { groups: true, message: "later", answerAfterHours: 1 };
  const rules = (chats: string[]) => ({
    reject,
    ignoring: {
      ignoresAny: true,
      ignores: ({ chatIds }: { chatIds: readonly string[] }) => chats.some((one) => chatIds.includes(one)),
    },
    jidsOf: async () => [bob.id, bob.lid],
  });
  const ignored = await journalCall("i", offer, known, rules([chat]));
  expect(eventsOf(ignored)).toMatchObject([{ type: "call.received", rejected: true }]);
  expect(ignored?.callAnswers ?? []).toEqual([]);
  const other = await journalCall("i", offer, known, rules(["4915550000009@s.whatsapp.net"]));
  expect(other?.callAnswers).toMatchObject([{ callId: "C", text: "later" }]);
});

test.each([
  ["the sender", bob.lid, bob.id],
  ["the sender's number", bob.id, bob.id],
  ["another person", "4918888888888@s.whatsapp.net", undefined],
  ["another person's LID", "900000000000077@lid", undefined],
  ["the account", me.lid, bob.id],
])("a rejected call that names %s as its creator is answered only to its sender", async (_, creator, to) => {
  const offer = node("call", { from: bob.lid, t: "1700000000" }, [
    node("offer", { "call-id": "C", "call-creator": creator }),
  ]);
  const change = await journalCall("i", offer, known, {
    reject: { groups: true, message: "later", answerAfterHours: 1 },
    ignoring: { ignoresAny: false, ignores: () => false },
    jidsOf: async () => [],
  });
  expect(eventsOf(change)).toMatchObject([{ type: "call.received", rejected: true }]);
  expect((change?.callAnswers ?? []).map((answer) => answer.to)).toEqual(to === undefined ? [] : [to]);
});

test("others' answers in a group call, intermediate steps, outgoing calls and offers without ids are not events", async () => {
  const of = { "call-id": "C", "call-creator": bob.lid };
  for (const tag of ["reject", "accept", "preaccept", "transport", "relaylatency"])
    expect(await callEvents(node(tag, of))).toEqual([]);
  expect(await callEvents(node("offer", { ...of, "call-creator": me.lid }), { from: me.lid })).toEqual([]);
  expect(await callEvents(node("offer"))).toEqual([]);
});
