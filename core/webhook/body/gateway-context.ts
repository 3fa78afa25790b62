import type { EventData } from "../../event/catalog/index.ts";
import { defined } from "../../object.ts";

type ContextData = Pick<EventData<"message.sent">, "quoted" | "mentions" | "context" | "chatId">;

/**
 * Returns the `contextInfo` that a client of Baileys looks for in a message, or undefined if the message has no context.
 * JIDs are by phone number if it is known. Thumbnails are only in `quotedMessage` and `context`, because they are large.
 */
export function contextInfoOf({ quoted, mentions, context, chatId }: ContextData): Record<string, unknown> | undefined {
  const { mentionsAll, groupMentions, forwarded, ephemeral } = context;
  const groups = groupMentions.map(({ groupId, subject }) => ({ groupJid: groupId, groupSubject: subject }));
  const info = defined({
    ...(quoted && quoteIn(quoted, chatId)),
    mentionedJid: mentions.length > 0 ? mentions : undefined,
    nonJidMentions: mentionsAll ? 1 : undefined,
    groupMentions: groups.length > 0 ? groups : undefined,
    ...(forwarded && forwardIn(forwarded)),
    expiration: ephemeral || undefined,
    ...(context.referral && referralIn(context.referral)),
  });
  return Object.keys(info).length > 0 ? info : undefined;
}

type Quoted = NonNullable<ContextData["quoted"]>;

function quoteIn(quoted: Quoted, chatId: string) {
  return {
    stanzaId: quoted.messageId,
    participant: quoted.senderId ?? undefined,
    // A quote names its chat only if that is another one.
    remoteJid: quoted.chatId && quoted.chatId !== chatId ? quoted.chatId : undefined,
    quotedMessage: quoted.type === null ? undefined : quotedContent(quoted),
  };
}

/** Kinds of quoted messages that have a field of this name in the protobuf. All others become a text. */
const namedKinds = ["image", "video", "audio", "document", "sticker", "location"];

function quotedContent({ type, body }: Quoted) {
  if (!type || !namedKinds.includes(type)) return { conversation: body };
  return { [`${type}Message`]: defined({ caption: body || undefined }) };
}

function forwardIn({ score, channel }: NonNullable<ContextData["context"]["forwarded"]>) {
  const origin = channel && {
    newsletterJid: channel.id,
    newsletterName: channel.name,
    serverMessageId: channel.postId,
  };
  return { isForwarded: true, forwardingScore: score, forwardedNewsletterMessageInfo: origin ?? undefined };
}

function referralIn(referral: NonNullable<ContextData["context"]["referral"]>) {
  const { isAd, greeting, mediaType, utmSource, utmCampaign, ...fields } = referral;
  const { title, body, sourceType, sourceId, sourceUrl, sourceApp, ctwaClid, ref, ...rest } = fields;
  const { mediaUrl, thumbnailUrl, thumbnail: _large, ...entry } = rest;
  const card = { title, body, sourceType, sourceId, sourceUrl, sourceApp, ctwaClid, ref, mediaUrl, thumbnailUrl };
  const externalAdReply = present({
    ...{ ...card, greetingMessageBody: greeting, showAdAttribution: isAd || null },
    mediaType: mediaType && { image: 1, video: 2 }[mediaType],
  });
  const utm = present({ utmSource, utmCampaign });
  return {
    ...present(entry),
    externalAdReply: Object.keys(externalAdReply).length > 0 ? externalAdReply : undefined,
    utm: Object.keys(utm).length > 0 ? utm : undefined,
  };
}

/** Returns the fields that are not null. */
const present = (fields: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
