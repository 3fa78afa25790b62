import { isChannelJid } from "../../../core/message/recipient.ts";
import { statusChat } from "../../../core/message/status.ts";

/** Types of rows that WhatsApp's apps show as a notice, or not as a message of their own. */
const notices = new Set([
  ...["reaction", "limitSharing", "memberLabel", "sharedHistory", "statusMention", "statusNotification"],
  "pollResult",
]);

/**
 * Whether a new message counts as unread in its chat. Own messages, reactions and notices don't count, as in
 * `shouldIncrementChatUnread` and `isRealMessage` of Baileys' Utils/process-message.js. Status posts and channels are not
 * in the list of chats that the phone reads: WhatsApp doesn't report that the owner has read them.
 */
export const countsAsUnread = ({ fromMe, chatId, type }: { fromMe: boolean; chatId: string; type: string }): boolean =>
  !fromMe && chatId !== statusChat && !isChannelJid(chatId) && !notices.has(type);
