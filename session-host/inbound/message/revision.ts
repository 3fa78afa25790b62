import { proto } from "@whiskeysockets/baileys";
import { plainJid, writtenAt } from "../../baileys/jids.ts";
import type { Revision } from "../../ledger/change.ts";
import { addressOf, jidByPhone, type MessageOrigin, type PhoneOf } from "./address.ts";
import { bodyOf } from "./content.ts";

/** Returns whether one of these JIDs, which belong to one person, is an admin of the group. */
export type IsAdmin = (group: string, jids: readonly string[]) => Promise<boolean>;

const { Type: ProtocolType } = proto.Message.ProtocolMessage;

/**
 * Returns the edit or deletion that a protocol message makes. Returns undefined for any other protocol message, and if
 * the sender has no right to the change. Only the writer of a message may edit it. Only the writer or a group admin may
 * delete it. The phone has already checked deletions by the account itself.
 */
export async function revisionOf(
  origin: MessageOrigin,
  protocol: proto.Message.IProtocolMessage,
  phoneOf: PhoneOf,
  isAdmin: IsAdmin,
): Promise<Revision | undefined> {
  const { type, key: target, editedMessage } = protocol;
  // In protobuf, an absent type is the first type, REVOKE.
  const deletes = (type ?? ProtocolType.REVOKE) === ProtocolType.REVOKE;
  if (!target?.id || !(deletes || (type === ProtocolType.MESSAGE_EDIT && editedMessage))) return undefined;
  const { me, seconds } = origin;
  const address = await addressOf(origin, phoneOf);
  if (!address) return undefined;
  const { fromMe, chatId, chatIds, isGroup, senderId, senderLid } = address;
  const own = [me.id, me.lid].map(plainJid).filter(Boolean);
  const sender = fromMe ? own : [senderId, ...(senderLid ? [senderLid] : [])];
  const writerJid = isGroup && !target.fromMe && target.participant ? plainJid(target.participant) : undefined;
  const writer = writerJid ? [writerJid, await jidByPhone(writerJid, null, phoneOf)] : sender;
  const isByOther = !writer.some((jid) => sender.includes(jid));
  if (isByOther && !(deletes && (fromMe || (await isAdmin(chatId, sender))))) return undefined;
  const common = {
    waId: target.id,
    chatIds,
    author: writer.some((jid) => own.includes(jid)) ? ("me" as const) : writer,
    by: fromMe ? (own[0] ?? "") : senderId,
    byLid: fromMe ? (own[1] ?? null) : senderLid,
    pushName: fromMe ? null : origin.pushName,
    fromMe,
  };
  if (deletes) return { ...common, kind: "delete", at: new Date(seconds * 1000) };
  if (!editedMessage) return undefined;
  const at = writtenAt(Number(protocol.timestampMs ?? 0), seconds);
  return { ...common, kind: "edit", body: bodyOf(editedMessage), at };
}
