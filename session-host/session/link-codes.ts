import type { WASocket } from "@whiskeysockets/baileys";
import type { Vault } from "../../core/crypto/index.ts";
import { sealedPlace } from "../../core/crypto/sealed-place.ts";
import type { NewEvent } from "../../core/event/catalog/index.ts";
import type { Change, InstanceFields } from "../ledger/change.ts";
import { PairingCodes } from "./pairing-code.ts";

/**
 * A connection offers six QR codes. The first code is valid for 60 s, and the others for 20 s (Baileys, `socket.js`).
 */
const firstQrMs = 60_000;
const nextQrMs = 20_000;
const allQrMs = firstQrMs + 5 * nextQrMs;

/** The QR codes and pairing codes of one session, and the changes that record them. */
export class LinkCodes {
  readonly #vault: Vault;
  readonly #instanceId: string;
  readonly #pairingCodes = new PairingCodes();
  /** Number of QR codes on this connection. */
  #qrCount = 0;
  /** When this connection was opened. Milliseconds since 1970. */
  #openedAt = 0;

  constructor({ vault, instanceId }: { vault: Vault; instanceId: string }) {
    this.#vault = vault;
    this.#instanceId = instanceId;
  }

  /** Notes that a connection is opened. */
  begin(): void {
    this.#qrCount = 0;
    this.#openedAt = Date.now();
  }

  /** Returns the columns and the event of a QR code that the connection offers now. */
  showQr(qr: string): { fields: InstanceFields; event: NewEvent } {
    const expiresAt = new Date(Date.now() + (this.#qrCount++ === 0 ? firstQrMs : nextQrMs));
    const sealed = this.#vault.seal(Buffer.from(qr), sealedPlace.qr(this.#instanceId));
    return {
      fields: { qr: sealed, qr_expires_at: expiresAt },
      event: {
        type: "connection.qr",
        data: { sealedQr: sealed.toString("base64"), expiresAt: expiresAt.toISOString() },
      },
    };
  }

  /** Requests a pairing code on the socket that `sock` returns when earlier requests have ended. */
  async request(
    sock: () => WASocket | undefined,
    phoneNumber: string,
  ): Promise<{ code: string; expiresAt: Date; change: Change }> {
    const code = await this.#pairingCodes.request(sock, phoneNumber);
    const expiresAt = new Date(this.#openedAt + allQrMs);
    const sealed = this.#vault.seal(Buffer.from(code), sealedPlace.pairingCode(this.#instanceId));
    const change: Change = {
      instance: { pairing_code: sealed, pairing_code_expires_at: expiresAt },
      activities: [{ action: "pairing_code_requested", details: { phoneNumber } }],
    };
    return { code, expiresAt, change };
  }
}
