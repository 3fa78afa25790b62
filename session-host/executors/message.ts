import { generateWAMessage, type WASocket } from "@whiskeysockets/baileys";
import type { CommandInput } from "../../core/command/catalog/index.ts";
import { AppError } from "../../core/error.ts";
import { isChannelJid, isGroupJid, isLidJid } from "../../core/message/recipient.ts";
import { numbersOnWhatsApp } from "../baileys/address/usync.ts";
import { extrasOf } from "./message-extras.ts";
import type { PreparedMessage, SendContext } from "./types.ts";

export async function sendText(
  context: SendContext,
  input: CommandInput<"message.sendText">,
): Promise<PreparedMessage> {
  const jid = await resolveRecipient(context.sock, input.to);
  const extras = await extrasOf(context, jid, input);
  const { message } = await generateWAMessage(
    jid,
    // No link preview: a page is fetched only if the caller requests it (`message.sendLink`), not as a side effect of a
    // text.
    { text: input.text, linkPreview: null, ...extras.content },
    { ...generationOptions(context), ...extras.options },
  );
  return {
    jid,
    message: message ?? {},
    type: "text",
    protoType: "extendedTextMessage",
    media: null,
    context: extras.context,
  };
}

/** Returns the options for Baileys' `generateWAMessage`. */
export function generationOptions({ sock, waId }: SendContext) {
  return { userJid: sock.user?.id ?? "", messageId: waId, upload: sock.waUploadToServer };
}

/**
 * Returns WhatsApp's own JID of a recipient. Numbers of some countries have two spellings, and WhatsApp knows only one
 * of the spellings. A number that was looked up before is in the session's LID mapping and is not looked up again.
 * Throws `recipient_not_on_whatsapp`, and a temporary error if WhatsApp does not answer.
 */
export async function resolveRecipient(sock: WASocket, to: string): Promise<string> {
  if (isGroupJid(to) || isLidJid(to) || isChannelJid(to)) return to;
  if (await sock.signalRepository.lidMapping.getLIDForPN(to)) return to;
  const [answer] = await numbersOnWhatsApp(sock, [to]);
  if (!answer?.exists) {
    throw new AppError("recipient_not_on_whatsapp", `${to.split("@")[0]} is not on WhatsApp`, { data: { absent: to } });
  }
  return answer.jid;
}
