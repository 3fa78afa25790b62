import { type BinaryNode, getBinaryNodeChild } from "@whiskeysockets/baileys";
import type { Person } from "../../core/event/catalog/group.ts";
import type { EventData, NewEvent } from "../../core/event/catalog/index.ts";
import { derivedEventId } from "../../core/event/derived-id.ts";
import type { CallAnswer } from "../../core/instance/incoming.ts";
import type { RejectCalls } from "../../core/instance/instance.sql.ts";
import { isLidJid } from "../../core/message/recipient.ts";
import { byPhone, type JidResolver, lidsWithoutPhone, personOf, plainJid, secondsOf } from "../baileys/address/jids.ts";
import type { Change } from "../ledger/change.ts";
import { boundStanza } from "./bounds.ts";
import type { Ignoring } from "./ignored.ts";

type CallEvent = Extract<NewEvent, { type: `call.${string}` }>;

/** Maximum time that a call rings, in seconds. WhatsApp kept an older offer while the instance was not connected. */
export const ringSeconds = 60;

/**
 * Returns the id of a call's first or last event. Several stanzas and a command can report the same beginning or end.
 */
export const callEventId = (instanceId: string, callId: string, part: "begin" | "end") =>
  derivedEventId(instanceId, "call", callId, part);

/**
 * Completes a `call` stanza without the id of its call, in place, before Baileys handles it. Baileys makes a message of a
 * group call, and throws outside of any `catch` if the call has no id (7.0.0-rc14, `Socket/messages-recv.js`).
 */
export function completeCall(stanza: BinaryNode): void {
  if (stanza.tag !== "call" || !Array.isArray(stanza.content)) return;
  for (const step of stanza.content) step.attrs["call-id"] ??= "";
}

/** What the settings of the instance say about calls. */
export interface CallRules {
  reject: RejectCalls | null;
  /** A caller whose chat is ignored gets no message. */
  ignoring: Ignoring;
  /** Returns the JIDs of a person that the session knows. */
  jidsOf: (jid: string) => Promise<readonly string[]>;
}

/** Returns the event of a `call` stanza. Returns undefined for steps between the beginning and the end of a call. */
export function journalCall(
  instanceId: string,
  received: BinaryNode,
  { isMe, phones }: JidResolver,
  rules?: CallRules,
): Change | Promise<Change> | undefined {
  const stanza = boundStanza(received);
  const [info] = Array.isArray(stanza.content) ? stanza.content : [];
  const callId = info?.attrs["call-id"];
  const creator = info && creatorOf(stanza, info, isMe);
  if (!info || !callId || !creator || isMe(creator)) return undefined;
  const fromOwnDevice = isMe(info.attrs.from ?? stanza.attrs.from ?? "");
  const caller = personOf(creator, info.attrs.caller_pn, info.attrs.caller_lid);
  if (!caller) return undefined;
  const { id: from, lid } = caller;
  const event = eventOf(stanza, info, { callId, from, lid, creator, fromOwnDevice, timestamp: secondsOf(stanza) });
  if (!event) return undefined;
  const id = callEventId(instanceId, callId, event.type === "call.received" ? "begin" : "end");
  const rejected = event.type === "call.received" && isRejected(event.data, rules?.reject);
  const answer = rejected && !event.data.isGroup ? rules?.reject : undefined;
  const changeOf = (person: Person, isAnswered: boolean): Change => ({
    events: [
      {
        ...{ ...event, id },
        data: { ...event.data, from: person.id, ...(rejected && { rejected }) },
      } as CallEvent & { id: string },
    ],
    ...(answer && isAnswered && { callAnswers: answersTo(callId, person, answer) }),
  });
  // Anybody can name anybody as the creator, so only a creator who sent the stanza gets a message.
  const spellings = [plainJid(creator), plainJid(stanza.attrs.from)];
  const isSender = new Set(spellings).size === 1;
  const lids = [...lidsWithoutPhone([caller]), ...(answer && !isSender ? spellings.filter(isLidJid) : [])];
  const asked = answer?.message && rules?.ignoring.ignoresAny ? rules : undefined;
  if (lids.length === 0 && !asked) return changeOf(caller, isSender);
  return Promise.all([phones(lids), asked ? isIgnoredCaller(caller, asked) : false]).then(([known, isIgnored]) => {
    const people = new Set(spellings.map((jid) => known.get(jid) ?? jid));
    return changeOf(byPhone(caller, known), !isIgnored && people.size === 1);
  });
}

/**
 * Returns the JID of the person who began a call. An offer that another person sends in the name of the account counts as a
 * call of that person.
 */
function creatorOf(stanza: BinaryNode, info: BinaryNode, isMe: JidResolver["isMe"]): string | undefined {
  const { from } = stanza.attrs;
  const creator = info.attrs["call-creator"] ?? info.attrs.from ?? from;
  const isOffer = info.tag === "offer" || info.tag === "offer_notice";
  return creator && from && isOffer && isMe(creator) ? from : creator;
}

/** Whether messages of the chat with a person are ignored, by any JID of the person. */
async function isIgnoredCaller({ id, lid }: Person, { ignoring, jidsOf }: CallRules): Promise<boolean> {
  const named = lid === null ? [id] : [id, lid];
  const chatIds = [...named, ...(await Promise.all(named.map(jidsOf))).flat()];
  return ignoring.ignores({ chatIds, isBroadcast: false });
}

/** Whether the settings reject a call that rings. */
const isRejected = ({ missed, isGroup }: EventData<"call.received">, rules?: RejectCalls | null): boolean =>
  Boolean(rules && !missed && (rules.groups || !isGroup));

function answersTo(callId: string, { id, lid }: Person, rules: RejectCalls): CallAnswer[] {
  const { message: text, answerAfterHours: afterHours } = rules;
  if (!text) return [];
  return [{ callId, to: id, callers: [...new Set([lid ?? id, id])], text, afterHours }];
}

interface CallInfo {
  callId: string;
  from: string;
  lid: string | null;
  creator: string;
  /** Whether a device of the account sent the stanza. */
  fromOwnDevice: boolean;
  timestamp: number;
}

function eventOf(
  stanza: BinaryNode,
  info: BinaryNode,
  { creator, fromOwnDevice, ...call }: CallInfo,
): CallEvent | undefined {
  switch (info.tag) {
    case "offer":
    case "offer_notice":
      return {
        type: "call.received",
        data: {
          ...call,
          creator,
          isVideo: getBinaryNodeChild(info, "video") !== undefined || info.attrs.media === "video",
          isGroup: info.attrs.type === "group" || info.attrs["group-jid"] !== undefined,
          groupId: info.attrs["group-jid"] ?? null,
          missed: stanza.attrs.offline !== undefined && Date.now() / 1000 - call.timestamp > ringSeconds,
        },
      };
    case "reject":
      return fromOwnDevice ? { type: "call.rejected", data: { ...call, by: "phone" } } : undefined;
    case "accept":
      return fromOwnDevice ? { type: "call.ended", data: { ...call, reason: "accepted" } } : undefined;
    case "terminate":
      if (info.attrs.reason === "rejected_elsewhere") return { type: "call.rejected", data: { ...call, by: "phone" } };
      return {
        type: "call.ended",
        data: { ...call, reason: info.attrs.reason === "accepted_elsewhere" ? "accepted" : "missed" },
      };
    default:
      return undefined;
  }
}
