import {
  areJidsSameUser,
  type BinaryNode,
  decodeMessageNode,
  getContentType,
  jidNormalizedUser,
  normalizeMessageContent,
  proto,
  type SignalRepositoryWithLIDStore,
  unpadRandomMax16,
  type WAMessageKey,
} from "@whiskeysockets/baileys";
import type { NewEvent } from "../../core/event/catalog/index.ts";
import { uuidv7 } from "../../core/id.ts";
import { mediaKey } from "../../core/media/index.ts";
import { contextForEvent, type MessageContext, maxMentions, maxQuotedBody } from "../../core/message/context.ts";
import { eventMedia } from "../../core/message/event-media.ts";
import type { MessageMedia } from "../../core/message/message.sql.ts";
import { isChannelJid, isGroupJid, isLidJid } from "../../core/message/recipient.ts";
import { statusChat } from "../../core/message/status.ts";
import { type Change, maxEventBody, type NewMessage, type Revision } from "../ledger/change.ts";
import { type Responses, sealedResponse, surveyIn } from "./responses.ts";

/** Our own account, as the credentials have it. */
export interface Me {
  id: string;
  lid: string;
}

const { Type: ProtocolType } = proto.Message.ProtocolMessage;
/** How far the clock of who edits may be from WhatsApp's. */
const clockToleranceMs = 60_000;

const typeNames: Record<string, string> = {
  conversation: "text",
  extendedTextMessage: "text",
  ptvMessage: "video",
  liveLocationMessage: "location",
  contactsArrayMessage: "contact",
  pollCreationMessageV2: "poll",
  pollCreationMessageV3: "poll",
  pollCreationMessageV5: "poll",
  pollCreationMessage: "poll",
};

const mediaFields = {
  imageMessage: "image",
  videoMessage: "video",
  ptvMessage: "ptv",
  audioMessage: "audio",
  documentMessage: "document",
  stickerMessage: "sticker",
} as const;

export interface JournalContext {
  instanceId: string;
  me: Me;
  /** Whether one of these JIDs, which stand for one person, administers the group. */
  isAdmin: (group: string, jids: readonly string[]) => Promise<boolean>;
  responses: Responses;
}

/**
 * What a decrypted stanza becomes: a message, or what it changes in one, with the event that announces it; nothing when it
 * carries no content.
 */
export async function journalMessage(
  { instanceId, me, isAdmin, responses }: JournalContext,
  stanza: BinaryNode,
  plaintext: Uint8Array,
  repository: SignalRepositoryWithLIDStore,
): Promise<Change> {
  const decoded = decodePlaintext(plaintext);
  if (!decoded) return {};
  const message = decoded.deviceSentMessage?.message ?? decoded;
  const { fullMessage } = decodeMessageNode(stanza, me.id, me.lid);
  const pushName = stanza.attrs.notify ?? null;
  const origin = { instanceId, me, key: fullMessage.key, pushName, seconds: Number(stanza.attrs.t) };
  const phoneOf = (lid: string) => repository.lidMapping.getPNForLID(lid);
  const content = normalizeMessageContent(message);
  const protocol = content?.protocolMessage;
  if (protocol) {
    const revision = await toRevision(origin, protocol, phoneOf, isAdmin);
    return revision ? { revisions: [revision] } : {};
  }
  const sealed = sealedResponse(content);
  if (sealed) {
    const from = await addressOf(origin, phoneOf);
    const said = { pushName, seconds: secondsOf(origin) };
    return from ? await responses.take({ ...from, ...said }, sealed, repository.lidMapping) : {};
  }
  const row = await toRow(origin, message, phoneOf, secretOf(decoded) ?? secretOf(message));
  return row ? { messages: [row], ...(await responses.early(row, repository.lidMapping)) } : {};
}

/** Undefined for bytes that are no message: Baileys finds that out for itself and asks for a retry. */
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

export interface MessageOrigin {
  instanceId: string;
  me: Me;
  key: WAMessageKey;
  pushName: string | null;
  /** Unix time. */
  seconds: number;
}

