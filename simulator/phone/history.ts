import { deflateSync } from "node:zlib";
import type { Account } from "../model/account.ts";
import type { World } from "../model/world.ts";
import { proto } from "../wire/baileys.ts";
import { LID_SERVER } from "../wire/jid.ts";
import { sealMedia } from "../wire/media.ts";
import { newMessageId } from "./mailbox/message-id.ts";

/** A chat in the history that a phone sends to a newly linked device. */
export type HistoryChat = {
  /** Phone number (digits only) or JID of the other account, or the JID of a group. */
  with: string;
  /** User part of the LID of a number that is no phone of the simulator. The chat then has the JID of the LID. */
  lid?: string;
  name?: string;
  unread?: number;
  /** The timer for disappearing messages, in seconds. */
  timer?: number;
  messages: HistoryMessage[];
};

export type HistoryMessage = {
  text: string;
  /** The content, instead of a text. */
  message?: proto.IMessage;
  fromMe?: boolean;
  /** Seconds since the epoch. */
  timestamp: number;
  id?: string;
  /** The author's phone number. Only in a group. */
  author?: string;
  /** An emoji with which the account reacted to the message. */
  reaction?: string;
};

/** A history with texts that are generated: so many messages in so many chats, spread evenly over so many days. */
export type GeneratedHistory = { chats: number; messages: number; days: number };

/** Whether the history is a file on the media host or part of the notification. Clients accept both. */
export type HistoryTransport = "blob" | "inline";

/** Returns the chats of a generated history. Every second chat has the JID of a LID. `now` is in milliseconds. */
export function generateHistory({ chats, messages, days }: GeneratedHistory, now: number): HistoryChat[] {
  const stepSeconds = (days * 24 * 60 * 60) / messages;
  return Array.from({ length: chats }, (_, chat) => ({
    with: String(491_700_000_000 + chat),
    ...(chat % 2 === 1 && { lid: String(880_000_000_000 + chat) }),
    name: `Chat ${chat}`,
    messages: Array.from({ length: Math.ceil((messages - chat) / chats) }, (_, index) => {
      const place = index * chats + chat;
      return {
        text: `message ${place} of the history`,
        fromMe: index % 3 === 2,
        timestamp: Math.floor(now / 1000 - (place + 1) * stepSeconds),
        id: `HIST${place}`,
      };
    }),
  }));
}

function conversation(world: World, owner: Account, chat: HistoryChat): proto.IConversation {
  const account = chat.with.includes("@") ? world.accountOf(chat.with) : world.accounts.get(chat.with);
  const jid = chat.with.includes("@") ? chat.with : `${chat.with}@s.whatsapp.net`;
  const lidJid = account?.lidJid ?? (chat.lid && `${chat.lid}@lid`);
  const id = lidJid ?? jid;
  const messages = [...chat.messages]
    .sort((a, b) => b.timestamp - a.timestamp)
    .map((message) => {
      const author = message.author ? world.accounts.get(message.author)?.jid(LID_SERVER) : undefined;
      return {
        message: {
          key: {
            remoteJid: id,
            fromMe: message.fromMe ?? false,
            id: message.id ?? newMessageId(),
            participant: author,
          },
          message: message.message ?? { conversation: message.text },
          messageTimestamp: message.timestamp,
          status: proto.WebMessageInfo.Status.READ,
          ...(message.reaction && {
            reactions: [
              {
                key: { remoteJid: id, fromMe: true, id: newMessageId() },
                text: message.reaction,
                senderTimestampMs: message.timestamp * 1000 + 500,
              },
            ],
          }),
        },
      };
    });
  return {
    id,
    name: chat.name,
    pnJid: account?.pnJid ?? (chat.lid && jid),
    lidJid,
    unreadCount: chat.unread ?? 0,
    ...(chat.timer && { ephemeralExpiration: chat.timer, ephemeralSettingTimestamp: Math.floor(world.clock() / 1000) }),
    // Only a contact that has written in the chat has issued a token.
    ...(account &&
      chat.messages.some(({ fromMe }) => !fromMe) && {
        tcToken: world.privacyToken(account, owner),
        tcTokenTimestamp: Number(world.seconds),
      }),
    conversationTimestamp: messages[0]?.message.messageTimestamp ?? 0,
    messages: messages as proto.IHistorySyncMsg[],
  } as proto.IConversation;
}

const { INITIAL_BOOTSTRAP, RECENT, FULL, PUSH_NAME } = proto.HistorySync.HistorySyncType;

/** A notification of the history, and how much of its type is sent with it, in percent. */
type Part = { syncType: proto.HistorySync.HistorySyncType; chats: HistoryChat[]; chunkOrder: number; progress: number };

/** Newest messages of each chat in `INITIAL_BOOTSTRAP`. */
const INITIAL_MESSAGES = 20;
/** Messages in a part of type `RECENT` or `FULL`. */
const PART_MESSAGES = 500;
/** `RECENT` has the messages of about three months. Source: `request_full_sync` in mautrix-whatsapp's example-config.yaml. */
const RECENT_DAYS = 90;

/**
 * Divides the history as a phone does: the newest messages of each chat, then the messages of three months and, for a
 * client that requires a full sync, the older ones. Source: `HistorySyncType` in WhatsApp's protobuf, and the states in
 * Baileys' Socket/chats.ts, which expect `progress` 100 with the last part of a type.
 */
