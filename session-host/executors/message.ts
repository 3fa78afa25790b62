import type { WASocket } from "@whiskeysockets/baileys";
import { AppError } from "../../core/error.ts";
import { isChannelJid, isGroupJid, isLidJid } from "../../core/message/recipient.ts";
import { numbersOnWhatsApp } from "../baileys/address/usync.ts";
import type { SendContext } from "./types.ts";

/** How long an upload to WhatsApp's servers may stand still. Milliseconds. */
export const uploadIdleMs = 60_000;

/** Returns the options for Baileys' `generateWAMessage`. */
export function generationOptions({ sock, waId }: SendContext) {
  const upload = sock.waUploadToServer;
  return { userJid: sock.user?.id ?? "", messageId: waId, upload, mediaUploadTimeoutMs: uploadIdleMs };
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
