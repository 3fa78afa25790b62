import {
  type BinaryNode,
  decodeMessageNode,
  getContentType,
  normalizeMessageContent,
  proto,
  type SignalRepositoryWithLIDStore,
  unpadRandomMax16,
} from "@whiskeysockets/baileys";
import type { NewEvent } from "../../../core/event/catalog/index.ts";
import { uuidv7 } from "../../../core/id.ts";
import { contextForEvent, type MessageContext } from "../../../core/message/context.ts";
import { eventMedia } from "../../../core/message/event-media.ts";
import { isChannelJid } from "../../../core/message/recipient.ts";
import { statusChat } from "../../../core/message/status.ts";
import { plainJid, secondsOf } from "../../baileys/jids.ts";
import type { Change, NewMessage } from "../../ledger/change.ts";
import { boundMessage, boundStanza } from "../bounds.ts";
import { sealedResponse } from "../response/decrypt.ts";
import type { Responses } from "../response/responses.ts";
import { surveyIn } from "../response/survey.ts";
import { type Address, addressOf, type Me, type MessageOrigin, type PhoneOf } from "./address.ts";
import { bodyOf, contextOf, mediaOf, typeOf } from "./content.ts";
import { type IsAdmin, revisionOf } from "./revision.ts";

/** What the journal needs to know about the session. */
export interface JournalContext {
  instanceId: string;
  me: Me;
  isAdmin: IsAdmin;
  responses: Responses;
}

/**
 * Returns the change that a decrypted stanza makes: a new message with its event, an edit, a deletion, or an answer to
 * a poll or calendar event. The change is empty if the stanza has no content to store.
 */
export async function journalMessage(
  { instanceId, me, isAdmin, responses }: JournalContext,
  received: BinaryNode,
  plaintext: Uint8Array,
  repository: SignalRepositoryWithLIDStore,
): Promise<Change> {
  const decoded = decodePlaintext(plaintext);
  if (!decoded) return {};
  const stanza = boundStanza(received);
  const truncated = boundMessage(decoded);
  const message = decoded.deviceSentMessage?.message ?? decoded;
  const { fullMessage } = decodeMessageNode(stanza, me.id, me.lid);
  const pushName = stanza.attrs.notify ?? null;
  const origin = { instanceId, me, key: fullMessage.key, pushName, seconds: secondsOf(stanza) };
  const phoneOf = (lid: string) => repository.lidMapping.getPNForLID(lid);
  const content = normalizeMessageContent(message);
  const protocol = content?.protocolMessage;
  if (protocol) {
    const revision = await revisionOf(origin, protocol, phoneOf, isAdmin);
    return revision ? { revisions: [{ ...revision, truncated }] } : {};
  }
  const sealed = sealedResponse(content);
  if (sealed) {
    const address = await addressOf(origin, phoneOf);
    const { seconds } = origin;
    return address ? await responses.receive({ ...address, pushName, seconds }, sealed, repository.lidMapping) : {};
  }
  const secret = secretOf(decoded) ?? secretOf(message);
  const row = await toRow(origin, { message, secret, truncated }, phoneOf);
  return row ? { messages: [row], ...(await responses.openEarly(row, repository.lidMapping)) } : {};
}

/**
 * Returns undefined if the bytes are not a message. Baileys itself detects this error and asks the sender for a retry.
 */
function decodePlaintext(plaintext: Uint8Array): proto.Message | undefined {
  try {
    return proto.Message.decode(unpadRandomMax16(plaintext));
  } catch {
    return undefined;
  }
}

function secretOf({ messageContextInfo }: proto.IMessage): Uint8Array | undefined {
  return messageContextInfo?.messageSecret ?? undefined;
}

/** A decoded message after `boundMessage`. */
export interface BoundedMessage {
  message: proto.IMessage;
  /** What `boundMessage` returned. */
  truncated: boolean;
  /** For a poll or calendar event: the secret with which answers are encrypted. */
  secret?: Uint8Array | undefined;
}

/**
 * Returns a row of `messages` with its event. Returns undefined for a message without content for people, such as a key
 * distribution.
 */
export async function toRow(
  origin: MessageOrigin,
  { message, truncated, secret }: BoundedMessage,
  phoneOf: PhoneOf,
): Promise<NewMessage | undefined> {
  const content = normalizeMessageContent(message);
  const protoType = content && getContentType(content);
  if (!content || !protoType || protoType === "protocolMessage" || protoType === "senderKeyDistributionMessage")
    return undefined;
  const waId = origin.key.id;
  const address = await addressOf(origin, phoneOf);
  if (!waId || !address) return undefined;
  const id = uuidv7(Date.now());
  const { instanceId } = origin;
  const survey = surveyIn(content, secret);
  const row: Omit<NewMessage, "event"> = {
    id,
    wa_id: waId,
    chat_id: address.chatId,
    from_me: address.fromMe,
    sender_id: address.senderId,
    sender_lid: address.senderLid,
    push_name: origin.pushName,
    type: typeOf(protoType),
    proto_type: protoType,
    body: bodyOf(content),
    media: mediaOf(content, { instanceId, rowId: id, unencrypted: isChannelJid(address.chatId) }),
    context: withMore(await contextOf(content, phoneOf), { ...survey?.context, ...(truncated ? { truncated } : {}) }),
    status: address.fromMe ? "sent" : "received",
    payload: survey?.payload ?? null,
    sent_at: new Date(origin.seconds * 1000).toISOString(),
  };
  return { ...row, event: eventOf(row, address, origin) };
}

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
    ...contextForEvent(row.context),
  };
  if (fromMe) return { type: "message.sent", data: { ...common, source: "phone" } };
  const sender = { senderId, senderLid, pushName, to: me.id ? plainJid(me.id) : null };
  return chatId === statusChat
    ? { type: "status.received", data: { ...common, ...sender } }
    : { type: "message.received", data: { ...common, ...sender, isGroup } };
}