function partsOf(chats: HistoryChat[], requireFullSync: boolean, now: number): Part[] {
  const rest = chats.map((chat) => ({
    ...chat,
    messages: chat.messages.toSorted((a, b) => b.timestamp - a.timestamp).slice(INITIAL_MESSAGES),
  }));
  const recentFrom = now / 1000 - RECENT_DAYS * 24 * 60 * 60;
  const newest = chats.map((chat) => ({
    ...chat,
    messages: chat.messages.toSorted((a, b) => b.timestamp - a.timestamp).slice(0, INITIAL_MESSAGES),
  }));
  return [
    { syncType: INITIAL_BOOTSTRAP, chats: newest, chunkOrder: 1, progress: 100 },
    ...chunked(
      RECENT,
      keep(rest, ({ timestamp }) => timestamp >= recentFrom),
    ),
    ...(requireFullSync
      ? chunked(
          FULL,
          keep(rest, ({ timestamp }) => timestamp < recentFrom),
        )
      : []),
  ];
}

const keep = (chats: HistoryChat[], matches: (message: HistoryMessage) => boolean): HistoryChat[] =>
  chats
    .map((chat) => ({ ...chat, messages: chat.messages.filter(matches) }))
    .filter(({ messages }) => messages.length > 0);

/** Returns parts of at most `PART_MESSAGES` messages, and one empty part if there are no messages. */
function chunked(syncType: proto.HistorySync.HistorySyncType, chats: HistoryChat[]): Part[] {
  const chunks: HistoryChat[][] = [[]];
  let room = PART_MESSAGES;
  for (const chat of chats) {
    for (let from = 0; from < chat.messages.length; ) {
      const messages = chat.messages.slice(from, from + room);
      chunks.at(-1)?.push({ ...chat, messages });
      from += messages.length;
      room -= messages.length;
      if (room > 0) continue;
      chunks.push([]);
      room = PART_MESSAGES;
    }
  }
  const filled = chunks.filter((chunk, index) => index === 0 || chunk.length > 0);
  return filled.map((chunk, index) => {
    const progress = Math.floor((100 * (index + 1)) / filled.length);
    return { syncType, chats: chunk, chunkOrder: index + 1, progress };
  });
}

/**
 * Yields the history notifications for a new device. With the transport `blob`, stores each part on the media host. A
 * phone without chats sends only `INITIAL_BOOTSTRAP`, in the notification. Source: Baileys' Utils/history.ts.
 */
export function* historyNotices(
  world: World,
  account: Account,
  { chats, transport }: { chats: HistoryChat[]; transport: HistoryTransport },
  requireFullSync: boolean,
): Generator<proto.IMessage> {
  const parts = partsOf(chats, requireFullSync, world.clock()).slice(0, chats.length === 0 ? 1 : undefined);
  for (const part of parts) {
    const conversations = part.chats.map((chat) => conversation(world, account, chat));
    const mappings = conversations
      .filter(({ pnJid, lidJid }) => pnJid && lidJid)
      .map(({ pnJid, lidJid }) => ({ pnJid, lidJid }));
    const { syncType, chunkOrder, progress } = part;
    const history = proto.HistorySync.encode({
      syncType,
      conversations,
      ...(syncType === INITIAL_BOOTSTRAP && { pushnames: [{ id: account.pnJid, pushname: account.pushName }] }),
      phoneNumberToLidMappings: [{ pnJid: account.pnJid, lidJid: account.lidJid }, ...mappings],
      chunkOrder,
      progress,
    } as proto.IHistorySync).finish();
    yield notice(world, history, part, chats.length === 0 ? "inline" : transport);
  }
  const names = pushNames(world, chats);
  if (names) yield notice(world, names, { syncType: PUSH_NAME, chunkOrder: 1, progress: 100 }, "inline");
}

/** Returns the push names in the chats, or undefined if the chats contain no push names. */
function pushNames(world: World, chats: HistoryChat[]): Uint8Array | undefined {
  const numbers = new Set(chats.flatMap((chat) => [chat.with, ...chat.messages.flatMap(({ author }) => author ?? [])]));
  const pushnames = [...numbers].flatMap((number) => {
    const account = world.accounts.get(number);
    return account?.pushName ? [{ id: account.pnJid, pushname: account.pushName }] : [];
  });
  if (pushnames.length === 0) return undefined;
  return proto.HistorySync.encode({
    syncType: PUSH_NAME,
    pushnames,
    chunkOrder: 1,
    progress: 100,
  } as proto.IHistorySync).finish();
}

function notice(
  world: World,
  history: Uint8Array,
  { syncType, chunkOrder, progress }: Omit<Part, "chats">,
  transport: HistoryTransport,
): proto.IMessage {
  const compressed = deflateSync(history);
  // `HistorySync` and its notification number the types in the same way.
  const type = syncType as number as proto.Message.HistorySyncType;
  const notification: proto.Message.IHistorySyncNotification = { syncType: type, chunkOrder, progress };
  if (transport === "inline") notification.initialHistBootstrapInlinePayload = compressed;
  else {
    const { ciphertext, ...reference } = sealMedia(compressed, "history");
    Object.assign(notification, reference, { directPath: world.media.put("md-msg-hist", ciphertext) });
  }
  return {
    protocolMessage: {
      type: proto.Message.ProtocolMessage.Type.HISTORY_SYNC_NOTIFICATION,
      historySyncNotification: notification,
    },
  };
}
