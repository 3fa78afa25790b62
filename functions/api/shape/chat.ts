import * as z from "zod";
import { type Chat, type ChatsRequest, chatKinds } from "../../../core/chat/index.ts";
import { labelId } from "../../../core/command/catalog/label.ts";
import { messageStatuses } from "../../../core/message/message.sql.ts";
import { isoDate, pageQuery, pageRequest, queryText } from "./common.ts";

const flag = (description: string) => z.enum(["true", "false"]).optional().meta({ description });

const { limit, skip } = pageQuery(50).shape;

/** The parameters of the list of chats. */
export const chatsQuery = z
  .object({
    limit,
    skip,
    cursor: queryText(400).optional().meta({ description: "the `nextCursor` of the page before, instead of `skip`" }),
    archived: flag("only archived chats, or only others"),
    pinned: flag("only pinned chats, or only others"),
    muted: flag("only muted chats, or only others"),
    unread: flag("only chats that have unread messages or are marked as unread, or only others"),
    type: z.enum(chatKinds).optional(),
    search: queryText(200).optional().meta({ description: "part of the name or of the phone number" }),
    labelId: labelId.optional().meta({ description: "only chats with this label" }),
    pinnedFirst: flag("whether pinned chats come first; default false"),
  })
  .refine((query) => query.cursor === undefined || query.skip === undefined, "give cursor or skip");

const isTrue = (text: "true" | "false" | undefined) => (text === undefined ? undefined : text === "true");

export const chatsRequest = (query: z.output<typeof chatsQuery>): ChatsRequest => ({
  ...pageRequest({ limit: query.limit, skip: query.skip }, 50),
  cursor: query.cursor,
  archived: isTrue(query.archived),
  pinned: isTrue(query.pinned),
  muted: isTrue(query.muted),
  unread: isTrue(query.unread),
  kind: query.type,
  search: query.search,
  label: query.labelId,
  pinnedFirst: isTrue(query.pinnedFirst),
});

const lastMessage = z.object({
  messageId: z.string(),
  fromMe: z.boolean(),
  type: z.string(),
  body: z.string(),
  status: z.enum(messageStatuses),
  timestamp: isoDate,
});

/** A chat in the list. */
export const listedChat = z.object({
  /** The JID of the chat. */
  id: z.string(),
  name: z.string(),
  isGroup: z.boolean(),
  /** The number of messages in the history. */
  messageCount: z.int(),
  lastMessage,
  /** The number of messages that were read neither on the phone nor through the API. Always 0 for a channel. */
  unreadCount: z.int(),
  /** Whether the owner marked the chat as unread. */
  markedUnread: z.boolean(),
  archived: z.boolean(),
  pinned: z.boolean(),
  pinnedAt: isoDate.nullable(),
  muted: z.boolean(),
  /** When the mute ends. Null if the chat is not muted, or muted without an end. */
  mutedUntil: isoDate.nullable(),
  /** Seconds after which messages disappear, 0 for never. Null if it is not known. */
  ephemeral: z.int().nullable(),
});

/** A chat on its own, which may have no messages. */
export const oneChat = listedChat.extend({ lastMessage: lastMessage.nullable() });

export const toChat = ({ last, ...chat }: Chat): z.input<typeof oneChat> => ({
  id: chat.id,
  name: chat.name,
  isGroup: chat.isGroup,
  messageCount: chat.messages,
  lastMessage: last && {
    messageId: last.waId,
    fromMe: last.fromMe,
    type: last.type,
    body: last.body,
    status: last.status,
    timestamp: last.sentAt,
  },
  unreadCount: chat.unread,
  markedUnread: chat.markedUnread,
  archived: chat.archived,
  pinned: chat.pinnedAt !== null,
  pinnedAt: chat.pinnedAt?.toISOString() ?? null,
  muted: chat.muted,
  mutedUntil: chat.mutedUntil?.toISOString() ?? null,
  ephemeral: chat.ephemeral,
});

/** A chat of the list is a chat with a message. */
export function toListedChats(chats: readonly Chat[]): z.input<typeof listedChat>[] {
  return chats.flatMap((chat) => {
    const { lastMessage: last, ...shown } = toChat(chat);
    return last ? [{ ...shown, lastMessage: last }] : [];
  });
}
