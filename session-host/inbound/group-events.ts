import { type BinaryNode, getBinaryNodeChild, getBinaryNodeChildren } from "@whiskeysockets/baileys";
import { boundCount, boundText, maxBytes, maxInteger } from "../../core/bound.ts";
import { type GroupChanges, type Person, participantActions } from "../../core/event/catalog/group.ts";
import type { NewEvent } from "../../core/event/catalog/index.ts";
import { derivedEventId } from "../../core/event/derived-id.ts";
import { isGroupJid } from "../../core/message/recipient.ts";
import { byPhone, type JidResolver, lidsWithoutPhone, personOf, secondsOf } from "../baileys/address/jids.ts";
import type { Change } from "../ledger/change.ts";
import { boundStanza } from "./bounds.ts";

/** The largest number of people in one event, so that it fits the queue. More people get several events. */
const maxParticipants = 1_000;

type GroupEvent = Extract<NewEvent, { type: `group.${string}` }>;
type IsMe = JidResolver["isMe"];

/**
 * Returns the events of a group notification, or undefined if the notification leads to no event. The event ids are
 * derived from the stanza's id, so that a repeated notification announces nothing twice. The result is a promise if the
 * stanza gives only the LID of a person, because the session may know the phone number.
 */
export function journalGroup(
  instanceId: string,
  received: BinaryNode,
  { isMe, phones }: JidResolver,
): Change | Promise<Change> | undefined {
  const stanza = boundStanza(received);
  const events = eventsOf(stanza, isMe);
  if (events.length === 0) return undefined;
  const { id = "", from = "", t = "" } = stanza.attrs;
  const changeOf = (resolved: readonly GroupEvent[]): Change => ({
    events: resolved.map((event, index) => ({
      ...event,
      id: derivedEventId(instanceId, "group", from, id, t, String(index)),
    })),
  });
  const lids = lidsWithoutPhone(events.flatMap((event) => [event.data.by, ...membersOf(event)]));
  if (lids.length === 0) return changeOf(events);
  return phones(lids).then((known) => changeOf(events.map((event) => withPhones(event, known))));
}

const membersOf = (event: GroupEvent): Person[] =>
  event.type === "group.participants.update" ? event.data.participants : [];

function withPhones(event: GroupEvent, phones: ReadonlyMap<string, string>): GroupEvent {
  const by = byPhone(event.data.by, phones);
  if (event.type !== "group.participants.update") return { ...event, data: { ...event.data, by } } as GroupEvent;
  const participants = event.data.participants.map((person) => byPhone(person, phones));
  return { ...event, data: { ...event.data, by, participants } };
}

/** Fields that all events of one notification share. */
interface Common {
  groupId: string;
  by: Person | null;
  fromMe: boolean;
  timestamp: number;
}

function eventsOf(stanza: BinaryNode, isMe: IsMe): GroupEvent[] {
  const { from, participant, participant_pn: phone, participant_lid: lid, type } = stanza.attrs;
  if (!from || !isGroupJid(from) || !Array.isArray(stanza.content)) return [];
  const children = stanza.content;
  const author = type === "picture" ? children[0]?.attrs.author : undefined;
  const by = personOf(participant ?? author, phone, lid);
  const common = { groupId: from, by, fromMe: isSelf(by, isMe), timestamp: secondsOf(stanza) };
  if (type !== "picture") return children.flatMap((child) => eventsOfChange(child, common, isMe));
  return children.flatMap(({ tag }): GroupEvent[] => {
    if (tag !== "set" && tag !== "delete") return [];
    return [updated(common, { picture: tag === "set" ? "changed" : "removed" })];
  });
}

const isSelf = (person: Person | null, isMe: IsMe) =>
  person !== null && (isMe(person.id) || (person.lid !== null && isMe(person.lid)));

const updated = (common: Common, changes: GroupChanges): GroupEvent => ({
  type: "group.update",
  data: { ...common, changes },
});

