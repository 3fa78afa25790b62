import type { HistoryCursor } from "../../core/history/history.sql.ts";

/** A decompressed part of the history on the disk, to read from a position. */
export type DecodeJob =
  | { name: "outline"; path: string; from: number }
  | { name: "messages"; path: string; from: HistoryCursor };

/** A slice of everything but the messages. */
export interface OutlineSlice {
  /** A `HistorySync` with chats, push names and numbers of LIDs. Base64. */
  history: string;
  /** Where the next slice begins. Null after the last one. */
  next: number | null;
}

export interface HistoryMessage {
  /** JID of the chat, as the phone states it. */
  chat: string;
  /** An encoded `WebMessageInfo`. Base64. */
  info: string;
  /** Whether it is a received message that the owner has not read. */
  unread: boolean;
}

/** A slice of the messages of the chats. */
export interface MessageSlice {
  messages: HistoryMessage[];
  /** Where the next slice begins. Null after the last one. */
  next: HistoryCursor | null;
}

export interface DecodeResults {
  outline: OutlineSlice;
  messages: MessageSlice;
}
