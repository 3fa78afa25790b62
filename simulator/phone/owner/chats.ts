import { chatActions } from "../../model/chat-action.ts";
import type { proto } from "../../wire/baileys.ts";
import { readContent } from "../../wire/content.ts";
import { isGroupJid, toJid } from "../../wire/jid.ts";
import type { Phone } from "../phone.ts";

/** The state of a chat that the phone shows. */
export type PhoneChat = {
  /** JID, as in the app state. */
  id: string;
  archived: boolean;
  pinned: boolean;
  /** When the mute ends, in milliseconds since the epoch; -1 without an end. Undefined if the chat is not muted. */
  mutedUntil: number | undefined;
  markedUnread: boolean;
};

/** Returns the chats whose state was ever changed. An archived chat is not pinned. */
export function chatsOf(phone: Phone): PhoneChat[] {
  const ids = phone.appState.entries.flatMap(({ index: [action = "", id] }) =>
    action in chatActions && id ? [id] : [],
  );
  return [...new Set(ids)].map((id) => chatOf(phone, id));
}

/**
 * Returns the state of a chat, which is given by its JID as in the app state. A chat that was deleted has no state from
 * before, and one that got a new message is not archived if the owner has set so. The app state doesn't say either.
 */
export function chatOf(phone: Phone, id: string): PhoneChat {
  const { appState } = phone;
  const deletedAt = Number(appState.get("deleteChat", id, "1")?.timestamp ?? -1);
  const entry = (action: string) => {
    const value = appState.get(action, id);
    return Number(value?.timestamp ?? 0) > deletedAt ? value : undefined;
  };
  const { archiveChatAction: archive } = entry("archive") ?? {};
  const archived = (archive?.archived ?? false) && !hasReturned(phone, id, archive?.messageRange);
  const mute = entry("mute")?.muteAction;
  return {
    id,
    archived,
    pinned: (entry("pin_v1")?.pinAction?.pinned ?? false) && !archived,
    mutedUntil: mute?.muted ? Number(mute.muteEndTimestamp ?? -1) : undefined,
    markedUnread: entry("markChatAsRead")?.markChatAsReadAction?.read === false,
  };
}

/** What WhatsApp's apps don't show as a message of its own. Source: `isRealMessage` in Baileys' Utils/process-message.js. */
const notMessages = new Set(["edit", "revoke", "protocol", "reaction", "pollUpdate", "empty"]);

/** Whether an archived chat has got a message since, and the owner doesn't keep such chats archived. */
function hasReturned(phone: Phone, id: string, range: Range | null | undefined): boolean {
  const setting = phone.appState.get("setting_unarchiveChats");
  if (!setting?.unarchiveChatsSetting?.unarchiveChats) return false;
  const setAt = Math.floor(Number(setting.timestamp) / 1000);
  return knownOf(phone, chatJidOf(phone, id)).some(
    ({ id: messageId, timestamp, counts }) =>
      counts &&
      timestamp >= Math.max(setAt, Number(range?.lastMessageTimestamp ?? 0)) &&
      !range?.messages?.some(({ key }) => key?.id === messageId),
  );
}

/** A message of a chat. `counts`: it is a message of its own, or a reaction of another person to a message of the owner. */
type Known = { id: string; fromMe: boolean; fromLid: string; timestamp: number; counts: boolean };

/** Returns the messages of a chat, received and sent, in the order of their times. */
function knownOf(phone: Phone, chat: string): Known[] {
  const received = phone.inbox.messages
    .filter((message) => message.chat === chat)
    .map(({ id, kind, fromMe, fromLid, timestamp, refersTo }) => {
      const isReaction = kind === "reaction" && phone.sent.get(refersTo ?? "") !== undefined;
      return { id, fromMe, fromLid, timestamp, counts: isReaction || !notMessages.has(kind) };
    });
  const sent = [...phone.sent.values()]
    .filter((message) => message.to === chat && message.sentAt !== undefined)
    .map(({ id, message, sentAt = 0 }) => {
      const timestamp = Math.floor(sentAt / 1000);
      return { id, fromMe: true, fromLid: "", timestamp, counts: !notMessages.has(readContent(message).kind) };
    });
  return [...received, ...sent].sort((a, b) => a.timestamp - b.timestamp);
}

const chatJidOf = (phone: Phone, id: string) => (isGroupJid(id) ? id : (phone.world.accountOf(id)?.pnJid ?? id));

type Range = proto.SyncActionValue.ISyncActionMessageRange;

