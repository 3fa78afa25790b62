import { randomBytes } from "node:crypto";
import type { Device, Endpoint } from "../model/device.ts";
import { proto } from "../wire/baileys.ts";
import { initialHistory, pushNameHistory } from "./history.ts";
import type { Phone } from "./phone.ts";

export type PeerMessage = { id: string; fromDevice: number; message: proto.IMessage };

/** What a phone and its companions tell each other: app-state keys and history down, requests up. */
export class Sync {
  readonly #phone: Phone;
  /** The account's app-state key. Its id is two bytes of device and four of epoch, as on WhatsApp. */
  readonly keyId: Buffer;
  readonly keyData: Buffer;
  readonly peerMessages: PeerMessage[] = [];

  constructor(phone: Phone, key?: { id: Buffer; data: Buffer }) {
    this.#phone = phone;
    this.keyId = key?.id ?? Buffer.concat([Buffer.from([0, 0]), randomBytes(4)]);
    this.keyData = key?.data ?? randomBytes(32);
  }

  /** A newly linked companion listens for the first time: it gets the app-state key, then the history. */
  async initialize(device: Device): Promise<void> {
    const { world, account, history, historyTransport } = this.#phone;
    await this.#phone.sender.sendToCompanion(device, this.keyShare());
    const transport = history.length === 0 ? "inline" : historyTransport;
    await this.#phone.sender.sendToCompanion(device, initialHistory(world, account, history, transport));
    const names = pushNameHistory(world, history);
    if (names) await this.#phone.sender.sendToCompanion(device, names);
  }

  keyShare(): proto.IMessage {
    const key = {
      keyId: { keyId: this.keyId },
      keyData: {
        keyData: this.keyData,
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

  receivePeer(sender: Endpoint, id: string, message: proto.IMessage): void {
    this.peerMessages.push({ id, fromDevice: sender.id, message });
  }
}
