import { proto } from "@whiskeysockets/baileys";
import { boundId, boundText, isJid, maxBytes } from "../../core/bound.ts";
import type { MessageStatus } from "../../core/message/message.sql.ts";
import { unixSeconds } from "../baileys/address/jids.ts";
import { boundMessage } from "../inbound/bounds.ts";
import { unwrap } from "../inbound/content/unwrap.ts";
import { wireFields } from "../inbound/content/wire.ts";
import { type Ignoring, isIgnoredMessage } from "../inbound/ignored.ts";
import { addressOf, type LidsOf, type Me, type PhoneOf } from "../inbound/message/address.ts";
import { toRow } from "../inbound/message/journal.ts";
import { personOf } from "../inbound/message/note.ts";
import type { NewMessage, NewReaction } from "../ledger/change.ts";
import type { HistoryMessage } from "./decode-job.ts";

const { Status } = proto.WebMessageInfo;

/** The status of a message of the account. Others are `sent`: the phone has shown the message in its history. */
const statuses: Partial<Record<proto.WebMessageInfo.Status, MessageStatus>> = {
  [Status.ERROR]: "failed",
  [Status.DELIVERY_ACK]: "delivered",
  [Status.READ]: "read",
  [Status.PLAYED]: "read",
};

/** Each reaction has its own statement, so a message of a large group must not have too many. */
const maxReactions = 50;

/** The number of the field `message` of `WebMessageInfo`. */
const messageField = 2;

/**
 * Returns a message of the history and its reactions, with the parser of live messages, but without events. Its file stays on
 * WhatsApp's media host until a caller requests it. Returns undefined for what is not a message for people, such as a
 * system message, a deleted message or damaged bytes.
 */
export async function historyRow(
  { chat, info: base64, unread }: HistoryMessage,
  { instanceId, me, lidsOf, ignoring }: { instanceId: string; me: Me; lidsOf: LidsOf; ignoring: Ignoring },
  phoneOf: PhoneOf,
): Promise<{ message: NewMessage; reactions: NewReaction[] } | undefined> {
  const bytes = Buffer.from(base64, "base64");
  const info = decodeInfo(bytes);
  if (!info?.message || !info.key?.id || !isJid(chat)) return undefined;
  const { fromMe, id, participant } = info.key;
  const author = [participant, info.participant].find((jid) => jid && isJid(jid));
  const origin = {
    instanceId,
    me,
    key: { remoteJid: chat, fromMe: fromMe ?? false, id: boundId(id), ...(author ? { participant: author } : {}) },
    pushName: info.pushName ? boundText(info.pushName, maxBytes.name) : null,
    seconds: unixSeconds(info.messageTimestamp),
    lidsOf,
  };
  if (await isIgnoredMessage(ignoring, origin, phoneOf)) return undefined;
  const { message, encoded, isEdit } = contentOf(info, bytes);
  const cuts = boundMessage(message);
  const decoded = { message, opened: unwrap(message, encoded), encoded, ...cuts };
  const row = await toRow({ ...origin, ...(isEdit ? { context: { edited: true } } : {}) }, decoded, phoneOf);
  if (!row) return undefined;
  const imported: NewMessage = {
    ...row,
    event: null,
    imported: true,
    media: row.media && { ...row.media, state: "remote" },
    status: row.from_me ? (statuses[info.status ?? Status.SERVER_ACK] ?? "sent") : "received",
    read_at: row.from_me || unread ? null : row.sent_at,
    unread: unread && row.unread,
  };
  const reactions = (info.reactions ?? []).slice(0, maxReactions);
  const known = await Promise.all(reactions.map((reaction) => reactionOf(reaction, { ...origin, chat, row }, phoneOf)));
  return { message: imported, reactions: known.filter((reaction) => reaction !== undefined) };
}

/** Returns a reaction of the history. Its key names the person who reacted. */
async function reactionOf(
  { key, text, senderTimestampMs }: proto.IReaction,
  { me, chat, row }: { me: Me; chat: string; row: NewMessage },
  phoneOf: PhoneOf,
): Promise<NewReaction | undefined> {
  const participant = key?.participant && isJid(key.participant) ? { participant: key.participant } : {};
  const origin = { me, pushName: null, key: { remoteJid: chat, fromMe: key?.fromMe ?? false, ...participant } };
  const address = await addressOf(origin, phoneOf);
  const ms = Number(senderTimestampMs ?? 0);
  if (!address || !text || !(ms > 0)) return undefined;
  return {
    ...{ waId: row.wa_id, chatIds: address.chatIds, at: new Date(unixSeconds(ms / 1000) * 1000), author: null },
    ...personOf(origin, address),
    ...{ emoji: boundText(text, maxBytes.option), reactionId: boundId(key?.id ?? ""), imported: true },
  };
}

function decodeInfo(bytes: Uint8Array): proto.WebMessageInfo | undefined {
  try {
    return proto.WebMessageInfo.decode(bytes);
  } catch {
    return undefined;
  }
}

/**
 * Returns the message as a phone sends it, decoded and encoded. An edited message can be in its edit, with its last
 * content. The history has the secret of a message outside of it; protobuf merges the fields of joined bytes.
 */
function contentOf(info: proto.IWebMessageInfo, bytes: Uint8Array) {
  const outer = info.message ?? {};
  const edited = unwrap(outer).content.protocolMessage?.editedMessage;
  const raw = wireFields(bytes).find(({ number }) => number === messageField)?.bytes;
  const own = edited || !raw ? proto.Message.encode(edited ?? outer).finish() : raw;
  const isEdit = Boolean(edited);
  const { messageSecret } = info;
  if (!messageSecret?.length) return { message: edited ?? outer, encoded: own, isEdit };
  const encoded = Buffer.concat([own, proto.Message.encode({ messageContextInfo: { messageSecret } }).finish()]);
  return { message: proto.Message.decode(encoded), encoded, isEdit };
}