/** Sets "Keep chats archived", which is on at first. Source: `IndexSettingUnarchiveChats` in whatsmeow's appstate/keys.go. */
export function keepArchived(phone: Phone, keeps: boolean): void {
  const value = { unarchiveChatsSetting: { unarchiveChats: !keeps } };
  phone.appState.set("regular_low", ["setting_unarchiveChats"], value, 4);
}

/**
 * Archives a chat and unpins it, or takes it out of the archive. Source: `BuildArchive` in whatsmeow's appstate/encode.go.
 * @param chat a phone number, or the JID of an account or group; the app state contains this JID as given
 */
export function archiveChat(phone: Phone, chat: string, archived = true): void {
  const id = existing(phone, chat);
  set(phone, "archive", [id], { archiveChatAction: { archived, messageRange: rangeOf(phone, id) } });
  if (archived) set(phone, "pin_v1", [id], { pinAction: { pinned: false } });
}

export function pinChat(phone: Phone, chat: string, pinned = true): void {
  set(phone, "pin_v1", [existing(phone, chat)], { pinAction: { pinned } });
}

/** @param until milliseconds since the epoch, -1 for a mute without an end, or null to unmute */
export function muteChat(phone: Phone, chat: string, until: number | null): void {
  const muted = until !== null;
  set(phone, "mute", [existing(phone, chat)], { muteAction: { muted, ...(muted && { muteEndTimestamp: until }) } });
}

/** Marks a chat as read or unread in the list of chats. This sends no read receipts. */
export function markChat(phone: Phone, chat: string, read: boolean): void {
  const id = existing(phone, chat);
  set(phone, "markChatAsRead", [id], { markChatAsReadAction: { read, messageRange: rangeOf(phone, id) } });
}

/** Removes the messages of a chat, or deletes the chat with them. Other people keep them. */
export function clearChat(phone: Phone, chat: string, options: { delete?: boolean } = {}): void {
  const id = existing(phone, chat);
  const messageRange = rangeOf(phone, id);
  if (options.delete) set(phone, "deleteChat", [id, "1"], { deleteChatAction: { messageRange } });
  else set(phone, "clearChat", [id, "1", "0"], { clearChatAction: { messageRange } });
}

/**
 * Returns the messages of a chat that the phone shows: those that are not in the range of the last time that it was cleared
 * or deleted. In the last second of a range are only the messages that it names, so that a later message of the same second
 * stays.
 */
export function messagesOf(phone: Phone, id: string) {
  const { appState } = phone;
  const ranges = [
    appState.get("clearChat", id, "1", "0")?.clearChatAction?.messageRange,
    appState.get("deleteChat", id, "1")?.deleteChatAction?.messageRange,
  ];
  const isGone = (message: { id: string; timestamp: number }) =>
    ranges.some(
      (range) =>
        message.timestamp < Number(range?.lastMessageTimestamp ?? 0) ||
        range?.messages?.some(({ key }) => key?.id === message.id),
    );
  const chat = chatJidOf(phone, id);
  return phone.inbox.messages.filter((message) => message.chat === chat && !isGone(message));
}

function existing(phone: Phone, chat: string): string {
  const jid = toJid(chat);
  if (isGroupJid(jid) ? !phone.world.groups.has(jid) : !phone.world.accountOf(jid))
    throw new Error(`${chat} is not on WhatsApp`);
  return jid;
}

function set(phone: Phone, action: keyof typeof chatActions, index: string[], value: proto.ISyncActionValue): void {
  const { collection, version } = chatActions[action];
  phone.appState.set(collection, [action, ...index], value, version);
}

/** Returns the range of all messages of a chat that the phone knows. It names those of the last second. */
function rangeOf(phone: Phone, id: string): Range {
  const chat = chatJidOf(phone, id);
  const known = knownOf(phone, chat);
  const timestamp = known.at(-1)?.timestamp ?? Math.floor(phone.world.clock() / 1000);
  const last = known.filter((message) => message.timestamp === timestamp);
  const messages = last.map(({ id: messageId, fromMe, fromLid }) => ({
    key: { remoteJid: id, id: messageId, fromMe, ...(isGroupJid(id) && !fromMe ? { participant: fromLid } : {}) },
    timestamp,
  }));
  return { lastMessageTimestamp: timestamp, messages };
}

/** Returns the timer for disappearing messages that the phone knows of a chat with one person, in seconds, or undefined. */
export const timerOf = (phone: Phone, chat: string): number | undefined =>
  phone.timers.entries().find(([id]) => id === chat)?.[1].seconds;
