import { noticeTypes } from "../../../core/message/notice.ts";
import { isChannelJid } from "../../../core/message/recipient.ts";
import { statusChat } from "../../../core/message/status.ts";

const notices = new Set(noticeTypes);

/** What counts as a message of a chat in the list of chats. */
type Counted = { fromMe: boolean; chatId: string; type: string };

/**
 * Whether a new message counts as unread in its chat. Own messages, reactions and notices don't count, as in
 * `shouldIncrementChatUnread` and `isRealMessage` of Baileys' Utils/process-message.js. Status posts and channels are not
 * in the list of chats that the phone reads: WhatsApp doesn't report that the owner has read them.
 */
export const countsAsUnread = (message: Counted): boolean => !message.fromMe && isRealMessage(message);

/** Whether WhatsApp's apps show a message as a message of its own in a chat of the list of chats. */
export const isRealMessage = ({ chatId, type }: Omit<Counted, "fromMe">): boolean =>
  chatId !== statusChat && !isChannelJid(chatId) && !notices.has(type);