function eventsOfChange(child: BinaryNode, common: Common, isMe: IsMe): GroupEvent[] {
  switch (child.tag) {
    case "create":
      return [joined(child, common)];
    case "delete":
      return [{ type: "group.leave", data: { ...common, reason: "deleted" } }];
    case "add":
    case "remove":
    case "leave":
    case "promote":
    case "demote":
      return participantsChanged(child, common, isMe);
    default: {
      const changes = changesOf(child);
      return changes ? [updated(common, changes)] : [];
    }
  }
}

/**
 * Returns the event of a `create` stanza. With this stanza, WhatsApp describes a group to a person who enters it,
 * whether the group is new or not.
 */
function joined(child: BinaryNode, common: Common): GroupEvent {
  const group = getBinaryNodeChild(child, "group");
  const size = boundCount(group?.attrs.size ?? getBinaryNodeChildren(group, "participant").length, maxInteger) ?? 0;
  const reason = child.attrs.type === "new" ? "created" : child.attrs.reason === "invite" ? "invite" : "added";
  const subject = group?.attrs.subject ?? null;
  return { type: "group.join", data: { ...common, subject, size: size > 0 ? size : null, reason } };
}

/**
 * Returns an event for the people in the stanza, and a separate event if the account itself is one of the people who
 * join or leave.
 */
function participantsChanged(child: BinaryNode, common: Common, isMe: IsMe): GroupEvent[] {
  const people = getBinaryNodeChildren(child, "participant").flatMap(({ attrs }) => {
    const person = personOf(attrs.jid, attrs.phone_number, attrs.lid);
    return person ? [person] : [];
  });
  const action = participantActions.find((known) => known === (child.tag === "leave" ? "remove" : child.tag));
  if (!action) return [];
  const isJoinOrLeave = action === "add" || action === "remove";
  const others = isJoinOrLeave ? people.filter((person) => !isSelf(person, isMe)) : people;
  const events: GroupEvent[] = [];
  if (others.length < people.length) {
    events.push(
      action === "add"
        ? {
            type: "group.join",
            data: {
              ...common,
              subject: null,
              size: null,
              reason: child.attrs.reason === "invite" ? "invite" : "added",
            },
          }
        : { type: "group.leave", data: { ...common, reason: common.fromMe ? "left" : "removed" } },
    );
  }
  for (let start = 0; start < others.length; start += maxParticipants) {
    const participants = others.slice(start, start + maxParticipants);
    events.push({ type: "group.participants.update", data: { ...common, action, participants } });
  }
  return events;
}

/** Returns the new value of the changed setting, or undefined for a change that is not announced. */
function changesOf(child: BinaryNode): GroupChanges | undefined {
  switch (child.tag) {
    case "subject":
      return { subject: child.attrs.subject ?? "" };
    case "description":
      return { description: textOf(getBinaryNodeChild(child, "body")) || null };
    case "announcement":
    case "not_announcement":
      return { announcement: child.tag === "announcement" };
    case "locked":
    case "unlocked":
      return { locked: child.tag === "locked" };
    case "ephemeral":
      return { ephemeral: boundCount(child.attrs.expiration, maxInteger) ?? 0 };
    case "not_ephemeral":
      return { ephemeral: 0 };
    case "member_add_mode":
      return { membersAdd: textOf(child) === "all_member_add" };
    case "membership_approval_mode":
      return { approval: getBinaryNodeChild(child, "group_join")?.attrs.state === "on" };
    case "invite":
      return { inviteCode: child.attrs.code ?? null };
    default:
      return undefined;
  }
}

function textOf(node: BinaryNode | undefined): string | undefined {
  const content = node?.content;
  if (content instanceof Uint8Array) return boundText(Buffer.from(content).toString(), maxBytes.text);
  return typeof content === "string" ? boundText(content, maxBytes.text) : undefined;
}
