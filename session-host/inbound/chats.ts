import { type proto, type SignalKeyStore, toNumber, type WASocket } from "@whiskeysockets/baileys";
import type { ChatFact, ChatState, MessageEnd } from "../../core/chat/fact.ts";
import type { Database } from "../../core/db/index.ts";
import { isChannelJid, isGroupJid, isLidJid } from "../../core/message/recipient.ts";
import { isBusiness } from "../baileys/account.ts";
import { isPhoneJid, personOf, phonesOf, plainJid } from "../baileys/address/jids.ts";
import type { Change } from "../ledger/change.ts";
import type { Me } from "./message/address.ts";
import { unarchivesChats } from "./unarchival.ts";

/** The collections with the state of chats. */
const collections = ["regular_high", "regular_low"] as const;

export interface ChatBookDeps {
  db: Database;
  instanceId: string;
  keys: Pick<SignalKeyStore, "get" | "set">;
  me: () => Me;
  record: (change: Change) => Promise<void>;
}

/** An entry of the app state that was set. */
export interface ChatEntry {
  index: readonly string[];
  value: proto.ISyncActionValue;
  /** Whether the entry is from a snapshot, which has all entries. */
  inSnapshot: boolean;
}

/**
 * Records what the app state says about chats: archived, pinned, muted, read, cleared, deleted. Baileys' events lack the
 * times, and some of the actions (7.0.0-rc14, `processSyncAction` in `Utils/chat-utils.js`), so this reads the entries.
 */
export class ChatBook {
  readonly #deps: ChatBookDeps;
  #sock: WASocket | undefined;
  /** Whether all entries are read because the gateway has none of them yet. */
  #readsAll = false;

  constructor(deps: ChatBookDeps) {
    this.#deps = deps;
  }

  listen(sock: WASocket): void {
    this.#sock = sock;
    sock.ev.on("connection.update", ({ connection }) => {
      if (connection === "open") void this.#readAgain(sock);
    });
  }

