import {
  areJidsSameUser,
  type BinaryNode,
  decodeMessageNode,
  proto,
  type SignalRepositoryWithLIDStore,
  unpadRandomMax16,
} from "@whiskeysockets/baileys";
import type { NewEvent } from "../../../core/event/catalog/index.ts";
import { uuidv7 } from "../../../core/id.ts";
import type { InstanceHistory } from "../../../core/instance/instance.sql.ts";
import type { Logger } from "../../../core/log.ts";
import { contentVersion, textOf } from "../../../core/message/content/index.ts";
import { contextForEvent, type MessageContext } from "../../../core/message/context.ts";
import { eventMedia } from "../../../core/message/event-media.ts";
import { isChannelJid } from "../../../core/message/recipient.ts";
import { statusChat } from "../../../core/message/status.ts";
import { defined } from "../../../core/object.ts";
import { plainJid, secondsOf } from "../../baileys/address/jids.ts";
import type { Change, NewMessage } from "../../ledger/change.ts";
import { merged } from "../../ledger/merge.ts";
import { boundMessage, boundStanza, type Cuts } from "../bounds.ts";
import { readContent, unknownType } from "../content/index.ts";
import { type Opened, unwrap } from "../content/unwrap.ts";
import { contextOf, stanzaContext } from "../context/index.ts";
import { parentOf } from "../context/parent.ts";
import { reportedTimer, setTimer } from "../context/timer.ts";
import type { DisappearingTimers } from "../disappearing.ts";
import { historyPartOf } from "../history.ts";
import { type Ignoring, isIgnoredMessage, onlyTimers } from "../ignored.ts";
import { surveyIn } from "../response/survey.ts";
import { answerIn, readAnswer, type StoredUnreadable } from "../unreadable/answer.ts";
import { journalFailure, readable } from "../unreadable/journal.ts";
import { type Address, addressOf, type LidsOf, type Me, type MessageOrigin, type PhoneOf } from "./address.ts";
import { mediaOf, typeOf, unreadBodyOf } from "./content.ts";
import type { IsAdmin, NoteScope } from "./note.ts";
import { changeAbout, changeOfWaiting } from "./notes.ts";
import { openComment } from "./sealed.ts";
import { countsAsUnread } from "./unread.ts";
import type { WaitingNotes } from "./waiting.ts";

/** What the journal needs to know about the session. */
export interface JournalContext {
  instanceId: string;
  me: Me;
  isAdmin: IsAdmin;
  lidsOf: LidsOf;
  waiting: WaitingNotes;
  /** Returns the unreadable messages with an id. */
  findUnreadable: (waId: string) => Promise<readonly StoredUnreadable[]>;
  timers: Pick<DisappearingTimers, "learn">;
  /** Which messages from before the link the instance imports. */
  history: () => Promise<InstanceHistory>;
  ignoring: Ignoring;
  log: Pick<Logger, "info" | "warn">;
}

/**
 * Returns the change that a decrypted stanza makes: the messages that it contains, or that it is unreadable. The change
 * is empty if the stanza has no content to store.
 */
export async function journalMessage(
  context: JournalContext,
  received: BinaryNode,
  plaintext: Uint8Array,
  repository: SignalRepositoryWithLIDStore,
): Promise<Change> {
  const decoded = decodePlaintext(plaintext);
  if (!decoded) return journalFailure(received, "malformed") ?? {};
  const answer = answerIn(decoded.message, received, isOwnJid(context.me));
  if (!answer) return await journalContent(context, boundStanza(received), decoded, repository);
  const { supplied, refused } = await readAnswer(answer, context.findUnreadable);
  const changes: Change[] = [{ phoneRequests: refused }];
  for (const { stanza, ...message } of supplied)
    changes.push(await journalContent(context, stanza, message, repository));
  return merged(changes);
}

const isOwnJid =
  ({ id, lid }: Me) =>
  (jid: string) =>
    [id, lid].some((own) => own !== "" && areJidsSameUser(own, jid));

