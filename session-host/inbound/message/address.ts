import { areJidsSameUser, type WAMessageKey } from "@whiskeysockets/baileys";
import type { ContextParts } from "../../../core/message/context-fields.ts";
import { isGroupJid, isLidJid } from "../../../core/message/recipient.ts";
import { statusChat } from "../../../core/message/status.ts";
import { plainJid } from "../../baileys/address/jids.ts";

/** The account itself, as the credentials name it. */
export interface Me {
  id: string;
  lid: string;
}

/** Returns the phone number (as a JID) of a LID, or null if it is not known. */
export type PhoneOf = (lid: string) => Promise<string | null>;

/** The known facts about a message besides its content. */
export interface MessageOrigin {
  instanceId: string;
  me: Me;
  key: WAMessageKey;
  pushName: string | null;
  /** Unix seconds, by WhatsApp's clock. */
  seconds: number;
  /** What the stanza says about the context of the message. */
  context?: ContextParts;
  /** Returns the LIDs of phone numbers (as JIDs), for those numbers whose LID the session knows. */
  lidsOf?: LidsOf;
}

/** Returns the LIDs of phone numbers (as JIDs), by number. */
export type LidsOf = (phones: readonly string[]) => Promise<ReadonlyMap<string, string>>;

/** Who wrote a message, and in which chat. JIDs have no devices. */
export interface Address {
  fromMe: boolean;
  chatId: string;
  /** All JIDs of the chat. The first is `chatId`. */
  chatIds: readonly string[];
  isGroup: boolean;
  /** JID of the sender. Empty for the account itself. */
  senderId: string;
  senderLid: string | null;
}

/** Returns who wrote a message in which chat, or undefined if the key has no chat or no sender. */
export async function addressOf(
  { key, me }: Pick<MessageOrigin, "key" | "me">,
  phoneOf: PhoneOf,
): Promise<Address | undefined> {
  if (!key.remoteJid) return undefined;
  const isBroadcast = key.remoteJid.endsWith("@broadcast");
  if (isBroadcast && !key.participant) return undefined;
  // For a status post, Baileys recognizes only the account's phone number as its own, and `remoteJidAlt` is the
  // sender's other JID.
  const writer = isBroadcast ? (key.participant ?? "") : key.remoteJid;
  const isOwnBroadcast = isBroadcast && [me.id, me.lid].some((jid) => jid && areJidsSameUser(jid, writer));
  const fromMe = key.fromMe === true || isOwnBroadcast;
  // A message that another person sends to a broadcast list belongs to the chat with that person.
  const staysInBroadcast = key.remoteJid === statusChat || isOwnBroadcast;
  const chatId = staysInBroadcast ? key.remoteJid : await jidByPhone(writer, key.remoteJidAlt, phoneOf);
  const isGroup = isGroupJid(chatId);
  const sender = isGroup ? (key.participant ?? "") : writer;
  const senderAlt = isGroup ? key.participantAlt : key.remoteJidAlt;
  const senderId = fromMe || !sender ? "" : await jidByPhone(sender, senderAlt, phoneOf);
  const senderLid = fromMe ? null : (lidOf(sender) ?? lidOf(senderAlt));
  const keyJids = [key.remoteJid, key.remoteJidAlt].map(plainJid).filter(Boolean);
  return { fromMe, chatId, chatIds: [...new Set([chatId, ...keyJids])], isGroup, senderId, senderLid };
}

/**
 * Returns the phone number (as a JID) of a person if `alternative` or the session has it, otherwise the JID itself.
 * Drops the device.
 */
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
