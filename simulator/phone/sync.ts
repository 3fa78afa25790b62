import type { Device } from "../model/account.ts";
import { proto } from "../wire/baileys.ts";
import type { AppStateKey } from "./app-state.ts";
import type { PhoneBase } from "./base.ts";
import { type HistoryChat, type HistoryTransport, historyNotices } from "./history.ts";
import type { Sender } from "./sender.ts";

/** The history that a phone sends to a newly linked device. */
export type History = { chats: HistoryChat[]; transport: HistoryTransport };

/** Sends a newly linked companion what it needs: the app-state key and the history. */
export class Sync {
  readonly #phone: PhoneBase;
  readonly #sender: Sender;
  readonly #key: AppStateKey;

  constructor(phone: PhoneBase, sender: Sender, key: AppStateKey) {
    this.#phone = phone;
    this.#sender = sender;
    this.#key = key;
  }

  /** Sends the app-state key, then the history. */
  async initialize(device: Device, history: History): Promise<void> {
    const { world, account } = this.#phone;
    await this.#sender.sendToCompanion(device, this.#keyShare());
    const { requireFullSync = false } = device.credentials;
    for (const notice of historyNotices(world, account, history, requireFullSync))
      await this.#sender.sendToCompanion(device, notice);
  }

  #keyShare(): proto.IMessage {
    const key = {
      keyId: { keyId: this.#key.id },
      keyData: {
        keyData: this.#key.data,
        fingerprint: { rawId: 1, currentIndex: 0, deviceIndexes: [0] },
        timestamp: this.#phone.world.clock(),
      },
    };
    return {
      protocolMessage: {
        type: proto.Message.ProtocolMessage.Type.APP_STATE_SYNC_KEY_SHARE,
        appStateSyncKeyShare: { keys: [key] },
      },
    };
  }
}
