import { type AnyMessageContent, generateWAMessage, getContentType, proto } from "@whiskeysockets/baileys";
import type { CommandInput, CommandOutput } from "../../core/command/catalog/index.ts";
import type { MediaKind } from "../../core/media/index.ts";
import { findForwardable } from "../../core/message/forward.ts";
import { isGroupJid } from "../../core/message/recipient.ts";
import { defined } from "../../core/object.ts";
import { patchAppState } from "./app-state.ts";
import { sendFile } from "./media.ts";
import { generationOptions, resolveRecipient } from "./message.ts";
import { find } from "./message-action.ts";
import { contentOf, type ExtrasInput, extrasOf, type MessageExtras } from "./message-extras.ts";
import type { MutationContext, PreparedMessage, SendContext } from "./types.ts";

export async function sendLocation(
  context: SendContext,
  input: CommandInput<"message.sendLocation">,
): Promise<PreparedMessage> {
  const { latitude, longitude, name, address } = input;
  const location = {
    degreesLatitude: latitude,
    degreesLongitude: longitude,
    ...defined({ name, address }),
  };
  return await prepareContent(context, input, { location }, "location");
}

export async function sendContact(
  context: SendContext,
  input: CommandInput<"message.sendContact">,
): Promise<PreparedMessage> {
  // WhatsApp's own apps use this name for several contacts. A single contact is shown with its own name.
  const contacts = { displayName: `${input.contacts.length} contacts`, contacts: input.contacts };
  return await prepareContent(context, input, { contacts }, "contact");
}

export async function sendPoll(
  context: SendContext,
  input: CommandInput<"message.sendPoll">,
): Promise<PreparedMessage> {
  const { question: name, options: values, selectableCount } = input;
  const message = await prepareContent(context, input, { poll: { name, values, selectableCount } }, "poll");
  return { ...message, context: { ...message.context, poll: { options: values, selectableCount } } };
}

/** Prepares a message that Baileys makes from `content`. */
export async function prepareContent(
  context: SendContext,
  input: { to: string } & ExtrasInput,
  content: AnyMessageContent,
  type: string,
): Promise<PreparedMessage> {
  const jid = await resolveRecipient(context.sock, input.to);
  const extras = await extrasOf(context, jid, input);
  const message = await generate(context, jid, content, extras);
  return { jid, message, type, protoType: getContentType(message) ?? "", media: null, context: extras.context };
}

/** Returns the message that Baileys makes from `content`, with its extras. */
async function generate(
  context: SendContext,
  jid: string,
  content: AnyMessageContent,
  extras: MessageExtras,
): Promise<proto.IMessage> {
  const generation = { ...generationOptions(context), ...extras.options };
  const message = (await generateWAMessage(jid, content, generation)).message ?? {};
  // For a poll, Baileys puts the mentions next to the poll instead of into the poll, where clients do not read them.
  return withMentions(message, extras);
}

/** Adds the mentions of a message to its content. */
export function withMentions(message: proto.IMessage, extras: Pick<MessageExtras, "content">): proto.IMessage {
  const { mentions, mentionAll } = extras.content;
  return mentions || mentionAll
    ? withContextInfo(message, {
        ...(mentions && { mentionedJid: mentions }),
        ...(mentionAll && { nonJidMentions: 1 }),
      })
    : message;
}

/** Adds fields to the `contextInfo` of the message's content. */
function withContextInfo(message: proto.IMessage, info: proto.IContextInfo): proto.IMessage {
  const type = getContentType(message);
  if (!type) return message;
  const part = message[type] as { contextInfo?: proto.IContextInfo | null };
  return { ...message, [type]: { ...part, contextInfo: { ...part.contextInfo, ...info } } };
}

export async function forward(context: SendContext, input: CommandInput<"message.forward">): Promise<PreparedMessage> {
  const { db, instanceId, sock } = context;
  const source = await findForwardable(db, instanceId, input);
  const jid = await resolveRecipient(sock, input.to);
  const extras = await extrasOf(context, jid, input);
  const original = await contentOf(context, source);
  const score = Math.max(scoreOf(original), source.context?.forwarded?.score ?? 0) + 1;
  const asForwarded = (message: proto.IMessage) =>
    withContextInfo(message, { isForwarded: true, forwardingScore: score });
  const stored = { ...extras.context, forwarded: { score, channel: null } };
  if (source.type === "text") {
    const message = await generate(context, jid, { text: source.body, linkPreview: null }, extras);
    return {
      jid,
      message: asForwarded(message),
      type: "text",
      protoType: "extendedTextMessage",
      media: null,
      context: stored,
    };
  }
  const type = source.type as MediaKind;
  const voice = type === "audio" && isVoice(original, source.media?.mimetype);
  const file = {
    storageKey: source.media?.storageKey,
    kind: type,
    ...defined({
      voice: voice || undefined,
      gif: original?.videoMessage?.gifPlayback || undefined,
      round: source.protoType === "ptvMessage" || undefined,
      caption: source.body || undefined,
      filename: source.media?.filename || undefined,
    }),
  };
  const sent = await sendFile(context, jid, extras, file);
  return { ...sent, message: asForwarded(sent.message), context: stored };
}

/**
 * Returns whether a file is a voice note. Messages of others are not stored, so their Ogg and Opus files count as voice
 * notes.
 */
function isVoice(original: proto.IMessage | undefined, mimetype: string | null | undefined): boolean {
  return original?.audioMessage ? original.audioMessage.ptt === true : /ogg|opus/.test(mimetype ?? "");
}

/**
 * Returns how often the message was forwarded. From 5 on, clients show "Forwarded many times" (WhatsApp help, "About
 * forwarding limits").
 */
function scoreOf(message: proto.IMessage | undefined): number {
  const type = message && getContentType(message);
  if (!type) return 0;
  return (message[type] as { contextInfo?: proto.IContextInfo | null } | null)?.contextInfo?.forwardingScore ?? 0;
}

/** Format version of `star` entries in the app state, as WhatsApp Web writes them. */
const starVersion = 2;

export async function star(
  context: MutationContext,
  input: CommandInput<"message.star">,
): Promise<CommandOutput<"message.star">> {
  const { waId, chatId, fromMe, senderId } = await find(context, input);
  // Not Baileys' `star`, which omits the author. Without the author, phones do not find a message in a group.
  const author = isGroupJid(chatId) && !fromMe ? senderId : "0";
  await patchAppState(context.sock, "regular_low", () =>
    context.sock.appPatch({
      syncAction: { starAction: { starred: input.star }, timestamp: Date.now() },
      index: ["star", chatId, waId, fromMe ? "1" : "0", author],
      type: "regular_low",
      apiVersion: starVersion,
      operation: proto.SyncdMutation.SyncdOperation.SET,
    }),
  );
  return {};
}
