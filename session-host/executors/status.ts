import { areJidsSameUser, generateWAMessage } from "@whiskeysockets/baileys";
import type { CommandInput, CommandOutput } from "../../core/command/catalog/index.ts";
import { AppError } from "../../core/error.ts";
import { findMessage } from "../../core/message/find.ts";
import {
  assertAudience,
  type PostAudience,
  readAddressBook,
  type StatusRequest,
  statusChat,
} from "../../core/message/status.ts";
import { lookedUp } from "../baileys/look-up.ts";
import { jidOf } from "../baileys/send/devices.ts";
import { sendFile } from "./media.ts";
import { generationOptions } from "./message.ts";
import { remove } from "./message-action.ts";
import type { ExecutorResult } from "./result.ts";
import type { ConnectedContext, MutationContext, PreparedMessage, SendContext } from "./types.ts";

export async function sendText(context: SendContext, input: CommandInput<"status.sendText">): Promise<PreparedMessage> {
  const audience = await audienceOf(context, input);
  const { backgroundColor, font } = input;
  const { message } = await generateWAMessage(
    statusChat,
    { text: input.text, linkPreview: null },
    { ...generationOptions(context), backgroundColor, font },
  );
  return {
    jid: statusChat,
    message: message ?? {},
    type: "text",
    protoType: "extendedTextMessage",
    media: null,
    context: audience,
  };
}

export async function sendMedia(
  context: SendContext,
  input: CommandInput<"status.sendMedia">,
): Promise<PreparedMessage> {
  const audience = await audienceOf(context, input);
  const extras = { content: {}, options: {}, context: audience };
  return await sendFile(context, statusChat, extras, { ...input, voice: input.kind === "audio" });
}

export async function deletePost(
  context: MutationContext,
  { messageId }: CommandInput<"status.delete">,
): Promise<ExecutorResult<CommandOutput<"status.delete">>> {
  const row = await findMessage(context.db, context.instanceId, messageId, [statusChat]);
  if (!row.fromMe) throw new AppError("message_not_found", "the status post is not from this account");
  return await remove(context, { messageId, chat: statusChat });
}

/**
 * Returns the JIDs of the people who may see a status post: the contacts that the caller names, or the address book
 * without blocked contacts. `skipped` are those who can't be reached, because they have no LID. Throws `conflict` or
 * `recipient_not_on_whatsapp`.
 */
async function audienceOf(context: ConnectedContext, { statusJidList }: StatusRequest): Promise<PostAudience> {
  const audience = statusJidList ? [...new Set(statusJidList)] : await unblockedContacts(context);
  assertAudience(audience, "every contact in the address book is blocked");
  const { sock, recipients, addressing } = context;
  const { to, skipped } = await addressing.audience(audience);
  const devices = [...(await recipients.devices.of(to)).values()].flat().map(jidOf);
  const hasOthers = devices.some(
    (jid) => !areJidsSameUser(jid, sock.user?.id) && !areJidsSameUser(jid, sock.user?.lid),
  );
  if (!hasOthers)
    throw new AppError("recipient_not_on_whatsapp", "none of the contacts who may see the status post is on WhatsApp");
  if (skipped.length === 0) return { audience };
  return { audience: audience.filter((jid) => !skipped.includes(jid)), skipped };
}

/** Returns the contacts in the address book that are not blocked. */
async function unblockedContacts({ sock, db, instanceId }: ConnectedContext): Promise<string[]> {
  const people = await readAddressBook(db, instanceId);
  const blocked = new Set(await lookedUp("the block list", sock.fetchBlocklist()));
  return people.flatMap(({ jid, lid }) => (blocked.has(jid) || (lid && blocked.has(lid)) ? [] : [jid]));
}