interface Decoded {
  message: proto.IMessage;
  encoded: Uint8Array;
}

/** Returns the change that the content of a bounded stanza makes. Bounds the content in place. */
async function journalContent(
  context: JournalContext,
  stanza: BinaryNode,
  { message, encoded }: Decoded,
  repository: SignalRepositoryWithLIDStore,
): Promise<Change> {
  const cuts = boundMessage(message);
  const opened = unwrap(message, encoded);
  const change = await changeOf(context, stanza, { message, opened, encoded, ...cuts }, repository);
  return isOnlyKey(opened) ? change : { ...change, readable: [readable(stanza)] };
}

/** Whether the message only distributes a sender key. The content is in another part of its stanza. */
const isOnlyKey = ({ content, unknownFields }: Opened): boolean =>
  unknownFields.length === 0 &&
  Object.keys(content).every((field) => field === "senderKeyDistributionMessage" || field === "messageContextInfo");

/**
 * Returns the change that a message makes: a new message with its event, or something about another message (an edit, a
 * deletion, a reaction, a pin, an answer to a poll or calendar event).
 */
async function changeOf(
  { instanceId, me, isAdmin, lidsOf, waiting, timers, history, ignoring, log }: JournalContext,
  stanza: BinaryNode,
  decoded: DecodedMessage,
  { lidMapping }: SignalRepositoryWithLIDStore,
): Promise<Change> {
  const { fullMessage } = decodeMessageNode(stanza, me.id, me.lid);
  const pushName = stanza.attrs.notify ?? null;
  const origin: MessageOrigin = {
    ...{ instanceId, me, key: fullMessage.key, pushName, seconds: secondsOf(stanza) },
    context: stanzaContext(stanza),
    lidsOf,
  };
  const notification = decoded.opened.content.protocolMessage?.historySyncNotification;
  if (notification) return origin.key.fromMe ? historyChange(notification, stanza, await history()) : {};
  const phoneOf = (lid: string) => lidMapping.getPNForLID(lid);
  const timerOf = async (chatId: string) => await timers.learn(reportedTimer(decoded.message, chatId, origin.seconds));
  const protocol = decoded.opened.content.protocolMessage;
  const address = protocol || ignoring.ignoresAny ? await addressOf(origin, phoneOf) : undefined;
  const newTimer = protocol && address && setTimer(protocol, address, origin);
  if (await isIgnoredMessage(ignoring, origin, phoneOf)) {
    return onlyTimers(newTimer ? await timers.learn(newTimer) : await timerOf(address?.chatId ?? ""));
  }
  const scope: NoteScope = { isAdmin, lidMapping, phoneOf, findTargets: waiting.find, log };
  const note = { origin, ...decoded };
  const about = await changeAbout(note, scope);
  if (about) {
    await waiting.note(about);
    return about;
  }
  if (newTimer) return await timers.learn(newTimer);
  const comment = await openComment(note, scope);
  const row = await toRow(origin, comment ? { ...decoded, ...comment } : decoded, phoneOf);
  if (!row || (row.proto_type === unknownType && isBetweenOwnDevices(stanza))) return {};
  const reported = await timerOf(row.chat_id);
  return merged([{ messages: [row] }, reported, await changeOfWaiting(row, origin, { ...scope, waiting })]);
}

/** Keys, settings and requests, which no person writes. Source: `SendPeerMessage` in whatsmeow's send.go. */
const isBetweenOwnDevices = ({ attrs }: BinaryNode): boolean => attrs.category === "peer";

/**
 * Returns undefined if the bytes are not a message. Baileys itself detects this error and asks the sender for a retry.
 */
function decodePlaintext(plaintext: Uint8Array): Decoded | undefined {
  try {
    const encoded = unpadRandomMax16(plaintext);
    return { message: proto.Message.decode(encoded), encoded };
  } catch {
    return undefined;
  }
}

