/** The account, by its JID with the phone number and its LID. */
type Account = { id: string; lid: string | null };

/** The messages of a chat that a change covers. Times are ISO 8601. */
export interface MessageEnd {
  /** Messages that were sent up to this time. */
  through: string;
  /** Of these, only messages that the gateway had stored at this time. Absent for all. */
  storedUntil?: string;
  /** WhatsApp's ids of further messages that it covers. */
  waIds: string[];
}

/** Changes of the state of a chat in WhatsApp's app state. Absent fields stay unchanged. Times are ISO 8601. */
export interface ChatState {
  archived?: boolean;
  /** The messages that an archived chat had when it was archived. */
  archivedThrough?: MessageEnd;
  /** Whether a message that is newer takes the chat out of the archive. This is a setting of the account. */
  unarchives?: boolean;
  /** Null if the chat is not pinned. */
  pinnedAt?: string | null;
  /** The end of the mute, or `infinity`. Null if the chat is not muted. */
  mutedUntil?: string | null;
  markedUnread?: boolean;
  /** The messages to mark as read. */
  readThrough?: MessageEnd;
  /** Set if these messages keep `read_at`. The API sets it for each message for which it sends a receipt. */
  keepsReadAt?: true;
  /** The messages to remove from the chat. */
  clearedThrough?: MessageEnd;
  /** Whether the chat itself is deleted too. */
  deleted?: boolean;
}

/** A change of the state of a chat, on the phone or through the API. */
export interface ChatFact extends ChatState {
  /** JID of the chat, as in `messages`. */
  chatId: string;
  /** The JID of the chat in the app state, which can be the LID. */
  stateJid: string;
  /** The account. */
  by: Account | null;
  /** `sync`: the first reading of the app state, which is not announced. */
  source: "phone" | "api" | "sync";
  at: string;
}

/**
 * A message or reaction that takes its chat out of the archive, unless the chat was archived with it. Recorded only for
 * accounts whose setting says so.
 */
export interface Unarchival {
  /** All JIDs of the chat. Null for a message of the account: the chat is that of the stored message. */
  chatIds: readonly string[] | null;
  /** WhatsApp's id of the message. */
  waId: string;
  /** When it was sent. ISO 8601. */
  at: string;
  /** Set for a message of the history, which is not announced. */
  imported?: true;
}

/** A report that the owner read messages on another device. It also covers all earlier messages of the chat. */
export interface ReadReport {
  /** All JIDs of the chat. */
  chatIds: readonly string[];
  /** WhatsApp's ids of the messages. */
  waIds: readonly string[];
  by: Account | null;
  at: string;
}
