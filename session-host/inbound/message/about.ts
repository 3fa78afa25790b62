import { proto } from "@whiskeysockets/baileys";
import { boundCount, boundText, maxBytes } from "../../../core/bound.ts";
import { isLidJid } from "../../../core/message/recipient.ts";
import { plainJid, writtenAt } from "../../baileys/jids.ts";
import type { AboutMessage, Change, MessageAuthor } from "../../ledger/change.ts";
import type { Opened } from "../content/unwrap.ts";
import { type Address, addressOf, jidByPhone, type Me, type MessageOrigin, type PhoneOf } from "./address.ts";

const pinTypes = proto.Message.PinInChatMessage.Type;
const { KeepType: keepTypes } = proto;
/** WhatsApp's apps pin a message for at most 30 days. */
const maxPinSeconds = 366 * 24 * 60 * 60;

/** The account itself as the author of a message. Null before the account's JID is known. */
export function ownAuthor({ id, lid }: Me): MessageAuthor | null {
  const own = [id, lid].map(plainJid);
  return own[0] ? { id: own[0], lid: own[1] || null, fromMe: true } : null;
}

/** Returns who does something, in the form of `AboutMessage`. */
export function personOf({ me, pushName }: Pick<MessageOrigin, "me" | "pushName">, address: Address) {
  const own = ownAuthor(me);
  const { fromMe, senderId, senderLid } = address;
  return fromMe
    ? { by: own?.id ?? "", byLid: own?.lid ?? null, pushName: null, fromMe }
    : { by: senderId, byLid: senderLid, pushName, fromMe };
}

/** Returns the author of a message according to its key, which is written from the view of its sender. */
export async function statedAuthor(
  me: Me,
  { fromMe, chatId, chatIds, isGroup, senderId, senderLid }: Address,
  key: proto.IMessageKey,
  phoneOf: PhoneOf,
): Promise<MessageAuthor | null> {
  const own = ownAuthor(me);
  if (key.fromMe) return fromMe ? own : { id: senderId, lid: senderLid, fromMe: false };
  if (isGroup || chatId.endsWith("@broadcast")) {
    const author = plainJid(key.participant);
    if (!author) return null;
    if ([me.id, me.lid].map(plainJid).includes(author)) return own;
    return { id: await jidByPhone(author, null, phoneOf), lid: isLidJid(author) ? author : null, fromMe: false };
  }
  return fromMe ? { id: chatId, lid: chatIds.find(isLidJid) ?? null, fromMe: false } : own;
}

/**
 * Returns the change of a message that reacts to another message, or pins or keeps it. Returns undefined for any other
 * message. The chat is always that of the envelope, because a sender can write any chat into the key.
 */
export async function changeAbout(
  origin: MessageOrigin,
  { content, info }: Opened,
  phoneOf: PhoneOf,
): Promise<Change | undefined> {
  const { reactionMessage: reaction, pinInChatMessage: pin, keepInChatMessage: keep } = content;
  const part = reaction ?? pin ?? keep;
  if (!part) return undefined;
  const address = await addressOf(origin, phoneOf);
  const key = part.key;
  if (!address || !key?.id) return {};
  const writtenMs = Number((keep ? keep.timestampMs : (reaction ?? pin)?.senderTimestampMs) ?? 0);
  const about: AboutMessage = {
    ...{ waId: key.id, chatIds: address.chatIds },
    ...personOf(origin, address),
    at: writtenAt(writtenMs, origin.seconds),
    author: await statedAuthor(origin.me, address, key, phoneOf),
  };
  if (reaction) {
    const emoji = boundText(reaction.text ?? "", maxBytes.option);
    return { reactions: [{ ...about, emoji, reactionId: origin.key.id ?? "" }] };
  }
  if (pin) {
    if (pin.type !== pinTypes.PIN_FOR_ALL && pin.type !== pinTypes.UNPIN_FOR_ALL) return {};
    const duration = boundCount(info.messageAddOnDurationInSecs ?? 0, maxPinSeconds) || null;
    return { marks: [{ ...about, kind: "pin", active: pin.type === pinTypes.PIN_FOR_ALL, duration }] };
  }
  if (keep?.keepType !== keepTypes.KEEP_FOR_ALL && keep?.keepType !== keepTypes.UNDO_KEEP_FOR_ALL) return {};
  return { marks: [{ ...about, kind: "keep", active: keep.keepType === keepTypes.KEEP_FOR_ALL, duration: null }] };
}