/** A row of `messages` with its event, or undefined for what is no message to a person: keys, receipts, sync. */
export async function toRow(
  origin: MessageOrigin,
  message: proto.IMessage,
  phoneOf: (lid: string) => Promise<string | null>,
  /** What answers to it are encrypted with. */
  secret?: Uint8Array,
): Promise<NewMessage | undefined> {
  const content = normalizeMessageContent(message);
  const protoType = content && getContentType(content);
  if (!content || !protoType || protoType === "protocolMessage" || protoType === "senderKeyDistributionMessage")
    return undefined;
  const { key, me } = origin;
  const waId = key.id;
  const address = await addressOf(origin, phoneOf);
  if (!waId || !address) return undefined;
  const { fromMe, chatId, isGroup, senderId, senderLid } = address;
  const type = typeNames[protoType] ?? protoType.replace(/Message(V[0-9]+)?$/, "");
  const id = uuidv7(Date.now());
  const media = toMedia(content, origin.instanceId, id, isChannelJid(chatId));
  const survey = surveyIn(content, secret);
  const context = withSurvey(await contextOf(content, phoneOf), survey?.context);
  const body = bodyOf(content);
  const seconds = secondsOf(origin);
  const common = {
    messageId: waId,
    chatId,
    type,
    protoType,
    body: body.slice(0, maxEventBody),
    timestamp: seconds,
    media: media && eventMedia(media),
    ...contextForEvent(context),
  };
  const sender = { senderId, senderLid, pushName: origin.pushName, to: me.id ? jidNormalizedUser(me.id) : null };
  const event: NewEvent = fromMe
    ? { type: "message.sent", data: { ...common, source: "phone" } }
    : chatId === statusChat
      ? { type: "status.received", data: { ...common, ...sender } }
      : { type: "message.received", data: { ...common, ...sender, isGroup } };
  return {
    id,
    wa_id: waId,
    chat_id: chatId,
    from_me: fromMe,
    sender_id: senderId,
    sender_lid: senderLid,
    push_name: origin.pushName,
    type,
    proto_type: protoType,
    body,
    media,
    context,
    status: fromMe ? "sent" : "received",
    payload: survey?.payload ?? null,
    sent_at: new Date(seconds * 1000).toISOString(),
    event,
  };
}

function withSurvey(context: MessageContext | null, survey: MessageContext | undefined): MessageContext | null {
  return survey ? { ...context, ...survey } : context;
}

/** Who wrote in which chat, without devices. */
async function addressOf(
  { key, me }: Pick<MessageOrigin, "key" | "me">,
  phoneOf: (lid: string) => Promise<string | null>,
) {
  if (!key.remoteJid) return undefined;
  const isBroadcast = key.remoteJid.endsWith("@broadcast");
  if (isBroadcast && !key.participant) return undefined;
  // Of a status Baileys compares its writer with our number only, and gives the other name as that of the chat.
  const writer = isBroadcast ? (key.participant ?? "") : key.remoteJid;
  const ownPost = isBroadcast && [me.id, me.lid].some((jid) => jid && areJidsSameUser(jid, writer));
  const fromMe = key.fromMe === true || ownPost;
  // What others send to their broadcast lists is a message in the chat with them.
  const isPosted = key.remoteJid === statusChat || ownPost;
  const chatId = isPosted ? key.remoteJid : await byPhone(writer, key.remoteJidAlt, phoneOf);
  const isGroup = isGroupJid(chatId);
  const sender = isGroup ? (key.participant ?? "") : writer;
  const senderAlt = isGroup ? key.participantAlt : key.remoteJidAlt;
  const senderId = fromMe || !sender ? "" : await byPhone(sender, senderAlt, phoneOf);
  const senderLid = fromMe ? null : (lidOf(sender) ?? lidOf(senderAlt));
  const spelled = [key.remoteJid, key.remoteJidAlt].map((jid) => jidNormalizedUser(jid ?? "")).filter(Boolean);
  return { fromMe, chatId, chatIds: [...new Set([chatId, ...spelled])], isGroup, senderId, senderLid };
}

function secondsOf({ seconds }: MessageOrigin): number {
  return Number.isFinite(seconds) && seconds > 0 ? Math.floor(seconds) : Math.floor(Date.now() / 1000);
}

/**
 * What an edit or a deletion says; undefined for any other protocol message, and for who may not: a message is edited by its
 * writer, and deleted by its writer or an admin of the group. Of our own account the phone has seen to that.
 */
