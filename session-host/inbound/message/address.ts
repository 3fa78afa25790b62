import { areJidsSameUser, type WAMessageKey } from "@whiskeysockets/baileys";
import { isGroupJid, isLidJid } from "../../../core/message/recipient.ts";
import { statusChat } from "../../../core/message/status.ts";
import { plainJid } from "../../baileys/jids.ts";

/** The account itself, as the credentials name it. */
export interface Me {
  id: string;
  lid: string;
}

/** Looks up the phone number (as a JID) of a LID. */
export type PhoneOf = (lid: string) => Promise<string | null>;

export interface MessageOrigin {
  instanceId: string;
  me: Me;
  key: WAMessageKey;
  pushName: string | null;
  /** Unix seconds, by WhatsApp's clock. */
  seconds: number;
}

/** Who wrote a message, and in which chat. JIDs have no devices. */
export interface Address {
  fromMe: boolean;
  chatId: string;
  /** All JIDs of the chat. The first is `chatId`. */
  chatIds: readonly string[];
  isGroup: boolean;
  /** Empty for the account itself. */
  senderId: string;
  senderLid: string | null;
}

/** Returns undefined if the key names no chat or no sender. */
export async function addressOf(
  { key, me }: Pick<MessageOrigin, "key" | "me">,
  phoneOf: PhoneOf,
): Promise<Address | undefined> {
  if (!key.remoteJid) return undefined;
  const isBroadcast = key.remoteJid.endsWith("@broadcast");
  if (isBroadcast && !key.participant) return undefined;
  // For a status post, Baileys compares the sender with our phone number only, and gives the sender's other JID as the chat's.
  const writer = isBroadcast ? (key.participant ?? "") : key.remoteJid;
  const ownPost = isBroadcast && [me.id, me.lid].some((jid) => jid && areJidsSameUser(jid, writer));
  const fromMe = key.fromMe === true || ownPost;
  // A message that another person sends to a broadcast list belongs to the chat with that person.
  const isPosted = key.remoteJid === statusChat || ownPost;
  const chatId = isPosted ? key.remoteJid : await jidByPhone(writer, key.remoteJidAlt, phoneOf);
  const isGroup = isGroupJid(chatId);
  const sender = isGroup ? (key.participant ?? "") : writer;
  const senderAlt = isGroup ? key.participantAlt : key.remoteJidAlt;
  const senderId = fromMe || !sender ? "" : await jidByPhone(sender, senderAlt, phoneOf);
  const senderLid = fromMe ? null : (lidOf(sender) ?? lidOf(senderAlt));
  const spelled = [key.remoteJid, key.remoteJidAlt].map(plainJid).filter(Boolean);
  return { fromMe, chatId, chatIds: [...new Set([chatId, ...spelled])], isGroup, senderId, senderLid };
}

/** Returns the JID by phone number if WhatsApp names it here or has named it before, else the JID as it is. Without a device. */
export async function jidByPhone(
  jid: string,
  alternative: string | null | undefined,
  phoneOf: PhoneOf,
): Promise<string> {
  const plain = plainJid(jid);
  if (!isLidJid(plain)) return plain || jid;
  if (alternative && !isLidJid(plainJid(alternative))) return plainJid(alternative);
  const known = await phoneOf(plain);
  return known ? plainJid(known) : plain;
}

function lidOf(jid: string | null | undefined): string | null {
  const plain = plainJid(jid);
  return isLidJid(plain) ? plain : null;
}
