import type { Device, Endpoint } from "../model/account.ts";
import { proto } from "../wire/baileys.ts";
import type { AppStateKey, PhoneAppState } from "./app-state.ts";
import type { PhoneBase } from "./base.ts";
import { type HistoryChat, type HistoryTransport, historyNotices } from "./history.ts";
import type { Sender } from "./sender.ts";

/** The history that a phone sends to a newly linked device. */
export type History = { chats: HistoryChat[]; transport: HistoryTransport };

/** The time of a phone's first app-state key. Milliseconds since the epoch. */
const FIRST_KEY_AT = 1_700_000_000_000;

/** Sends a newly linked companion what it needs: the app-state keys and the history. */
export class Sync {
  readonly #phone: PhoneBase;
  readonly #sender: Sender;
  readonly #appState: PhoneAppState;
  /** The ids of the app-state keys that companions asked for, in base64, oldest first. */
  readonly keyRequests: string[] = [];
  /** Whether the phone answers these requests. */
  answersKeyRequests = true;

  constructor(phone: PhoneBase, sender: Sender, appState: PhoneAppState) {
    this.#phone = phone;
    this.#sender = sender;
    this.#appState = appState;
  }

  /** Sends the app-state keys, then the history. */
  async initialize(device: Device, history: History): Promise<void> {
    const { world, account } = this.#phone;
    await this.share(device, this.#appState.keys);
    const { requireFullSync = false } = device.credentials;
    for (const notice of historyNotices(world, account, history, requireFullSync))
      await this.#sender.sendToCompanion(device, notice);
  }

  /**
   * Answers the request of a companion for app-state keys, if `message` is one. Source: `requestAppStateKeys` in whatsmeow's
   * appstate.go.
   */
  async receive(message: proto.IMessage, device: Endpoint): Promise<void> {
    const wanted = message.protocolMessage?.appStateSyncKeyRequest?.keyIds;
    if (!wanted) return;
    const ids = wanted.map(({ keyId }) => Buffer.from(keyId ?? []).toString("base64"));
    this.keyRequests.push(...ids);
    if (!this.answersKeyRequests) return;
    await this.share(
      device,
      this.#appState.keys.filter(({ id }) => ids.includes(id.toString("base64"))),
    );
  }

  /** Sends app-state keys to a companion. */
  async share(device: Endpoint, keys: readonly AppStateKey[]): Promise<void> {
    const all = this.#appState.keys;
    const shared = keys.map((key) => ({
      keyId: { keyId: key.id },
      keyData: {
        keyData: key.data,
        fingerprint: { rawId: 1, currentIndex: all.indexOf(key), deviceIndexes: [0] },
        // A later key has a later time.
        timestamp: FIRST_KEY_AT + all.indexOf(key),
      },
    }));
    await this.#sender.sendToCompanion(device, {
      protocolMessage: {
        type: proto.Message.ProtocolMessage.Type.APP_STATE_SYNC_KEY_SHARE,
        appStateSyncKeyShare: { keys: shared },
      },
    });
  }
}
