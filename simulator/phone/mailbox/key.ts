import type { proto } from "../../wire/baileys.ts";
import { userJid } from "../../wire/jid.ts";
import type { InboxMessage } from "./inbox.ts";
import type { SentMessage } from "./sent.ts";

/** A message that something can be about. */
export type Target = InboxMessage | SentMessage;

/** Returns the chat of a message: the phone-number JID of an account, or the JID of a group, channel or broadcast. */
export const chatOf = (message: Target): string => ("chat" in message ? message.chat : message.to);

/** Returns WhatsApp's key of a message, from the view of this phone. */
export function messageKeyOf(message: Target): proto.IMessageKey {
  if (!("replyTo" in message)) return { remoteJid: message.address, id: message.id, fromMe: true };
  const { to, participant } = message.replyTo;
  const key = { remoteJid: userJid(to), id: message.id, fromMe: message.fromMe };
  return participant ? { ...key, participant: userJid(participant) } : key;
}
