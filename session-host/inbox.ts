import {
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
import type { NewEvent } from "../core/event/catalog.ts";
import { uuidv7 } from "../core/id.ts";
import { mediaKey } from "../core/media/index.ts";
import type { MessageMedia } from "../core/message/message.sql.ts";
import { isGroupJid, isLidJid } from "../core/message/recipient.ts";
import type { Change, NewMessage } from "./change.ts";

/** Our own account, as the credentials have it. */
export interface Me {
  id: string;
  lid: string;
}

/** SQS takes 1 MiB for a batch; the longest body must leave room even where JSON escapes each character. */
const maxEventBody = 65_536;

const typeNames: Record<string, string> = {
  conversation: "text",
  extendedTextMessage: "text",
  ptvMessage: "video",
  liveLocationMessage: "location",
  contactsArrayMessage: "contact",
  pollCreationMessageV2: "poll",
  pollCreationMessageV3: "poll",
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

/** What a decrypted stanza becomes: a message and the event that announces it, or nothing when it carries no content. */
export async function journalMessage(
  instanceId: string,
  me: Me,
  stanza: BinaryNode,
  plaintext: Uint8Array,
  repository: SignalRepositoryWithLIDStore,
): Promise<Change> {
  const message = decodePlaintext(plaintext);
  if (!message) return {};
  const { fullMessage } = decodeMessageNode(stanza, me.id, me.lid);
  const row = await toRow(
    { instanceId, me, key: fullMessage.key, pushName: stanza.attrs.notify ?? null, seconds: Number(stanza.attrs.t) },
    message.deviceSentMessage?.message ?? message,
    (lid) => repository.lidMapping.getPNForLID(lid),
  );
  return row ? { messages: [row] } : {};
}

/** Undefined for bytes that are no message: Baileys finds that out for itself and asks for a retry. */
function decodePlaintext(plaintext: Uint8Array): proto.Message | undefined {
  try {
    return proto.Message.decode(unpadRandomMax16(plaintext));
  } catch {
    return undefined;
  }
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
): Promise<NewMessage | undefined> {
  const content = normalizeMessageContent(message);
  const protoType = content && getContentType(content);
  if (!content || !protoType || protoType === "protocolMessage" || protoType === "senderKeyDistributionMessage")
    return undefined;
  const { key, me } = origin;
  const waId = key.id;
  if (!waId || !key.remoteJid) return undefined;

  const fromMe = key.fromMe === true;
  const chatId = await byPhone(key.remoteJid, key.remoteJidAlt, phoneOf);
  const isGroup = isGroupJid(chatId);
  const sender = isGroup ? (key.participant ?? "") : key.remoteJid;
  const senderAlt = isGroup ? key.participantAlt : key.remoteJidAlt;
  const senderId = fromMe || !sender ? "" : await byPhone(sender, senderAlt, phoneOf);
  const senderLid = fromMe ? null : (lidOf(sender) ?? lidOf(senderAlt));
  const type = typeNames[protoType] ?? protoType.replace(/Message(V[0-9]+)?$/, "");
  const id = uuidv7(Date.now());
  const media = toMedia(content, origin.instanceId, id);
  const body = bodyOf(content);
  const seconds =
    Number.isFinite(origin.seconds) && origin.seconds > 0 ? Math.floor(origin.seconds) : Math.floor(Date.now() / 1000);
  const common = {
    messageId: waId,
    chatId,
    type,
    protoType,
    body: body.slice(0, maxEventBody),
    timestamp: seconds,
    media: media && publicMedia(media),
  };
  const event: NewEvent = fromMe
    ? { type: "message.sent", data: { ...common, source: "phone" } }
    : {
        type: "message.received",
        data: {
          ...common,
          senderId,
          senderLid,
          pushName: origin.pushName,
          isGroup,
          to: me.id ? jidNormalizedUser(me.id) : null,
        },
      };
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
    context: contextOf(content),
    status: fromMe ? "sent" : "received",
    payload: null,
    sent_at: new Date(seconds * 1000).toISOString(),
    event,
  };
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

function bodyOf(content: proto.IMessage): string {
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
    content.locationMessage?.name ||
    content.contactMessage?.displayName ||
    ""
  );
}

/** The file is named after our row: WhatsApp's id is the sender's choice, and may be that of somebody else's message. */
function toMedia(content: proto.IMessage, instanceId: string, rowId: string): MessageMedia | null {
  for (const [field, kind] of Object.entries(mediaFields)) {
    const media = content[field as keyof typeof mediaFields];
    if (!media?.mediaKey) continue;
    return {
      mimetype: media.mimetype ?? null,
      filename: "fileName" in media ? (media.fileName ?? null) : null,
      size: media.fileLength === null || media.fileLength === undefined ? null : Number(media.fileLength),
      sha256: media.fileSha256?.length ? Buffer.from(media.fileSha256).toString("hex") : null,
      storageKey: mediaKey(instanceId, rowId),
      state: "pending",
      error: null,
      source: { directPath: media.directPath ?? null, mediaKey: Buffer.from(media.mediaKey).toString("base64"), kind },
    };
  }
  return null;
}

/** What an event tells of a file. */
export function publicMedia(media: MessageMedia) {
  const { mimetype, filename, size, sha256, storageKey } = media;
  return { mimetype, filename, size, sha256, storageKey };
}

function contextOf(content: proto.IMessage): Record<string, unknown> | null {
  const info = Object.values(content)
    .map((part: unknown) => (part && typeof part === "object" && "contextInfo" in part ? part.contextInfo : null))
    .find((part): part is proto.IContextInfo => Boolean(part));
  const reaction = content.reactionMessage?.key?.id;
  const context = {
    ...(info?.stanzaId ? { quotedMessageId: info.stanzaId, quotedSender: info.participant ?? null } : {}),
    ...(info?.mentionedJid?.length ? { mentions: info.mentionedJid } : {}),
    ...(reaction ? { reactionTo: reaction } : {}),
  };
  return Object.keys(context).length > 0 ? context : null;
}