  /**
   * Records entries before Baileys stores the version of the collection. After a crash, WhatsApp sends the entries again,
   * and they change nothing.
   */
  readonly note = async (entries: readonly ChatEntry[]): Promise<void> => {
    if (!this.#sock) return;
    const isFirst = this.#readsAll || !this.#sock.authState.creds.accountSyncCounter;
    // The setting is in the same collection as the archived chats.
    const unarchives = unarchivesIn(entries) ?? unarchivesChats(this.#sock.authState.creds);
    const found = entries.flatMap((entry) => {
      const source = entry.inSnapshot && isFirst ? ("sync" as const) : ("phone" as const);
      const fact = factIn(entry, this.#deps.me(), source);
      return fact ? { ...fact, ...(fact.archived && { unarchives }) } : [];
    });
    if (found.length === 0) return;
    const lids = found.map(({ stateJid }) => stateJid).filter(isLidJid);
    const phones = lids.length > 0 ? await phonesOf(this.#sock, lids) : new Map<string, string>();
    const chats = found.map((fact) => ({ ...fact, chatId: phones.get(fact.chatId) ?? fact.chatId }));
    await this.#deps.record({ chats });
  };

  /**
   * Reads the app state again. WhatsApp does not notify a device of its own changes, so this is the only way to learn of a
   * change whose answer was lost. Instances that were linked before the gateway stored chats read all entries once.
   */
  async #readAgain(sock: WASocket): Promise<void> {
    const { db, instanceId, keys } = this.#deps;
    const { creds } = sock.authState;
    // Baileys itself does the first synchronization, which brings the keys.
    if (!creds.myAppStateKeyId) return;
    try {
      const rows =
        await db.sql`select 1 from chats where instance_id = ${instanceId} and state_jid is not null limit 1`;
      if (rows.length === 0 && creds.accountSyncCounter) {
        this.#readsAll = true;
        const nothing = Object.fromEntries(collections.map((name) => [name, null]));
        await keys.set({ "app-state-sync-version": nothing });
      }
      await sock.resyncAppState([...collections, ...(isBusiness(creds) ? (["regular"] as const) : [])], false);
    } catch {
      // The next change by any device synchronizes as well.
    } finally {
      this.#readsAll = false;
    }
  }
}

/** Only JIDs of this form are chats. The phone's owner can replace WhatsApp on the phone. */
const isChat = (jid: string) =>
  /^[0-9-]{5,40}@[a-z.]+$/.test(jid) && (isPhoneJid(jid) || isLidJid(jid) || isGroupJid(jid) || isChannelJid(jid));

/** Returns the fact in an entry, or undefined if the entry is not about a chat. */
function factIn(
  { index: [action = "", id], value }: ChatEntry,
  me: Me,
  source: ChatFact["source"],
): ChatFact | undefined {
  const jid = plainJid(id);
  const state = isChat(jid) ? stateIn(action, value) : undefined;
  if (!state) return undefined;
  // What the phone deleted long ago stays in the history of an instance that has it.
  if (source === "sync" && state.clearedThrough) return undefined;
  const at = isoOf(value.timestamp) ?? new Date().toISOString();
  return { ...state, chatId: jid, stateJid: jid, by: personOf(me.id, me.lid), source, at };
}

/** Source: `dispatchAppState` in whatsmeow's appstate.go, `chatModificationToAppPatch` in Baileys' Utils/chat-utils.js. */
function stateIn(action: string, value: proto.ISyncActionValue): ChatState | undefined {
  const { archiveChatAction, pinAction, muteAction, markChatAsReadAction, clearChatAction, deleteChatAction } = value;
  if (action === "archive" && archiveChatAction?.archived)
    return { archived: true, archivedThrough: endOf(archiveChatAction.messageRange, value.timestamp) };
  if (action === "archive" && archiveChatAction) return { archived: false };
  if (action === "pin_v1" && pinAction)
    return { pinnedAt: pinAction.pinned ? (isoOf(value.timestamp) ?? new Date().toISOString()) : null };
  if (action === "mute" && muteAction)
    return { mutedUntil: muteAction.muted ? (isoOf(muteAction.muteEndTimestamp) ?? "infinity") : null };
  if (action === "markChatAsRead" && markChatAsReadAction) {
    const { read, messageRange } = markChatAsReadAction;
    return read ? { markedUnread: false, readThrough: endOf(messageRange, value.timestamp) } : { markedUnread: true };
  }
  if (action === "clearChat" && clearChatAction)
    return { clearedThrough: endOf(clearChatAction.messageRange, value.timestamp), markedUnread: false };
  if (action === "deleteChat" && deleteChatAction)
    return {
      clearedThrough: endOf(deleteChatAction.messageRange, value.timestamp),
      deleted: true,
      markedUnread: false,
    };
  return undefined;
}

/** Returns the setting that the entries of a collection contain, undefined for none. */
const unarchivesIn = (entries: readonly ChatEntry[]): boolean | undefined =>
  entries.findLast(({ value }) => value.unarchiveChatsSetting)?.value.unarchiveChatsSetting?.unarchiveChats ??
  undefined;

/**
 * Returns the messages of a range. In its last second, those are the messages that it names, because times are whole seconds;
 * if it names none of that second, all. A range may lack its end.
 */
export function endOf(
  range: proto.SyncActionValue.ISyncActionMessageRange | null | undefined,
  timestamp?: proto.ISyncActionValue["timestamp"],
): MessageEnd {
  const seconds = toNumber(range?.lastMessageTimestamp ?? 0);
  const through = isoOf(seconds > 0 ? seconds * 1000 : timestamp) ?? new Date().toISOString();
  const named = (range?.messages ?? []).filter(({ timestamp }) => toNumber(timestamp ?? 0) === seconds);
  const waIds = named.flatMap(({ key }) => key?.id ?? []).slice(0, maxNamed);
  if (waIds.length === 0) return { through, waIds };
  return { through: new Date(Date.parse(through) - 1).toISOString(), waIds };
}

/** Maximum number of messages of one second that a range is expected to name. */
const maxNamed = 1000;

/** The last instant that Postgres can read. Milliseconds since 1970. */
const maxMs = 253_402_300_799_000;

/** Returns a time in milliseconds since 1970 as ISO 8601, or undefined if it is not positive. */
function isoOf(ms: Parameters<typeof toNumber>[0]): string | undefined {
  const value = toNumber(ms ?? 0);
  return value > 0 && value <= maxMs ? new Date(value).toISOString() : undefined;
}
