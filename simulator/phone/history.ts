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
  name?: string;
  unread?: number;
  /** The timer for disappearing messages, in seconds. */
  timer?: number;
  messages: HistoryMessage[];
};

export type HistoryMessage = {
  text: string;
  fromMe?: boolean;
  /** Seconds since the epoch. */
  timestamp: number;
  id?: string;
  /** The author's phone number. Only in a group. */
  author?: string;
};

/** Whether the history is a file on the media host or part of the notification. Clients accept both. */
export type HistoryTransport = "blob" | "inline";

function conversation(world: World, chat: HistoryChat): proto.IConversation {
  const account = chat.with.includes("@") ? world.accountOf(chat.with) : world.accounts.get(chat.with);
  const id = account?.lidJid ?? (chat.with.includes("@") ? chat.with : `${chat.with}@s.whatsapp.net`);
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
          message: { conversation: message.text },
          messageTimestamp: message.timestamp,
          status: proto.WebMessageInfo.Status.READ,
        },
      };
    });
  return {
    id,
    name: chat.name,
    pnJid: account?.pnJid,
    lidJid: account?.lidJid,
    unreadCount: chat.unread ?? 0,
    ...(chat.timer && { ephemeralExpiration: chat.timer, ephemeralSettingTimestamp: Math.floor(world.clock() / 1000) }),
    conversationTimestamp: messages[0]?.message.messageTimestamp ?? 0,
    messages: messages as proto.IHistorySyncMsg[],
  } as proto.IConversation;
}

/**
 * Returns the history notification `INITIAL_BOOTSTRAP`. With the transport `blob`, stores the history on the media host.
 * Source: Baileys' Utils/history.ts.
 */
export function initialHistory(
  world: World,
  account: Account,
  chats: HistoryChat[],
  transport: HistoryTransport,
): proto.IMessage {
  const conversations = chats.map((chat) => conversation(world, chat));
  const mappings = conversations
    .filter(({ pnJid, lidJid }) => pnJid && lidJid)
    .map(({ pnJid, lidJid }) => ({ pnJid, lidJid }));
  const history = proto.HistorySync.encode({
    syncType: proto.HistorySync.HistorySyncType.INITIAL_BOOTSTRAP,
    conversations,
    pushnames: [{ id: account.pnJid, pushname: account.pushName }],
    phoneNumberToLidMappings: [{ pnJid: account.pnJid, lidJid: account.lidJid }, ...mappings],
    chunkOrder: 1,
    progress: 100,
  } as proto.IHistorySync).finish();
  return notice(world, history, proto.Message.HistorySyncType.INITIAL_BOOTSTRAP, transport);
}

/**
 * Returns the history notification `PUSH_NAME` with the push names in the chats, or undefined if the chats contain no
 * push names.
 */
export function pushNameHistory(world: World, chats: HistoryChat[]): proto.IMessage | undefined {
  const numbers = new Set(chats.flatMap((chat) => [chat.with, ...chat.messages.flatMap(({ author }) => author ?? [])]));
  const pushnames = [...numbers].flatMap((number) => {
    const account = world.accounts.get(number);
    return account?.pushName ? [{ id: account.pnJid, pushname: account.pushName }] : [];
  });
  if (pushnames.length === 0) return undefined;
  const history = proto.HistorySync.encode({
    syncType: proto.HistorySync.HistorySyncType.PUSH_NAME,
    pushnames,
    chunkOrder: 1,
    progress: 100,
  } as proto.IHistorySync).finish();
  return notice(world, history, proto.Message.HistorySyncType.PUSH_NAME, "inline");
}

function notice(
  world: World,
  history: Uint8Array,
  syncType: proto.Message.HistorySyncType,
  transport: HistoryTransport,
): proto.IMessage {
  const compressed = deflateSync(history);
  const notification: proto.Message.IHistorySyncNotification = { syncType, chunkOrder: 1, progress: 100 };
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