/** A new part of the history, from the owner's phone. Names may follow the end of the messages. */
function historyChange(
  notification: proto.Message.IHistorySyncNotification,
  { attrs }: BinaryNode,
  setting: InstanceHistory,
): Change {
  const part = historyPartOf(notification, attrs.id ?? "", setting);
  if (!part) return {};
  const reopens = part.withMessages && part.phase !== "names" && part.phase !== "other";
  return { historyParts: [part], ...(reopens ? { instance: { history_completed_at: null } } : {}) };
}

/** A message that was bounded (`boundMessage`) and opened (`unwrap`). */
export interface DecodedMessage extends Cuts {
  /** The whole message. */
  message: proto.IMessage;
  opened: Opened;
  /** The message as its sender encoded it. */
  encoded: Uint8Array;
}

/** The largest protobuf that is stored, in bytes. The text and thumbnails of WhatsApp's apps stay below 200 kB. */
const maxPayloadBytes = 1024 * 1024;

/**
 * Returns a row of `messages` with its event. Returns undefined for a message without content for people, such as a key
 * distribution.
 */
export async function toRow(
  origin: MessageOrigin,
  { message: whole, opened, encoded, ...cuts }: DecodedMessage,
  phoneOf: PhoneOf,
): Promise<NewMessage | undefined> {
  const read = readContent(opened);
  if (!read) return undefined;
  const { protoType, content } = read;
  const message = opened.content;
  const waId = origin.key.id;
  const address = await addressOf(origin, phoneOf);
  if (!waId || !address) return undefined;
  const id = uuidv7(Date.now());
  const { instanceId } = origin;
  const survey = surveyIn(message);
  const body = content ? textOf(content) : unreadBodyOf(message);
  const scope = { me: origin.me, chatId: address.chatId, text: body, phoneOf, lidsOf: origin.lidsOf ?? noLids };
  const row: Omit<NewMessage, "event"> = {
    id,
    wa_id: waId,
    chat_id: address.chatId,
    from_me: address.fromMe,
    sender_id: address.senderId,
    sender_lid: address.senderLid,
    push_name: origin.pushName,
    type: typeOf(protoType, content),
    proto_type: protoType,
    body,
    content,
    content_version: contentVersion,
    media: mediaOf(message, { instanceId, rowId: id, unencrypted: isChannelJid(address.chatId) }),
    context: withMore(await contextOf(whole, opened.flags, scope), {
      ...origin.context,
      ...survey,
      ...defined({
        reactionTo: message.reactionMessage?.key?.id || undefined,
        parent: parentOf(opened.info),
        truncated: cuts.truncated || read.truncated || undefined,
        contextTruncated: cuts.contextTruncated || undefined,
      }),
    }),
    status: address.fromMe ? "sent" : "received",
    unread: countsAsUnread({ fromMe: address.fromMe, chatId: address.chatId, type: typeOf(protoType, content) }),
    payload: encoded.length <= maxPayloadBytes ? Buffer.from(encoded).toString("base64") : null,
    sent_at: new Date(origin.seconds * 1000).toISOString(),
  };
  return { ...row, event: eventOf(row, address, origin) };
}

const noLids: LidsOf = async () => new Map();

function withMore(context: MessageContext | null, more: MessageContext): MessageContext | null {
  return Object.keys(more).length > 0 ? { ...context, ...more } : context;
}

function eventOf(
  row: Omit<NewMessage, "event">,
  { fromMe, chatId, isGroup, senderId, senderLid }: Address,
  { me, pushName, seconds }: MessageOrigin,
): NewEvent {
  const common = {
    messageId: row.wa_id,
    chatId,
    type: row.type,
    protoType: row.proto_type,
    body: row.body,
    timestamp: seconds,
    media: row.media && eventMedia(row.media),
    content: row.content,
    ...contextForEvent(row.context),
  };
  if (fromMe) return { type: "message.sent", data: { ...common, source: "phone" } };
  const sender = { senderId, senderLid, pushName, to: me.id ? plainJid(me.id) : null };
  return chatId === statusChat
    ? { type: "status.received", data: { ...common, ...sender } }
    : { type: "message.received", data: { ...common, ...sender, isGroup } };
}