async function toRevision(
  origin: MessageOrigin,
  protocol: proto.Message.IProtocolMessage,
  phoneOf: (lid: string) => Promise<string | null>,
  isAdmin: JournalContext["isAdmin"],
): Promise<Revision | undefined> {
  const { type, key: target, editedMessage } = protocol;
  // Absent means the first, as in all of protobuf.
  const deletes = (type ?? ProtocolType.REVOKE) === ProtocolType.REVOKE;
  if (!target?.id || !(deletes || (type === ProtocolType.MESSAGE_EDIT && editedMessage))) return undefined;
  const { me } = origin;
  const address = await addressOf(origin, phoneOf);
  if (!address) return undefined;
  const { fromMe, chatId, chatIds, isGroup, senderId, senderLid } = address;
  const own = [me.id, me.lid].map((jid) => jidNormalizedUser(jid)).filter(Boolean);
  const sender = fromMe ? own : [senderId, ...(senderLid ? [senderLid] : [])];
  const named = isGroup && !target.fromMe && target.participant ? jidNormalizedUser(target.participant) : undefined;
  const writer = named ? [named, await byPhone(named, null, phoneOf)] : sender;
  const foreign = !writer.some((jid) => sender.includes(jid));
  if (foreign && !(deletes && (fromMe || (await isAdmin(chatId, sender))))) return undefined;
  const seconds = secondsOf(origin);
  const common = {
    waId: target.id,
    chatIds,
    author: writer.some((jid) => own.includes(jid)) ? ("me" as const) : writer,
    by: fromMe ? (own[0] ?? "") : senderId,
    fromMe,
  };
  if (deletes) return { ...common, kind: "delete", at: new Date(seconds * 1000) };
  const content = normalizeMessageContent(editedMessage ?? undefined);
  if (!content) return undefined;
  // The writer's clock tells two edits of one second apart; one that is wrong is not believed.
  const written = Number(protocol.timestampMs ?? 0);
  const at = Math.abs(written - seconds * 1000) < clockToleranceMs ? written : seconds * 1000;
  return { ...common, kind: "edit", body: bodyOf(content), at: new Date(at) };
}

/** The JID by phone number, where WhatsApp tells it or has told it before; else as it is. Without a device. */
async function byPhone(
  jid: string,
  alternative: string | null | undefined,
  phoneOf: (lid: string) => Promise<string | null>,
): Promise<string> {
  const plain = jidNormalizedUser(jid);
  if (!isLidJid(plain)) return plain || jid;
  if (alternative && !isLidJid(jidNormalizedUser(alternative))) return jidNormalizedUser(alternative);
  const known = await phoneOf(plain);
  return known ? jidNormalizedUser(known) : plain;
}

function lidOf(jid: string | null | undefined): string | null {
  const plain = jid ? jidNormalizedUser(jid) : "";
  return isLidJid(plain) ? plain : null;
}

export function bodyOf(content: proto.IMessage): string {
  return (
    content.conversation ||
    content.extendedTextMessage?.text ||
    content.imageMessage?.caption ||
    content.videoMessage?.caption ||
    content.documentMessage?.caption ||
    content.reactionMessage?.text ||
    content.pollCreationMessage?.name ||
    content.pollCreationMessageV2?.name ||
    content.pollCreationMessageV3?.name ||
    content.pollCreationMessageV5?.name ||
    content.eventMessage?.name ||
    content.locationMessage?.name ||
    content.contactMessage?.displayName ||
    ""
  );
}

/** The file is named after our row: WhatsApp's id is the sender's choice, and may be that of somebody else's message. */
function toMedia(content: proto.IMessage, instanceId: string, rowId: string, inClear: boolean): MessageMedia | null {
  for (const [field, kind] of Object.entries(mediaFields)) {
    const media = content[field as keyof typeof mediaFields];
    if (!media?.mediaKey && !(inClear && media?.directPath)) continue;
    return {
      mimetype: media.mimetype ?? null,
      filename: "fileName" in media ? (media.fileName ?? null) : null,
      size: media.fileLength === null || media.fileLength === undefined ? null : Number(media.fileLength),
      sha256: media.fileSha256?.length ? Buffer.from(media.fileSha256).toString("hex") : null,
      storageKey: mediaKey(instanceId, rowId),
      state: "pending",
      error: null,
      source: {
        directPath: media.directPath ?? null,
        mediaKey: Buffer.from(media.mediaKey ?? []).toString("base64"),
        kind,
      },
    };
  }
  return null;
}

async function contextOf(
  content: proto.IMessage,
  phoneOf: (lid: string) => Promise<string | null>,
): Promise<MessageContext | null> {
  const info = Object.values(content)
    .map((part: unknown) => (part && typeof part === "object" && "contextInfo" in part ? part.contextInfo : null))
    .find((part): part is proto.IContextInfo => Boolean(part));
  const reaction = content.reactionMessage?.key?.id;
  const quoted = info?.quotedMessage && normalizeMessageContent(info.quotedMessage);
  const mentioned = info?.mentionedJid?.slice(0, maxMentions) ?? [];
  const context: MessageContext = {
    ...(info?.stanzaId
      ? {
          quotedMessageId: info.stanzaId,
          quotedSender: info.participant ? await byPhone(info.participant, null, phoneOf) : null,
          quotedBody: quoted ? bodyOf(quoted).slice(0, maxQuotedBody) : "",
        }
      : {}),
    ...(mentioned.length > 0
      ? { mentions: await Promise.all(mentioned.map((jid) => byPhone(jid, null, phoneOf))) }
      : {}),
    ...(reaction ? { reactionTo: reaction } : {}),
  };
  return Object.keys(context).length > 0 ? context : null;
}
