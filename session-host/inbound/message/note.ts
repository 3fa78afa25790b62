import type { proto, SignalRepositoryWithLIDStore } from "@whiskeysockets/baileys";
import type { NewEvent } from "../../../core/event/catalog/index.ts";
import { derivedEventId } from "../../../core/event/derived-id.ts";
import type { Logger } from "../../../core/log.ts";
import type { TargetMessage } from "../../../core/message/about.ts";
import { isLidJid } from "../../../core/message/recipient.ts";
import { plainJid } from "../../baileys/address/jids.ts";
import type { AboutMessage, Change, MessageAuthor } from "../../ledger/change.ts";
import type { Opened } from "../content/unwrap.ts";
import { type Address, jidByPhone, type Me, type MessageOrigin, type PhoneOf } from "./address.ts";

export type LidMapping = SignalRepositoryWithLIDStore["lidMapping"];

/** Returns whether one of these JIDs, which belong to one person, is an admin of the group. */
export type IsAdmin = (group: string, jids: readonly string[]) => Promise<boolean>;

/** A message that may be about another message. */
export interface Note {
  origin: MessageOrigin;
  opened: Opened;
  /** The message as its sender encoded it. */
  encoded: Uint8Array;
  /** Whether a text was cut. */
  truncated: boolean;
}

/** What reading a note needs to know about the session. */
export interface NoteScope {
  isAdmin: IsAdmin;
  lidMapping: LidMapping;
  phoneOf: PhoneOf;
  /** Returns the messages of the history with this id in one of these chats. */
  findTargets: (waId: string, chatIds: readonly string[]) => Promise<TargetMessage[]>;
  log: Pick<Logger, "info" | "warn">;
}

/**
 * Returns the messages of the history that a note can be applied to or opened with. An unreadable message has no content
 * yet, so a note waits for it.
 */
export const readableTargets = async ({ findTargets }: NoteScope, waId: string, chatIds: readonly string[]) =>
  (await findTargets(waId, chatIds)).filter(({ type }) => type !== unreadableType);

const unreadableType = "unreadable";

/** Returns the account's own JIDs, as far as they are known. */
export const ownJids = ({ id, lid }: Me): string[] => [id, lid].map(plainJid).filter(Boolean);

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
    if (ownJids(me).includes(author)) return own;
    return { id: await jidByPhone(author, null, phoneOf), lid: isLidJid(author) ? author : null, fromMe: false };
  }
  return fromMe ? { id: chatId, lid: chatIds.find(isLidJid) ?? null, fromMe: false } : own;
}

/** Returns the author of a message of the history, in the form of events. */
export const authorOf = (me: Me, { fromMe, senderId, senderLid }: TargetMessage): MessageAuthor | null =>
  fromMe ? ownAuthor(me) : { id: senderId, lid: senderLid, fromMe: false };

/** Returns the fields that all events about another message share. */
export function eventFieldsOf(
  { waId, chatIds, by, byLid, pushName, fromMe, at, author }: AboutMessage,
  { known, readable }: { known: boolean; readable: boolean },
) {
  const person = { by, byLid, pushName, fromMe, timestamp: Math.floor(at.getTime() / 1000) };
  return { messageId: waId, chatId: chatIds[0] ?? "", ...person, author, known, readable };
}

/**
 * Returns the change of a note that can't take effect: only its event. WhatsApp may deliver the note again, so the id
 * of the event is derived from it.
 */
export function reportOnly({ origin }: Note, address: Address, event: NewEvent): Change {
  const { known } = event.data as { known: boolean };
  const parts = ["note", origin.key.id ?? "", address.chatId, address.senderId, known ? "known" : "unknown"];
  return { events: [{ ...event, id: derivedEventId(origin.instanceId, ...parts) }] };
}

/** Returns the change of a note about a message that the history lacks: its event, and the note, which waits. */
export function untilArrival(note: Note, address: Address, targetId: string, event: NewEvent): Change {
  const { key, pushName, seconds } = note.origin;
  const waiting = {
    ...{ targetId, noteId: key.id ?? "", senderId: address.senderId },
    envelope: { key: { ...key } as Record<string, string | boolean | null | undefined>, pushName, seconds },
    payload: Buffer.from(note.encoded),
  };
  return { ...reportOnly(note, address, event), waiting: [waiting] };
}
