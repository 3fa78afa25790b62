import { closeSync, openSync } from "node:fs";
import type { HistoryCursor } from "../../core/history/history.sql.ts";
import type { HistoryMessage, MessageSlice, OutlineSlice } from "./decode-job.ts";
import { type Field, ProtobufFile } from "./protobuf.ts";

/** Numbers of fields in WhatsApp's protobuf (`WAProto.proto` of Baileys 7.0.0-rc14), by message. */
const HistorySync = { syncType: 1, conversations: 2, pushnames: 7, phoneNumberToLidMappings: 15 };
const Conversation = { id: 1, messages: 2, unreadCount: 6 };
const HistorySyncMsg = { message: 1 };
const WebMessageInfo = { key: 1, messageStubType: 24, userReceipt: 40 };
const MessageKey = { fromMe: 2 };

/**
 * The fields of a conversation that Baileys, the contacts or the timers need: id, ephemeralExpiration,
 * ephemeralSettingTimestamp, name, tcToken, tcTokenTimestamp, tcTokenSenderTimestamp, displayName, pnJid, lidJid,
 * username, accountLid.
 */
const kept = new Set([1, 9, 10, 13, 21, 22, 28, 38, 39, 42, 43, 49]);
/** `BIZ_PRIVACY_MODE_TO_FB` and `…_BSP`: system messages that have the verified name of a business. */
const businessStubs = new Set([128, 129]);

/** Bytes. A larger name or number is not valid, and a larger message is left out. */
const maxField = 4 * 1024;
const maxMessage = 512 * 1024;
/** The limits of a slice. */
const maxOutline = 128 * 1024;
const maxMessages = 100;
const maxMessageBytes = 1024 * 1024;

/** The position before the first message. */
export const start: HistoryCursor = { conversation: 0, message: 0, received: 0, chat: null };

const tag = (field: number) => varint(field * 8 + 2);

function varint(value: number): Buffer {
  const bytes = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) + 128);
  }
}

const embedded = (field: number, parts: readonly Buffer[]): Buffer => {
  const content = Buffer.concat(parts);
  return Buffer.concat([tag(field), varint(content.length), content]);
};

function withFile<Result>(path: string, read: (file: ProtobufFile) => Result): Result {
  const fd = openSync(path, "r");
  try {
    return read(new ProtobufFile(fd));
  } finally {
    closeSync(fd);
  }
}

/** Reads a slice of everything but the messages, from the offset of a field. Throws `MalformedHistory`. */
export function readOutline(path: string, from: number): OutlineSlice {
  return withFile(path, (file) => {
    const parts: Buffer[] = [];
    let size = 0;
    for (const field of file.fields(from, file.size)) {
      if (size >= maxOutline) return { history: Buffer.concat(parts).toString("base64"), next: field.at };
      const part = outlineOf(file, field);
      if (part) parts.push(part);
      size += part?.length ?? 0;
    }
    return { history: Buffer.concat(parts).toString("base64"), next: null };
  });
}

function outlineOf(file: ProtobufFile, field: Field): Buffer | undefined {
  switch (field.number) {
    case HistorySync.conversations:
      return conversationOutline(file, field);
    case HistorySync.pushnames:
    case HistorySync.phoneNumberToLidMappings:
      return field.end - field.at > maxField ? undefined : file.bytes(field.at, field.end);
    default:
      return undefined;
  }
}

function conversationOutline(file: ProtobufFile, conversation: Field): Buffer | undefined {
  const parts: Buffer[] = [];
  let hasId = false;
  let hasReceipt = false;
  for (const field of file.fields(conversation.start, conversation.end)) {
    if (field.number === Conversation.messages) {
      const message = messageOutline(file, field);
      if (!message || (message.isReceipt && hasReceipt)) continue;
      hasReceipt ||= message.isReceipt;
      parts.push(message.bytes);
    } else if (kept.has(field.number) && field.end - field.at <= maxField) {
      hasId ||= field.number === Conversation.id;
      parts.push(file.bytes(field.at, field.end));
    }
  }
  return hasId ? embedded(HistorySync.conversations, parts) : undefined;
}

