import type { WASocket } from "@whiskeysockets/baileys";
import type { Vault } from "../../../core/crypto/index.ts";
import { sealedPlace } from "../../../core/crypto/sealed-place.ts";
import { AppError } from "../../../core/error.ts";
import type { NewEvent } from "../../../core/event/catalog/index.ts";
import { assertNoPairingPause } from "../../../core/instance/pairing-pause.ts";
import { actionableReasons } from "../../../core/instance/reason.ts";
import { type Change, type InstanceFields, noLinkCodes } from "../../ledger/change.ts";
import type { SessionState } from "../state.ts";
import { PairingCodeRefused, PairingCodes } from "./pairing-code.ts";
import type { PasskeyDemand } from "./passkey.ts";
import { allQrMs, firstQrMs, nextQrMs } from "./qr-codes.ts";

/** How long a request for a pairing code waits until WhatsApp offers a pairing. */
const qrTimeoutMs = 15_000;

/** The parts of a session that a request for a pairing code uses. */
interface PairingSession {
  state: SessionState;
  sock: () => WASocket | undefined;
  record(change: Change): Promise<void>;
}

/** The QR codes and pairing codes of one session, and the changes that record them. */
export class LinkCodes {
  readonly #vault: Vault;
  readonly #instanceId: string;
  readonly #pairingCodes = new PairingCodes();
  /** Number of QR codes on this connection. */
  #qrCount = 0;
  /** When this connection was opened. Milliseconds since 1970. */
  #openedAt = 0;

  /** Until when no pairing code is requested. */
  #blockedUntil: Date | null;

  constructor({ vault, instanceId, blockedUntil }: { vault: Vault; instanceId: string; blockedUntil: Date | null }) {
    this.#vault = vault;
    this.#instanceId = instanceId;
    this.#blockedUntil = blockedUntil;
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

  /** Returns the change that records WhatsApp's request for a passkey. */
  demandPasskey(state: SessionState, { options, expiresAt: until }: PasskeyDemand): Change {
    const sealed = this.#vault.seal(Buffer.from(JSON.stringify(options)), sealedPlace.passkey(this.#instanceId));
    const details = actionableReasons.passkey_required;
    return state.enter("connecting", "passkey_required", { ...noLinkCodes, passkey: sealed }, { details, until });
  }

  /** Throws `rate_limited` while requests for a pairing code are paused. */
  assertNoPause(): void {
    assertNoPairingPause(this.#blockedUntil, new Date());
  }

  /**
   * Requests a pairing code as soon as WhatsApp offers a pairing. Throws `pairing_code_refused` or `rate_limited` if
   * WhatsApp refuses, and records it.
   */
  async request(session: PairingSession, phoneNumber: string): Promise<{ code: string; expiresAt: string }> {
    const { state, sock, record } = session;
    await state.untilPairing(qrTimeoutMs);
    const code = await this.#pairingCodes.request(sock, phoneNumber).catch(async (error: unknown) => {
      if (!(error instanceof PairingCodeRefused)) throw error;
      await this.#recordRefusal(session, error);
      this.assertNoPause();
      throw new AppError("pairing_code_refused", error.details);
    });
    const expiresAt = new Date(this.#openedAt + allQrMs);
    const sealed = this.#vault.seal(Buffer.from(code), sealedPlace.pairingCode(this.#instanceId));
    await record({
      instance: { pairing_code: sealed, pairing_code_expires_at: expiresAt },
      activities: [{ action: "pairing_code_requested", details: { phoneNumber } }],
    });
    return { code, expiresAt: expiresAt.toISOString() };
  }

  async #recordRefusal({ state, record }: PairingSession, refusal: PairingCodeRefused): Promise<void> {
    if (refusal.until) this.#blockedUntil = refusal.until;
    const fields = refusal.until ? { pairing_codes_blocked_until: refusal.until } : {};
    if (state.status === "qr") await record(state.enter("qr", "pairing_code_refused", fields, refusal));
    else await record({ instance: fields });
  }
}
