import { getContentType, type proto, type WAMessage } from "@whiskeysockets/baileys";
import { boundText, maxBytes } from "../../core/bound.ts";
import { AppError } from "../../core/error.ts";
import type { MessageContext } from "../../core/message/context.ts";
import { atWords, type Mention, mentionToken, type QuotedDetails } from "../../core/message/context-fields.ts";
import { type FoundMessage, findMessage } from "../../core/message/find.ts";
import { isChannelJid, isGroupJid, isLidJid } from "../../core/message/recipient.ts";
import { statusChat } from "../../core/message/status.ts";
import { isPhoneJid, lidsOf, plainJid } from "../baileys/address/jids.ts";
import { openPayload } from "../inbound/content/stored.ts";
import { Limited } from "../inbound/context/limited.ts";
import { thumbnailIn } from "../inbound/context/scan.ts";
import type { ConnectedContext } from "./types.ts";

/** What a message has besides its own content: a quote, mentions, a timer. */
export interface MessageExtras {
  /** Spread into the content for Baileys' `generateWAMessage`. */
  content: { mentions?: string[]; mentionAll?: true };
  /** Spread into the options for `generateWAMessage`. */
  options: { quoted?: WAMessage; ephemeralExpiration?: number };
  /** For `PreparedMessage.context`. */
  context: MessageContext | null;
}

/** The fields of a send command from which its extras are made. One of the texts can contain tokens of mentions. */
export interface ExtrasInput {
  quoted?: string | undefined;
  mentions?: readonly string[] | undefined;
  mentionAll?: boolean | undefined;
  text?: string | undefined;
  caption?: string | undefined;
  question?: string | undefined;
  name?: string | undefined;
}

/**
 * Returns the extras of a new message. `jid` is WhatsApp's own JID of the chat. Throws `message_not_found` if the
 * quoted message is not in this chat.
 */
export async function extrasOf(context: ConnectedContext, jid: string, input: ExtrasInput): Promise<MessageExtras> {
  const mentions = [...new Set(input.mentions ?? [])];
  const quoted = input.quoted === undefined ? undefined : await findQuoted(context, jid, input.quoted);
  const ephemeralExpiration = await context.disappearing.secondsOf(await spellingsOf(context, jid));
  const stored: MessageContext = {
    ...(quoted && {
      quotedMessageId: quoted.row.waId,
      quotedSender: quoted.row.fromMe ? plainJid(context.sock.user?.id) : quoted.row.senderId,
      quotedBody: boundText(quoted.row.body, maxBytes.detail),
      quoted: detailsOf(quoted),
    }),
    ...(mentions.length > 0 && { mentions, mentioned: await mentionedIn(context, mentions, input) }),
    ...(input.mentionAll && { mentionsAll: true }),
    ...(ephemeralExpiration > 0 && { ephemeral: ephemeralExpiration }),
  };
  return {
    content: { ...(mentions.length > 0 && { mentions }), ...(input.mentionAll && { mentionAll: true as const }) },
    options: {
      ...(quoted && { quoted: quoted.message }),
      ...(ephemeralExpiration > 0 && { ephemeralExpiration }),
    },
    context: Object.keys(stored).length > 0 ? stored : null,
  };
}

/** Returns what the history and the event show about a quoted message besides its id, author and text. */
function detailsOf({ row, message }: Awaited<ReturnType<typeof findQuoted>>): QuotedDetails {
  const { chatId, senderLid, fromMe, type } = row;
  const thumbnail = new Limited().bytes(thumbnailIn(message.message ?? {}));
  return { chatId, senderLid, fromMe, type, thumbnail, isStatus: chatId === statusChat };
}

/** Returns the mentioned people with the tokens that stand for them in the text. */
async function mentionedIn(
  { sock }: ConnectedContext,
  mentions: readonly string[],
  { text, caption, question, name }: ExtrasInput,
): Promise<Mention[]> {
  const words = atWords(text ?? caption ?? question ?? name ?? "");
  const lids = await lidsOf(sock.authState.keys, mentions.filter(isPhoneJid));
  return mentions.map((jid) => {
    const lid = isLidJid(jid) ? jid : (lids.get(jid) ?? null);
    return { jid, lid, token: mentionToken(words, [jid, lid]) };
  });
}

