import { deflateSync } from "node:zlib";
import {
  type AuthenticationCreds,
  type BaileysEventEmitter,
  type BaileysEventMap,
  proto,
  type WASocket,
} from "@whiskeysockets/baileys";
import processMessage from "@whiskeysockets/baileys/lib/Utils/process-message.js";
import type { HistoryPhase } from "../../core/history/history.sql.ts";

type History = BaileysEventMap["messaging-history.set"];

const { INITIAL_BOOTSTRAP, RECENT, FULL, PUSH_NAME, NON_BLOCKING_DATA } = proto.HistorySync.HistorySyncType;
const types = { initial: INITIAL_BOOTSTRAP, recent: RECENT, full: FULL, names: PUSH_NAME, other: NON_BLOCKING_DATA };

/**
 * Lets Baileys process a slice of the history without its messages. Baileys stores the numbers of LIDs and the privacy
 * tokens (7.0.0-rc14, `Utils/process-message.js`). Returns the chats and contacts that it reports.
 */
export async function processOutline(
  sock: WASocket,
  creds: AuthenticationCreds,
  phase: HistoryPhase,
  slice: Uint8Array,
): Promise<History[]> {
  const reported: History[] = [];
  const ev = {
    emit: <Name extends keyof BaileysEventMap>(name: Name, data: BaileysEventMap[Name]) => {
      if (name === "messaging-history.set") reported.push(data as History);
      return true;
    },
  };
  const syncType = proto.HistorySync.encode({ syncType: types[phase] }).finish();
  const historySyncNotification = {
    // Baileys notes every other type in the credentials, which would grow.
    syncType: proto.Message.HistorySyncType.ON_DEMAND,
    initialHistBootstrapInlinePayload: deflateSync(Buffer.concat([syncType, slice])),
  };
  const type = proto.Message.ProtocolMessage.Type.HISTORY_SYNC_NOTIFICATION;
  await processMessage(
    {
      key: { remoteJid: creds.me?.id ?? "", fromMe: true, id: "" },
      message: { protocolMessage: { type, historySyncNotification } },
    },
    {
      shouldProcessHistoryMsg: true,
      creds,
      keyStore: sock.authState.keys,
      ev: ev as unknown as BaileysEventEmitter,
      options: {},
      signalRepository: sock.signalRepository,
      getMessage: async () => undefined,
    },
  );
  return reported;
}
