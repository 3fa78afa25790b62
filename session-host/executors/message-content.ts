import { type AnyMessageContent, generateWAMessage, getContentType, proto } from "@whiskeysockets/baileys";
import type { CommandInput, CommandOutput } from "../../core/command/catalog/index.ts";
import { findForwardable } from "../../core/message/forward.ts";
import { isGroupJid } from "../../core/message/recipient.ts";
import { contentOf, contextOf, type SaidBesides } from "./context.ts";
import { sendFile } from "./media.ts";
import { generationOptions, resolveRecipient } from "./message.ts";
import { find } from "./message-action.ts";
import type { MutationContext, PreparedMessage, SendContext } from "./types.ts";

export async function sendLocation(
  context: SendContext,
  input: CommandInput<"message.sendLocation">,
): Promise<PreparedMessage> {
  const { latitude, longitude, name, address } = input;
  const location = {
    degreesLatitude: latitude,
    degreesLongitude: longitude,
    ...(name === undefined ? {} : { name }),
    ...(address === undefined ? {} : { address }),
  };
  return await prepared(context, input, { location }, "location");
}

export async function sendContact(
  context: SendContext,
  input: CommandInput<"message.sendContact">,
): Promise<PreparedMessage> {
  // As WhatsApp's own apps name several; one stands under its own name.
  const contacts = { displayName: `${input.contacts.length} contacts`, contacts: input.contacts };
  return await prepared(context, input, { contacts }, "contact");
}

export async function sendPoll(
  context: SendContext,
  input: CommandInput<"message.sendPoll">,
): Promise<PreparedMessage> {
  const { question: name, options: values, selectableCount } = input;
  const message = await prepared(context, input, { poll: { name, values, selectableCount } }, "poll");
  return { ...message, context: { ...message.context, poll: { options: values, selectableCount } } };
}

type Besides = Parameters<typeof contextOf>[2];

export async function prepared(
  context: SendContext,
  input: { to: string } & Besides,
  content: AnyMessageContent,
  type: string,
): Promise<PreparedMessage> {
  const jid = await resolveRecipient(context.sock, input.to);
  const said = await contextOf(context, jid, input);
  const message = await generated(context, jid, content, said);
  return { jid, message, type, protoType: getContentType(message) ?? "", media: null, context: said.context };
}

async function generated(
  context: SendContext,
  jid: string,
  content: AnyMessageContent,
  said: SaidBesides,
): Promise<proto.IMessage> {
  const generation = { ...generationOptions(context), ...said.options };
  const message = (await generateWAMessage(jid, content, generation)).message ?? {};
  // Baileys would put the mentions of a poll beside the poll, where nobody looks for them.
  return said.content.mentions ? withContextInfo(message, { mentionedJid: said.content.mentions }) : message;
}

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
  const said = await contextOf(context, jid, input);
  const marked = (message: proto.IMessage, before: proto.IMessage | undefined) =>
    withContextInfo(message, { isForwarded: true, forwardingScore: scoreOf(before) + 1 });
  const original = await contentOf(context, source);
  if (source.type === "text") {
    const message = await generated(context, jid, { text: source.body, linkPreview: null }, said);
    return {
      jid,
      message: marked(message, original),
      type: "text",
      protoType: "extendedTextMessage",
      media: null,
      context: said.context,
    };
  }
  const type = source.type as "image" | "video" | "audio" | "document";
  const voice = type === "audio" && isVoice(original, source.media?.mimetype);
  const file = {
    kept: source.media?.storageKey,
    kind: type,
    ...(voice ? { voice } : {}),
    ...(source.body === "" ? {} : { caption: source.body }),
    ...(source.media?.filename ? { filename: source.media.filename } : {}),
  };
  const sent = await sendFile(context, jid, said, file);
  return { ...sent, message: marked(sent.message, original) };
}

/** Of others' messages it is not kept; people's Ogg/Opus are voice notes. */
function isVoice(original: proto.IMessage | undefined, mimetype: string | null | undefined): boolean {
  return original?.audioMessage ? original.audioMessage.ptt === true : /ogg|opus/.test(mimetype ?? "");
}

/** How often it had been forwarded: WhatsApp tells of it from 5 on. */
function scoreOf(message: proto.IMessage | undefined): number {
  const type = message && getContentType(message);
  if (!type) return 0;
  return (message[type] as { contextInfo?: proto.IContextInfo | null } | null)?.contextInfo?.forwardingScore ?? 0;
}

/** The format of `star` entries in the app state, as WhatsApp Web writes them. */
const starVersion = 2;

export async function star(
  context: MutationContext,
  input: CommandInput<"message.star">,
): Promise<CommandOutput<"message.star">> {
  const { waId, chatId, fromMe, senderId } = await find(context, input);
  // Baileys' own `star` leaves the author away, without whom phones do not find a message of a group.
  const author = isGroupJid(chatId) && !fromMe ? senderId : "0";
  await context.sock.appPatch({
    syncAction: { starAction: { starred: input.star } },
    index: ["star", chatId, waId, fromMe ? "1" : "0", author],
    type: "regular_low",
    apiVersion: starVersion,
    operation: proto.SyncdMutation.SyncdOperation.SET,
  });
  return {};
}
