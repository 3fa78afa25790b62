import type { proto } from "../wire/baileys.ts";
import { isGroupJid } from "../wire/jid.ts";
import type { Collection } from "./app-state.ts";

type Action = {
  collection: Collection;
  /** Version of the action's format. */
  version: number;
  /** The number of texts in the index. */
  index: number;
  value: keyof proto.ISyncActionValue;
  /** Whether the action needs the range of messages that it is about. */
  range: boolean;
};

/**
 * The actions on chats, and where they belong. Source: `chatModificationToAppPatch` in Baileys' Utils/chat-utils.ts,
 * `BuildMute`, `BuildPin` and `BuildArchive` in whatsmeow's appstate/encode.go.
 */
export const chatActions = {
  archive: { collection: "regular_low", version: 3, index: 2, value: "archiveChatAction", range: true },
  pin_v1: { collection: "regular_low", version: 5, index: 2, value: "pinAction", range: false },
  mute: { collection: "regular_high", version: 2, index: 2, value: "muteAction", range: false },
  markChatAsRead: { collection: "regular_low", version: 3, index: 2, value: "markChatAsReadAction", range: true },
  clearChat: { collection: "regular_high", version: 6, index: 4, value: "clearChatAction", range: true },
  deleteChat: { collection: "regular_high", version: 6, index: 3, value: "deleteChatAction", range: true },
} as const satisfies Record<string, Action>;

const isChatAction = (name: string): name is keyof typeof chatActions => Object.hasOwn(chatActions, name);

/** Returns what is wrong with an entry about a chat, or undefined. */
export function problemOf(
  { collection, index, value }: { collection: string; index: readonly string[]; value: proto.ISyncActionValue },
  version: number,
): string | undefined {
  const [name = "", chat = ""] = index;
  if (!isChatAction(name)) return undefined;
  const action: Action = chatActions[name];
  if (collection !== action.collection) return `${name} belongs to ${action.collection}, not to ${collection}`;
  if (version !== action.version) return `${name} has the version ${version}, not ${action.version}`;
  if (index.length !== action.index) return `the index of ${name} has ${index.length} texts`;
  if (!value.timestamp) return `${name} has no timestamp`;
  const content = value[action.value];
  if (!content) return `${name} has no ${action.value}`;
  if (name === "mute" && value.muteAction?.muted && !Number(value.muteAction.muteEndTimestamp))
    return "mute has no end";
  return action.range ? rangeProblem(name, chat, content as { messageRange?: Range | null }) : undefined;
}

type Range = proto.SyncActionValue.ISyncActionMessageRange;

function rangeProblem(name: string, chat: string, { messageRange: range }: { messageRange?: Range | null }) {
  if (!Number(range?.lastMessageTimestamp)) return `${name} has no range of messages`;
  for (const { key, timestamp } of range?.messages ?? []) {
    if (!key?.id || !key.remoteJid || !Number(timestamp)) return `${name} names a message without id, chat or time`;
    if (isGroupJid(chat) && !key.fromMe && !key.participant)
      return `${name} names a message of a group without its author`;
  }
  return undefined;
}
