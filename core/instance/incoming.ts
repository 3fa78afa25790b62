import { isChannelJid, isGroupJid } from "../message/recipient.ts";
import { statusChat } from "../message/status.ts";
import type { AutoRead, IgnoreRules } from "./instance.sql.ts";

/** Where a message was sent. */
export interface Place {
  /** All known JIDs of the chat. */
  chatIds: readonly string[];
  /** Whether a person sent it to a broadcast list. It then belongs to the chat with that person. */
  isBroadcast: boolean;
}

/** Whether messages of a place are neither stored nor told. */
export function isIgnored(rules: IgnoreRules | null, { chatIds, isBroadcast }: Place): boolean {
  if (!rules) return false;
  return (
    (rules.groups && chatIds.some(isGroupJid)) ||
    (rules.statuses && chatIds.includes(statusChat)) ||
    (rules.channels && chatIds.some(isChannelJid)) ||
    (rules.broadcasts && isBroadcast) ||
    rules.chats.some((chat) => chatIds.includes(chat))
  );
}

/** Whether received messages of a chat are marked as read when they arrive. */
export function isAutoRead(rules: AutoRead | null, chatId: string): boolean {
  if (!rules || isChannelJid(chatId)) return false;
  if (chatId === statusChat) return rules.statuses;
  return isGroupJid(chatId) ? rules.groups : rules.direct;
}

/** Whether a stanza or key names a broadcast list, which is not the chat of status posts. */
export const isBroadcastList = (jid: string | null | undefined): boolean =>
  Boolean(jid?.endsWith("@broadcast")) && jid !== statusChat;

/** A text for a person whose call is rejected. */
export interface CallAnswer {
  callId: string;
  /** JID to send the text to. */
  to: string;
  /** JIDs of the person. The first one identifies the person. */
  callers: readonly string[];
  text: string;
  /** No text is sent if the person got one in these hours. */
  afterHours: number;
}
