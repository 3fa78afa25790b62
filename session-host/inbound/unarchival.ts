import type { AuthenticationCreds } from "@whiskeysockets/baileys";
import type { Unarchival } from "../../core/chat/fact.ts";
import type { Change } from "../ledger/change.ts";
import { isRealMessage } from "./message/unread.ts";

type Settings = Pick<AuthenticationCreds, "accountSettings">;

/** Whether the owner has switched "Keep chats archived" off. The phone tells it in the app state. */
export const unarchivesChats = ({ accountSettings }: Settings): boolean => accountSettings?.unarchiveChats === true;

/**
 * Adds to a change which of its messages take their chats out of the archive: messages in both directions, and reactions to
 * messages of the account. Every device works this out on its own, without a change of the app state.
 * Source: Baileys, Utils/process-message.js (`accountSettings?.unarchiveChats`).
 */
export function withUnarchivals(change: Change, creds: Settings): Change {
  if (!unarchivesChats(creds)) return change;
  const messages = (change.messages ?? [])
    .filter(({ chat_id: chatId, type }) => isRealMessage({ chatId, type }))
    .map(({ chat_id: chatId, wa_id: waId, sent_at: at, imported }) => ({
      ...{ chatIds: [chatId], waId, at },
      ...(imported && { imported }),
    }));
  const reactions = (change.reactions ?? [])
    .filter(({ author, emoji, fromMe, imported }) => author?.fromMe && emoji && !fromMe && !imported)
    .map(({ chatIds, reactionId: waId, at }): Unarchival => ({ chatIds, waId, at: at.toISOString() }));
  const unarchivals = [...messages, ...reactions];
  return unarchivals.length > 0 ? { ...change, unarchivals } : change;
}

/** The same for a message of the API that WhatsApp has acknowledged. */
export const unarchivalOf = (waId: string, now: Date, creds: Settings): Pick<Change, "unarchivals"> =>
  unarchivesChats(creds) ? { unarchivals: [{ chatIds: null, waId, at: now.toISOString() }] } : {};
