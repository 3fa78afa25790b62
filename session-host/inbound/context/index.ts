import { areJidsSameUser, type BinaryNode, jidDecode, type proto } from "@whiskeysockets/baileys";
import { boundText, isJid, maxBytes } from "../../../core/bound.ts";
import { type MessageContext, maxMentions } from "../../../core/message/context.ts";
import {
  atWords,
  type ContextParts,
  contextLimits,
  type Forward,
  type GroupMention,
  type Mention,
  type MessageMark,
  mentionToken,
  messageMarks,
} from "../../../core/message/context-fields.ts";
import { isLidJid } from "../../../core/message/recipient.ts";
import { statusChat } from "../../../core/message/status.ts";
import { defined } from "../../../core/object.ts";
import { isPhoneJid, plainJid } from "../../baileys/address/jids.ts";
import { editAttribute } from "../../baileys/send/edit-attribute.ts";
import { verifiedName } from "../contact-facts.ts";
import { readContent } from "../content/index.ts";
import { unwrap, type WrapperFlag } from "../content/unwrap.ts";
import { jidByPhone, type LidsOf, type Me, type PhoneOf } from "../message/address.ts";
import { bodyOf, typeOf } from "../message/content.ts";
import { Limited } from "./limited.ts";
import { referralOf } from "./referral.ts";
import { scanContext, thumbnailIn } from "./scan.ts";

export interface ContextScope {
  me: Me;
  chatId: string;
  /** The text in which people are mentioned. */
  text: string;
  phoneOf: PhoneOf;
  lidsOf: LidsOf;
}

/**
 * Returns the context of a bounded message: its quote, mentions, forward, referral, timer and flags. `flags` are those of
 * its wrappers. Returns null if the message has none of these.
 */
export async function contextOf(
  message: proto.IMessage,
  flags: ReadonlySet<WrapperFlag>,
  scope: ContextScope,
): Promise<MessageContext | null> {
  const { infos, viewOnce } = scanContext(message);
  const limited = new Limited();
  const context: MessageContext = {
    ...(await quoteOf(infos, scope, limited)),
    ...(await mentionsOf(infos, scope, limited)),
    ...defined({
      mentionsAll: infos.some((info) => (info.nonJidMentions ?? 0) > 0) || undefined,
      groupMentions: groupMentionsOf(infos, limited),
      forwarded: forwardOf(infos, limited),
      referral: referralOf(infos, limited) ?? undefined,
      viewOnce: viewOnce || flags.has("viewOnce") || undefined,
      edited: flags.has("edited") || undefined,
      marks: marksOf(flags),
      ephemeral: expirationOf(infos, limited) || undefined,
    }),
  };
  if (limited.truncated) context.contextTruncated = true;
  return Object.keys(context).length > 0 ? context : null;
}

function marksOf(flags: ReadonlySet<WrapperFlag>): MessageMark[] | undefined {
  const marks = messageMarks.filter((mark) => flags.has(mark));
  return marks.length > 0 ? marks : undefined;
}

/** Returns what the stanza of a message says about its context. */
export function stanzaContext(stanza: BinaryNode): ContextParts {
  const { from = "", participant, edit } = stanza.attrs;
  const name = verifiedName(stanza);
  return defined({
    // A JID without a device is the phone. Source: `ParseJID` in whatsmeow's types/jid.go.
    device: jidDecode(participant ?? from)?.device ?? 0,
    // Source: `parseMessageSource` in whatsmeow's message.go.
    broadcastList: from.endsWith("@broadcast") && from !== statusChat ? from : undefined,
    businessName: name ? boundText(name, maxBytes.name) : undefined,
    edited: edit === editAttribute.messageEdit || undefined,
  });
}

/** Returns the timer of the message in seconds, or 0. */
function expirationOf(infos: readonly proto.IContextInfo[], limited: Limited): number {
  return infos.map((info) => limited.count(info.expiration) ?? 0).find((seconds) => seconds > 0) ?? 0;
}

async function quoteOf(
  infos: readonly proto.IContextInfo[],
  { me, chatId, phoneOf }: ContextScope,
  limited: Limited,
): Promise<MessageContext> {
  const info = infos.find(({ stanzaId }) => stanzaId);
  if (!info?.stanzaId) return {};
  const { participant, remoteJid } = info;
  const opened = info.quotedMessage ? unwrap(info.quotedMessage) : undefined;
  const protoType = opened && readContent(opened)?.protoType;
  const author = plainJid(participant);
  // A reply in another chat names the chat of the quoted message. Source: `generateWAMessageFromContent` in Baileys'
  // Utils/messages.js.
  const quotedChat = remoteJid ? await jidByPhone(remoteJid, null, phoneOf) : chatId;
  return {
    quotedMessageId: info.stanzaId,
    quotedSender: participant ? await jidByPhone(participant, null, phoneOf) : null,
    quotedBody: (opened && limited.text(bodyOf(opened.content), maxBytes.detail)) ?? "",
    quoted: {
      chatId: quotedChat,
      senderLid: isLidJid(author) ? author : null,
      fromMe: [me.id, me.lid].some((jid) => author !== "" && areJidsSameUser(jid, author)),
      type: protoType ? typeOf(protoType) : null,
      thumbnail: opened ? limited.bytes(thumbnailIn(opened.content)) : null,
      isStatus: quotedChat === statusChat,
    },
  };
}

async function mentionsOf(
  infos: readonly proto.IContextInfo[],
  { text, phoneOf, lidsOf }: ContextScope,
  limited: Limited,
): Promise<MessageContext> {
  const named = new Set(infos.flatMap(({ mentionedJid }) => mentionedJid?.filter(isJid) ?? []));
  const given = limited.list([...named], maxMentions);
  if (given.length === 0) return {};
  const mentions = await Promise.all(given.map((jid) => jidByPhone(jid, null, phoneOf)));
  const lids = await lidsOf(mentions.filter(isPhoneJid));
  const words = atWords(text);
  const mentioned = mentions.flatMap((jid, index): Mention[] => {
    if ((jid.split("@")[0]?.length ?? 0) > contextLimits.mentionUser) return [];
    const written = plainJid(given[index]);
    const lid = [jid, written].find(isLidJid) ?? lids.get(jid) ?? null;
    return [{ jid, lid, token: mentionToken(words, [written, lid, jid]) }];
  });
  if (mentioned.length < mentions.length) limited.truncated = true;
  return { mentions, mentioned };
}

function groupMentionsOf(infos: readonly proto.IContextInfo[], limited: Limited): GroupMention[] | undefined {
  const named = infos.flatMap(({ groupMentions }) => groupMentions ?? []);
  const groups = limited
    .list(named, contextLimits.groupMentions)
    .flatMap(({ groupJid, groupSubject }) =>
      groupJid ? [{ groupId: groupJid, subject: limited.text(groupSubject) ?? "" }] : [],
    );
  return groups.length > 0 ? groups : undefined;
}

function forwardOf(infos: readonly proto.IContextInfo[], limited: Limited): Forward | undefined {
  const info = infos.find(
    ({ isForwarded, forwardingScore, forwardedNewsletterMessageInfo }) =>
      isForwarded || (forwardingScore ?? 0) > 0 || forwardedNewsletterMessageInfo,
  );
  if (!info) return undefined;
  const { newsletterJid, newsletterName, serverMessageId } = info.forwardedNewsletterMessageInfo ?? {};
  return {
    score: limited.count(info.forwardingScore) ?? 0,
    channel: newsletterJid
      ? { id: newsletterJid, name: limited.text(newsletterName), postId: limited.count(serverMessageId) }
      : null,
  };
}
