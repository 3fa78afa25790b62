import { generateWAMessage, type WASocket } from "@whiskeysockets/baileys";
import type { CommandInput } from "../../core/command/catalog/index.ts";
import { AppError } from "../../core/error.ts";
import { isChannelJid, isGroupJid, isLidJid } from "../../core/message/recipient.ts";
import { contextOf } from "./context.ts";
import type { PreparedMessage, SendContext } from "./types.ts";

export async function sendText(
  context: SendContext,
  input: CommandInput<"message.sendText">,
): Promise<PreparedMessage> {
  const jid = await resolveRecipient(context.sock, input.to);
  const said = await contextOf(context, jid, input);
  const { message } = await generateWAMessage(
    jid,
    // No link preview: to fetch what a caller's text links to is the caller's decision, not a side effect.
    { text: input.text, linkPreview: null, ...said.content },
    { ...generationOptions(context), ...said.options },
  );
  return {
    jid,
    message: message ?? {},
    type: "text",
    protoType: "extendedTextMessage",
    media: null,
    context: said.context,
  };
}

export function generationOptions({ sock, waId }: SendContext) {
  return { userJid: sock.user?.id ?? "", messageId: waId, upload: sock.waUploadToServer };
}

/**
 * WhatsApp's own JID for whom the caller means: some countries' numbers are written in two ways, and WhatsApp knows only
 * one. A number that was ever answered is in the session's LID mapping and is not asked for again.
 */
export async function resolveRecipient(sock: WASocket, to: string): Promise<string> {
  if (isGroupJid(to) || isLidJid(to) || isChannelJid(to)) return to;
  if (await sock.signalRepository.lidMapping.getLIDForPN(to)) return to;
  const [answer] = (await sock.onWhatsApp(to)) ?? [];
  if (!answer?.exists) {
    throw new AppError("recipient_not_on_whatsapp", `${to.split("@")[0]} is not on WhatsApp`, { data: { absent: to } });
  }
  return answer.jid;
}
