import { deflateSync } from "node:zlib";
import { encodeWAMessage, normalizeMessageContent, proto, unpadRandomMax16 } from "@whiskeysockets/baileys";
import type { HistoryPhase } from "../../core/history/history.sql.ts";
import type { InstanceHistory } from "../../core/instance/instance.sql.ts";
import type { NewHistoryPart } from "../ledger/change.ts";

type Notification = proto.Message.IHistorySyncNotification;
const SyncType = proto.Message.HistorySyncType;

const phases: Partial<Record<proto.Message.HistorySyncType, HistoryPhase>> = {
  [SyncType.INITIAL_BOOTSTRAP]: "initial",
  [SyncType.RECENT]: "recent",
  [SyncType.FULL]: "full",
  [SyncType.ON_DEMAND]: "full",
  [SyncType.PUSH_NAME]: "names",
};

/**
 * Returns the part of the history that a notification of the owner's phone offers. Returns undefined for a part that the
 * instance doesn't import. Contacts and the numbers of LIDs are imported with every setting, but a full history is only
 * read if the setting asks for it, because it can be very large.
 */
export function historyPartOf(
  notification: Notification,
  waId: string,
  setting: InstanceHistory,
): NewHistoryPart | undefined {
  const phase = phases[notification.syncType ?? SyncType.INITIAL_BOOTSTRAP] ?? "other";
  if (phase === "full" && setting !== "full") return undefined;
  return {
    waId,
    phase,
    chunk: numberOf(notification.chunkOrder, 2 ** 31 - 1),
    percent: numberOf(notification.progress, 100),
    withMessages: setting !== "none",
    notification: proto.Message.HistorySyncNotification.encode(notification).finish(),
  };
}

function numberOf(value: number | null | undefined, max: number): number | null {
  return value === null || value === undefined ? null : Math.min(Math.max(0, Math.trunc(value)), max);
}

const notificationIn = (message: proto.IMessage): Notification | null | undefined =>
  normalizeMessageContent(message.deviceSentMessage?.message ?? message)?.protocolMessage?.historySyncNotification;

const emptyHistory = deflateSync(new Uint8Array());

/**
 * Returns the plaintext of a message as Baileys gets it: a notification names an empty history. Baileys downloads and
 * decodes a history in the main thread (7.0.0-rc14, `Utils/history.js`), without a limit and after the acknowledgment.
 * It needs the notification to synchronize the app state after linking (`Socket/chats.js`, `doAppStateSync`).
 */
export function withoutHistory(plaintext: Uint8Array): Uint8Array {
  try {
    const message = proto.Message.decode(unpadRandomMax16(plaintext));
    const notification = notificationIn(message);
    if (!notification) return plaintext;
    const { syncType = null, chunkOrder = null, progress = null } = notification;
    const protocolMessage = {
      type: proto.Message.ProtocolMessage.Type.HISTORY_SYNC_NOTIFICATION,
      historySyncNotification: { syncType, chunkOrder, progress, initialHistBootstrapInlinePayload: emptyHistory },
    };
    return encodeWAMessage({ protocolMessage });
  } catch {
    // Baileys itself detects that these bytes are not a message, and asks the sender for a retry.
    return plaintext;
  }
}

/**
 * Whether Baileys may process a notification: only one with the empty history of `withoutHistory`. Baileys also asks
 * with a type alone, to learn whether it should wait for notifications.
 */
export function isEmptyHistory({ directPath, initialHistBootstrapInlinePayload: inline }: Notification): boolean {
  return !directPath && (!inline?.length || emptyHistory.equals(inline));
}