async function findQuoted(context: ConnectedContext, jid: string, waId: string) {
  const row = await findQuotable(context, waId, await spellingsOf(context, jid));
  const { fromMe } = row;
  const isStatus = row.chatId === statusChat;
  // In groups and for status posts, WhatsApp addresses people by LID.
  const participant = (isGroupJid(jid) || isStatus) && !fromMe ? { participant: row.senderLid ?? row.senderId } : {};
  // The chat of a quoted status post is in `contextInfo.remoteJid`. Source: `generateWAMessageFromContent` in Baileys'
  // Utils/messages.js.
  const key = { remoteJid: isStatus ? statusChat : jid, id: row.waId, fromMe, ...participant };
  // A quote of a view-once message must not contain the key of its file.
  const content = row.context?.viewOnce ? undefined : await contentOf(context, row);
  // A message that this gateway sent may have been edited since, so the quote contains its current text.
  const message: WAMessage = { key, message: content ? (withText(content, row.body) ?? content) : standIn(row) };
  return { row, message };
}

/**
 * Returns a message that can be quoted in this chat: one of the chat, or a status post of its person. Throws
 * `message_not_found`.
 */
async function findQuotable({ db, instanceId }: ConnectedContext, waId: string, chats: string[]) {
  try {
    return await findMessage(db, instanceId, waId, chats);
  } catch (error) {
    if (!(error instanceof AppError && error.code === "message_not_found")) throw error;
    const post = await findMessage(db, instanceId, waId, [statusChat]);
    if ([post.senderId, post.senderLid].some((jid) => jid && chats.includes(jid))) return post;
    throw error;
  }
}

/** Returns all known JIDs of a chat: its LID and its phone number. The history may have the chat under either JID. */
export async function spellingsOf({ sock }: ConnectedContext, jid: string): Promise<string[]> {
  if (isGroupJid(jid) || isChannelJid(jid) || jid === statusChat) return [jid];
  const { lidMapping } = sock.signalRepository;
  const other = isLidJid(jid) ? await lidMapping.getPNForLID(jid) : await lidMapping.getLIDForPN(jid);
  return other ? [jid, plainJid(other)] : [jid];
}

/** Returns the content of a stored message. Returns undefined if its protobuf is not stored, or has no content. */
export async function contentOf(
  { db }: ConnectedContext,
  row: Pick<FoundMessage, "id">,
): Promise<proto.IMessage | undefined> {
  const [stored] = await db.sql<{ payload: Buffer | null }[]>`select payload from messages where id = ${row.id}`;
  const content = stored?.payload ? openPayload(stored.payload).content : undefined;
  return content && getContentType(content) ? content : undefined;
}

/** Returns the content with another text or caption. Returns undefined if the content has neither. */
export function withText(content: proto.IMessage, text: string): proto.IMessage | undefined {
  const { extendedTextMessage, imageMessage, videoMessage, documentMessage } = content;
  if (extendedTextMessage) return { extendedTextMessage: { ...extendedTextMessage, text } };
  if (imageMessage) return { imageMessage: { ...imageMessage, caption: text } };
  if (videoMessage) return { videoMessage: { ...videoMessage, caption: text } };
  if (documentMessage) return { documentMessage: { ...documentMessage, caption: text } };
  return undefined;
}

/**
 * Returns a replacement for quoted content that is not stored. The recipient's phone shows the original message if it
 * has that message.
 */
function standIn({ type, body }: FoundMessage): proto.IMessage {
  switch (type) {
    case "image":
      return { imageMessage: { caption: body } };
    case "video":
      return { videoMessage: { caption: body } };
    case "document":
      return { documentMessage: { caption: body } };
    case "audio":
      return { audioMessage: {} };
    case "sticker":
      return { stickerMessage: {} };
    default:
      return { conversation: body };
  }
}
