import { jidNormalizedUser, proto, type SignalKeyStore, type WASocket } from "@whiskeysockets/baileys";
import type { Logger } from "../../core/log.ts";
import type { FindKey } from "./verify.ts";

export interface AppStateKeysDeps {
  sock: WASocket;
  keys: SignalKeyStore;
  log: Logger;
  /** Called when the phone has shared keys. */
  onShared: () => void;
}

/** The phone is asked for the same key at most this often. Whatsmeow asks once a day (`requestMissingAppStateKeys`). */
const requestPauseMs = 6 * 60 * 60_000;

/** The keys of the app state, which only the owner's phone can share. */
export class AppStateKeys {
  readonly #deps: AppStateKeysDeps;
  /** When the phone was asked for each key. Milliseconds since 1970. */
  readonly #requested = new Map<string, number>();
  /** The key with which Baileys encrypts changes. */
  #current: string | undefined;

  constructor(deps: AppStateKeysDeps) {
    this.#deps = deps;
    this.#current = deps.sock.authState.creds.myAppStateKeyId;
    deps.sock.ev.on("creds.update", ({ myAppStateKeyId }) => {
      if (myAppStateKeyId && myAppStateKeyId !== this.#current) void this.#onShared(myAppStateKeyId);
      else if (myAppStateKeyId) deps.onShared();
    });
  }

  readonly find: FindKey = async (id) => {
    const { [id]: key } = await this.#deps.keys.get("app-state-sync-key", [id]);
    return key;
  };

  /**
   * Asks the phone for keys, in the background. The form is that of whatsmeow (`requestAppStateKeys` in appstate.go) and of
   * Baileys' other requests to the phone (`sendPeerDataOperationMessage` in `Socket/messages-send.js`).
   */
  request(ids: readonly string[]): void {
    const { sock, log } = this.#deps;
    const now = Date.now();
    const due = ids.filter((id) => (this.#requested.get(id) ?? 0) + requestPauseMs <= now);
    if (due.length === 0 || !sock.user) return;
    for (const id of due) this.#requested.set(id, now);
    const protocolMessage = {
      type: proto.Message.ProtocolMessage.Type.APP_STATE_SYNC_KEY_REQUEST,
      appStateSyncKeyRequest: { keyIds: due.map((id) => ({ keyId: Buffer.from(id, "base64") })) },
    };
    log.info({ keys: due.length }, "asking the phone for keys of the app state");
    const options = {
      additionalAttributes: { category: "peer", push_priority: "high_force" },
      additionalNodes: [{ tag: "meta", attrs: { appdata: "default" } }],
    };
    sock.relayMessage(jidNormalizedUser(sock.user.id), { protocolMessage }, options).catch((error: unknown) => {
      for (const id of due) this.#requested.delete(id);
      log.warn({ err: error }, "the phone could not be asked for keys of the app state");
    });
  }

  /**
   * Keeps the newest key as the one for changes. Baileys takes the last one that the phone shares, which can be an old one
   * that the host asked for (7.0.0-rc14, `APP_STATE_SYNC_KEY_SHARE` in `Utils/process-message.js`).
   */
  async #onShared(id: string): Promise<void> {
    const { sock, log, onShared } = this.#deps;
    const current = this.#current;
    try {
      const [known, shared] = await Promise.all([current ? this.find(current) : undefined, this.find(id)]);
      const isNewer = shared?.keyData?.length && Number(shared.timestamp ?? 0) >= Number(known?.timestamp ?? 0);
      if (isNewer || !known) this.#current = id;
      else if (current) sock.ev.emit("creds.update", { myAppStateKeyId: current });
      onShared();
    } catch (error) {
      log.warn({ err: error }, "keys of the app state could not be read");
    }
  }
}
