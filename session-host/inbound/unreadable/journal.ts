import { type BinaryNode, decodeMessageNode, type WAMessageKey } from "@whiskeysockets/baileys";
import { derivedEventId } from "../../../core/event/derived-id.ts";
import { uuidv7 } from "../../../core/id.ts";
import { contentVersion } from "../../../core/message/content/index.ts";
import type { UnreadableReason } from "../../../core/message/unreadable.sql.ts";
import { unreadableType } from "../../../core/message/unreadable.ts";
import { plainJid, secondsOf } from "../../baileys/address/jids.ts";
import type { Change, ReadableMessage, UnreadableMessage } from "../../ledger/change.ts";
import { boundStanza } from "../bounds.ts";
import { type Ignoring, isIgnoredMessage } from "../ignored.ts";
import { addressOf, type Me, type MessageOrigin, type PhoneOf } from "../message/address.ts";
import { countsAsUnread } from "../message/unread.ts";
import { copiesOf, failureReason, isHidden, isPersonal, isRepeatable, phoneOnly, unavailableReason } from "./reason.ts";

/** What the journal of unreadable messages needs to know about the session. */
export interface UnreadableContext {
  instanceId: string;
  me: Me;
  phoneOf: PhoneOf;
  ignoring: Ignoring;
}

/**
 * How long a message that can't be decrypted waits for another copy from its sender, before it is announced as
 * unreadable and the phone is asked. Milliseconds. Whatsmeow asks the phone after five seconds (`RequestFromPhoneDelay`
 * in retry.go).
 */
const patienceMs = 10_000;
/** The sender sends no more copies. Source: `maxMsgRetryCount` in Baileys' Defaults/index.js. */
const maxCopies = 5;
/** WhatsApp Web asks the phone for no older message. Source: Baileys' Defaults/index.js. Seconds. */
const maxAgeSeconds = 14 * 24 * 60 * 60;

/** Returns whether the owner's phone can be asked for a message. */
export const isRequestable = (reason: UnreadableReason, seconds: number): boolean =>
  !phoneOnly.includes(reason) && Date.now() / 1000 - seconds <= maxAgeSeconds;

/**
 * Returns the change for a message of which a part can't be decrypted: an unreadable message with its event. If Baileys
 * asks the sender to send the message again, or decrypts another part, it is not announced yet. Returns undefined for any
 * other stanza.
 */
export function journalUnavailable(
  context: UnreadableContext,
  received: BinaryNode,
): Promise<Change> | Change | undefined {
  const reason = isPersonal(received) ? unavailableReason(received) : undefined;
  if (!reason) return undefined;
  return isRepeatable(received) ? journalFailure(received, reason) : announced(context, boundStanza(received), reason);
}

/**
 * Throws if Baileys can't tell the chat or the sender of a message. Baileys acknowledges such a message without reading it,
 * so it must be quarantined.
 */
export function assertAddressed(stanza: BinaryNode, { id, lid }: Me): undefined {
  if (isPersonal(stanza)) decodeMessageNode(stanza, id, lid);
}

async function announced(context: UnreadableContext, stanza: BinaryNode, reason: UnreadableReason): Promise<Change> {
  const requested = isRequestable(reason, secondsOf(stanza));
  const message = await unreadableRow(context, stanza, { reason, requested });
  if (!message) return {};
  const dueAt = requested ? new Date() : null;
  return { unreadable: [{ ...identityOf(stanza), reason, hidden: false, message, dueAt, pending: false }] };
}

/**
 * Returns the change for a message that can't be decrypted. The sender is asked to send the message again, so it is not
 * announced yet. Returns undefined for a stanza that is not a message of a person.
 */
export function journalFailure(received: BinaryNode, reason: UnreadableReason): Change | undefined {
  if (!isPersonal(received)) return undefined;
  const stanza = boundStanza(received);
  const dueAt = new Date(Date.now() + (copiesOf(received) >= maxCopies ? 0 : patienceMs));
  const hidden = isHidden(received);
  return { unreadable: [{ ...identityOf(stanza), reason, hidden, message: null, dueAt, pending: false }] };
}

/** Returns the change for a message that can't be decrypted because of an error. */
export const journalError = (received: BinaryNode, error: unknown): Change | undefined =>
  journalFailure(received, failureReason(error));

/** Returns the key of a message, or undefined if Baileys rejects the stanza, because it names no chat or no sender. */
export function keyOf(stanza: BinaryNode, { id, lid }: Me): WAMessageKey | undefined {
  try {
    return decodeMessageNode(stanza, id, lid).fullMessage.key;
  } catch {
    return undefined;
  }
}

/**
 * Returns the row of a message without readable content, with its event. Returns null for a stanza without a key, and for
 * a message that is ignored.
 */
export async function unreadableRow(
  { instanceId, me, phoneOf, ignoring }: UnreadableContext,
  stanza: BinaryNode,
  unreadable: { reason: UnreadableReason; requested: boolean },
): Promise<UnreadableMessage["message"]> {
  const key = keyOf(stanza, me);
  if (!key) return null;
  const pushName = stanza.attrs.notify ?? null;
  const origin: MessageOrigin = { instanceId, me, key, pushName, seconds: secondsOf(stanza) };
  const address = await addressOf(origin, phoneOf);
  if (!key.id || !address || (await isIgnoredMessage(ignoring, origin, phoneOf))) return null;
  const { fromMe, chatId, isGroup, senderId, senderLid } = address;
  const data = {
    messageId: key.id,
    chatId,
    senderId: fromMe ? plainJid(me.id) : senderId,
    senderLid,
    pushName,
    fromMe,
    isGroup,
    timestamp: origin.seconds,
    ...unreadable,
  };
  return {
    id: uuidv7(Date.now()),
    wa_id: key.id,
    chat_id: chatId,
    from_me: fromMe,
    sender_id: senderId,
    sender_lid: senderLid,
    push_name: pushName,
    type: unreadableType,
    proto_type: "",
    body: "",
    content: null,
    content_version: contentVersion,
    media: null,
    context: { unreadable },
    status: fromMe ? "sent" : "received",
    unread: countsAsUnread({ fromMe, chatId, type: unreadableType }),
    payload: null,
    sent_at: new Date(origin.seconds * 1000).toISOString(),
    event: {
      type: "message.unreadable",
      data,
      id: derivedEventId(instanceId, "unreadable", key.id, chatId, data.senderId),
    },
  };
}

/** Returns what identifies an unreadable message when its content arrives. */
function identityOf({ attrs }: BinaryNode): Pick<UnreadableMessage, "waId" | "sender" | "senderAlt" | "attrs"> {
  const [sender = "", senderAlt = null] = sendersOf(attrs);
  return { waId: attrs.id ?? "", sender, senderAlt, attrs };
}

/** Returns the JIDs of the sender of a stanza, without devices. */
function sendersOf(attrs: BinaryNode["attrs"]): string[] {
  const { from, participant, participant_pn, participant_lid, sender_pn, sender_lid } = attrs;
  const jids = [participant ?? from, participant_pn, participant_lid, sender_pn, sender_lid].map(plainJid);
  return [...new Set(jids.filter(Boolean))];
}

/** Returns the note that the content of a bounded stanza is known. */
export const readable = ({ attrs }: BinaryNode): ReadableMessage => ({
  waId: attrs.id ?? "",
  senders: sendersOf(attrs),
});