/**
 * Returns what Baileys reads in a message of the history besides its content (7.0.0-rc14, `Utils/history.js`): the
 * verified name of a business, and the number of a LID in the receipt of a message of the account.
 */
function messageOutline(file: ProtobufFile, message: Field): { bytes: Buffer; isReceipt: boolean } | undefined {
  const info = infoIn(file, message);
  if (!info) return undefined;
  let key: Field | undefined;
  for (const field of file.fields(info.start, info.end)) {
    if (field.number === WebMessageInfo.key) key = field;
    if (field.number === WebMessageInfo.messageStubType && businessStubs.has(field.value)) {
      if (message.end - message.at > maxField) return undefined;
      return { bytes: file.bytes(message.at, message.end), isReceipt: false };
    }
    if (field.number === WebMessageInfo.userReceipt && key && isFromMe(file, key) && field.end - key.at <= maxField) {
      const parts = [file.bytes(key.at, key.end), file.bytes(field.at, field.end)];
      const bytes = embedded(Conversation.messages, [embedded(HistorySyncMsg.message, parts)]);
      return { bytes, isReceipt: true };
    }
  }
  return undefined;
}

function infoIn(file: ProtobufFile, message: Field): Field | undefined {
  return file.fields(message.start, message.end).find((field) => field.number === HistorySyncMsg.message);
}

function isFromMe(file: ProtobufFile, key: Field): boolean {
  return file.fields(key.start, key.end).some(({ number, value }) => number === MessageKey.fromMe && value === 1);
}

/** Reads a slice of the messages of the chats. Leaves out messages that are too large. Throws `MalformedHistory`. */
export function readMessages(path: string, from: HistoryCursor): MessageSlice {
  return withFile(path, (file) => {
    const messages: HistoryMessage[] = [];
    let cursor = from;
    let size = 0;
    for (const conversation of file.fields(from.conversation, file.size)) {
      if (conversation.number !== HistorySync.conversations) continue;
      if (conversation.at !== cursor.conversation) cursor = { ...start, conversation: conversation.at };
      const chat = cursor.chat ?? headOf(file, conversation);
      cursor = { ...cursor, chat };
      if (chat.id === "") continue;
      for (const field of file.fields(Math.max(conversation.start, cursor.message), conversation.end)) {
        const info = field.number === Conversation.messages ? infoIn(file, field) : undefined;
        const bytes = info ? info.end - info.start : 0;
        if (!info || bytes > maxMessage) continue;
        if (messages.length === maxMessages || size + bytes > maxMessageBytes)
          return { messages, next: { ...cursor, message: field.at } };
        const received = isReceived(file, info);
        const unread = received && cursor.received < chat.unread;
        messages.push({ chat: chat.id, info: file.bytes(info.start, info.end).toString("base64"), unread });
        size += bytes;
        if (received) cursor = { ...cursor, received: cursor.received + 1 };
      }
    }
    return { messages, next: null };
  });
}

function isReceived(file: ProtobufFile, info: Field): boolean {
  const key = file.fields(info.start, info.end).find(({ number }) => number === WebMessageInfo.key);
  return key !== undefined && !isFromMe(file, key);
}

/** Returns the JID of a conversation, which is empty if it is missing or too long, and its number of unread messages. */
function headOf(file: ProtobufFile, conversation: Field): { id: string; unread: number } {
  const head = { id: "", unread: 0 };
  for (const field of file.fields(conversation.start, conversation.end)) {
    if (field.number === Conversation.id && field.end - field.start <= maxField)
      head.id = file.bytes(field.start, field.end).toString();
    if (field.number === Conversation.unreadCount) head.unread = field.value;
  }
  return head;
}
