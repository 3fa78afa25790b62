import { proto } from "@whiskeysockets/baileys";
import { isLidJid } from "../../../core/message/recipient.ts";
import { editedAt, plainJid } from "../../baileys/address/jids.ts";
import type { Change, MessageAuthor } from "../../ledger/change.ts";
import { type Address, addressOf, jidByPhone } from "./address.ts";
import { editFields, editOf, editScope } from "./edit.ts";
import {
  eventFieldsOf,
  type Note,
  type NoteScope,
  ownAuthor,
  ownJids,
  personOf,
  readableTargets,
  untilArrival,
} from "./note.ts";

const { Type: ProtocolType } = proto.Message.ProtocolMessage;

/**
 * Returns the change of a protocol message that edits or deletes a message, undefined for any other message. Only the
 * writer of a message may edit it. Only the writer or a group admin may delete it. The phone has already checked
 * deletions by the account itself. Another edit or deletion is forged and causes no event.
 */
export async function revision(note: Note, scope: NoteScope): Promise<Change | undefined> {
  const protocol = note.opened.content.protocolMessage;
  if (!protocol) return undefined;
  const { type, key: target, editedMessage } = protocol;
  // In protobuf, an absent type is the first type, REVOKE.
  const deletes = (type ?? ProtocolType.REVOKE) === ProtocolType.REVOKE;
  const edited = type === ProtocolType.MESSAGE_EDIT ? editedMessage : undefined;
  if (!deletes && type !== ProtocolType.MESSAGE_EDIT) return undefined;
  const address = await addressOf(note.origin, scope.phoneOf);
  if (!target?.id || !(deletes || edited) || !address) return {};
  const writer = await writerOf(note, address, target, scope);
  if (!writer || (writer.isOther && !deletes)) return {};
  const { me, seconds } = note.origin;
  const { at, byArrival } = editedAt(deletes ? 0 : Number(protocol.timestampMs ?? 0), seconds);
  const editing = editScope(note.origin, address, scope.phoneOf);
  const about = { ...personOf(note.origin, address), waId: target.id, chatIds: address.chatIds, at };
  const find = deletes ? scope.findTargets : readableTargets.bind(undefined, scope);
  const targets = await find(target.id, address.chatIds);
  const { truncated } = note;
  if (targets.length > 0) {
    const author = writer.isMe ? ("me" as const) : writer.jids;
    const known = targets.find(({ fromMe }) => fromMe === writer.isMe);
    const change = edited
      ? { kind: "edit" as const, edited: await editOf(edited, editing, known), byArrival }
      : { kind: "delete" as const };
    return { revisions: [{ ...about, ...change, author, truncated }] };
  }
  const author = writer.isMe ? ownAuthor(me) : authorIn(writer.jids);
  const fields = eventFieldsOf({ ...about, author }, { known: false, readable: true });
  if (!edited) return untilArrival(note, address, target.id, { type: "message.deleted", data: fields });
  const data = { ...fields, ...editFields(await editOf(edited, editing)), ...(truncated ? { truncated } : {}) };
  return untilArrival(note, address, target.id, { type: "message.edited", data });
}

/** The author of the message that an edit or deletion is about. */
interface Writer {
  jids: readonly string[];
  isMe: boolean;
  /** Whether this is another person than the sender of the edit or deletion. */
  isOther: boolean;
}

/** Returns undefined if the sender is neither the author nor somebody who may delete the message. */
async function writerOf(
  { origin: { me } }: Note,
  { fromMe, chatId, isGroup, senderId, senderLid }: Address,
  target: proto.IMessageKey,
  { isAdmin, phoneOf }: NoteScope,
): Promise<Writer | undefined> {
  const own = ownJids(me);
  const sender = fromMe ? own : [senderId, ...(senderLid ? [senderLid] : [])];
  const stated = isGroup && !target.fromMe && target.participant ? plainJid(target.participant) : undefined;
  const jids = stated ? [stated, await jidByPhone(stated, null, phoneOf)] : sender;
  const isOther = !jids.some((jid) => sender.includes(jid));
  if (isOther && !fromMe && !(await isAdmin(chatId, sender))) return undefined;
  return { jids, isMe: jids.some((jid) => own.includes(jid)), isOther };
}

function authorIn(jids: readonly string[]): MessageAuthor | null {
  const lid = jids.find(isLidJid) ?? null;
  const id = jids.find((jid) => !isLidJid(jid)) ?? lid;
  return id === null ? null : { id, lid, fromMe: false };
}
