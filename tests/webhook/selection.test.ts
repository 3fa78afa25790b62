import { describe, expect, test } from "vitest";
import { type EventType, eventCatalog } from "../../core/event/catalog/index.ts";
import { dialects, type WebhookFilters } from "../../core/instance/instance.sql.ts";
import type { WebhookEvent } from "../../core/webhook/body/event.ts";
import { documentedTypes } from "../../core/webhook/body/name.ts";
import {
  hasWebhook,
  isDefault,
  isSelected,
  namesOf,
  selectableNames,
  selectedTypes,
} from "../../core/webhook/body/selection.ts";
import { call, contact, event, events, group, incoming } from "./events.ts";

const types = Object.keys(eventCatalog) as EventType[];
const none = { events: null, filters: {} };
const lid = "123456@lid";
const channel = "120363000000000009@newsletter";

const some = {
  direct: event("message.received", { ...incoming, senderLid: lid }),
  fromLid: event("message.received", { ...incoming, chatId: lid, senderId: lid }),
  group: events.inGroup,
  status: events.posted,
  sent: events.sent,
  sentToGroup: event("message.sent", { ...incoming, chatId: group, source: "phone" }),
  sentStatus: event("message.sent", { ...incoming, chatId: "status@broadcast", source: "api" }),
  channel: event("message.received", { ...incoming, chatId: channel }),
  delivered: events.delivered,
  vote: events.voted,
  ownVote: events.votedByUs,
  join: events.join,
  call: event("call.received", {
    ...{ ...call, creator: lid, isVideo: true, isGroup: false, groupId: null, missed: false },
  }),
  open: events.open,
} satisfies Record<string, WebhookEvent>;

type Name = keyof typeof some;
const all = Object.keys(some) as Name[];
const inGroups: Name[] = ["group", "sentToGroup", "vote", "ownVote", "join"];
const withContact: Name[] = ["direct", "fromLid", "sent", "delivered", "call"];

describe("filters", () => {
  test.each<[string, Partial<WebhookFilters>, Name[]]>([
    ["none", {}, []],
    ["groups", { groups: false }, inGroups],
    ["groups on", { groups: true, statuses: true, channels: true, ownMessages: true }, []],
    ["statuses", { statuses: false }, ["status", "sentStatus"]],
    ["channels", { channels: false }, ["channel"]],
    ["own messages", { ownMessages: false }, ["sent", "sentToGroup", "sentStatus", "ownVote"]],
    ["deny a person by number", { chats: { deny: [contact] } }, withContact.filter((name) => name !== "fromLid")],
    ["deny a person by LID", { chats: { deny: [lid] } }, ["direct", "fromLid", "delivered", "call"]],
    ["deny a group", { chats: { deny: [group] } }, inGroups],
    ["allow a group", { chats: { allow: [group] } }, all.filter((name) => !inGroups.includes(name) && name !== "open")],
    ["allow nothing here", { chats: { allow: ["1@g.us"] } }, all.filter((name) => name !== "open")],
    ["both", { groups: false, statuses: false }, [...inGroups, "status", "sentStatus"]],
  ])("%s", (_name, filters, dropped) => {
    const names = [...types];
    const found = all.filter((name) => !isSelected(some[name], "gateway", { events: names, filters }));
    expect(found.toSorted()).toEqual([...dropped].toSorted());
  });
});

test("by default, an endpoint gets the documented events and those about messages", () => {
  for (const dialect of dialects) {
    const on = types.filter((type) => hasWebhook(dialect, type) && isDefault(dialect, type));
    expect(on).toEqual(expect.arrayContaining([...documentedTypes[dialect]]));
    expect(on).toEqual(expect.arrayContaining(types.filter((type) => /^message\./.test(type))));
  }
  expect(isSelected(events.join, "gateway", none)).toBe(true);
  const silent = types.filter((type) => /^(call|group|status)\./.test(type));
  expect(silent.filter((type) => isDefault("multi-instance", type))).toEqual([]);
  expect(silent.every((type) => hasWebhook("multi-instance", type))).toBe(true);
  expect(isSelected(events.disabled, "gateway", none)).toBe(false);
  expect(isSelected(events.join, "gateway", { ...none, events: ["message.received"] })).toBe(false);
});

test("event names of either dialect become types and names again, and unknown names are refused with the list", () => {
  expect(selectedTypes(["multi-instance"], ["message_received", "message.sent"])).toEqual([
    "message.received",
    "message.sent",
  ]);
  const states = ["message.delivered", "message.read", "message.failed"];
  expect(selectedTypes(["multi-instance"], ["message_status"])).toEqual(states);
  expect(namesOf("multi-instance", states)).toEqual(["message_status"]);
  expect(namesOf("multi-instance", ["message.read", "connection.qr"])).toEqual(["message.read", "qr_received"]);
  expect(namesOf("gateway", states)).toEqual(states);
  for (const [dialect, name] of [
    ["multi-instance", "connection.update"],
    ["gateway", "qr_received"],
    ["gateway", "message.invented"],
  ] as const) {
    expect(() => selectedTypes([dialect], [name])).toThrow(name);
  }
  for (const dialect of dialects) {
    const names = selectableNames([dialect]);
    expect(selectedTypes([dialect], names).toSorted()).toEqual(
      types.filter((type) => hasWebhook(dialect, type)).toSorted(),
    );
  }
});
