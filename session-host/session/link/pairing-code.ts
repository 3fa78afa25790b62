import { randomBytes } from "node:crypto";
import {
  aesEncryptCTR,
  bytesToCrockford,
  DEFAULT_CONNECTION_CONFIG,
  derivePairingCodeKey,
  getBinaryNodeChild,
  getCompanionPlatformId,
  jidEncode,
  S_WHATSAPP_NET,
  type WASocket,
} from "@whiskeysockets/baileys";
import { AppError } from "../../../core/error.ts";
import { actionableReasons } from "../../../core/instance/reason.ts";
import { Limiter } from "../../concurrency/limiter.ts";

const answerTimeoutMs = 15_000;
/** How long no code is requested after WhatsApp has refused a request with 429. WhatsApp doesn't name a time. */
const coolDownMs = 15 * 60_000;

/** WhatsApp refused a request for a pairing code. `until` is the end of the cool-down after 429. */
export class PairingCodeRefused extends Error {
  override readonly name = "PairingCodeRefused";
  readonly details: string;
  readonly until: Date | null;

  constructor(code: number, now: Date) {
    const why = refusals[code] ?? "WhatsApp doesn't say why: scan a QR code, or try again later";
    super(`WhatsApp refused the request for a pairing code with ${code}`);
    this.details = `${actionableReasons.pairing_code_refused} (error ${code}): ${why}`;
    this.until = code === 429 ? new Date(now.getTime() + coolDownMs) : null;
  }
}

/** What to do about a refusal, by WhatsApp's code. */
const refusals: Readonly<Record<number, string>> = {
  400: "check the phone number, or scan a QR code",
  404: "the phone number is not on WhatsApp",
  429: "there were too many requests: scan a QR code, or wait until the pause ends",
};

/** Requests the pairing codes of one session, one at a time, because a new code invalidates the code before. */
export class PairingCodes {
  readonly #turns = new Limiter(1);

  /**
   * Requests a code on the socket that `sock` returns when earlier requests have ended. Throws `PairingCodeRefused`, or
   * `whatsapp_error` if WhatsApp does not answer.
   */
  async request(sock: () => WASocket | undefined, phoneNumber: string): Promise<string> {
    const leave = await this.#turns.enter();
    try {
      const current = sock();
      if (!current) throw new AppError("whatsapp_error", "WhatsApp does not offer a pairing now");
      return await requestPairingCode(current, phoneNumber);
    } finally {
      leave();
    }
  }
}

/**
 * Returns a code for "Link with phone number" after WhatsApp has accepted the request for the code. Baileys' own
 * `requestPairingCode` (7.0.0-rc14, `Socket/socket.js`) does not read WhatsApp's answer, and puts the device name into
 * `companion_platform_display`, for which WhatsApp answers 400 (Baileys#2560 and 2769). The rest of the pairing is
 * Baileys' (`link_code_companion_reg` in `Socket/messages-recv.js`). It needs `me` and `pairingCode` in the credentials.
 */
async function requestPairingCode(sock: WASocket, phoneNumber: string): Promise<string> {
  const { creds } = sock.authState;
  const code = bytesToCrockford(randomBytes(5));
  const jid = jidEncode(phoneNumber, "s.whatsapp.net");
  const content = await helloContent(code, creds.pairingEphemeralKeyPair.public, creds.noiseKey.public);
  const attrs = { jid, stage: "companion_hello", should_show_push_notification: "true" };
  const request = { tag: "link_code_companion_reg", attrs, content };
  creds.pairingCode = code;
  creds.me = { id: jid, name: "~" };
  try {
    const answer = await sock.query(
      { tag: "iq", attrs: { to: S_WHATSAPP_NET, type: "set", xmlns: "md" }, content: [request] },
      answerTimeoutMs,
    );
    if (!getBinaryNodeChild(getBinaryNodeChild(answer, "link_code_companion_reg"), "link_code_pairing_ref"))
      throw new AppError("whatsapp_error", "WhatsApp's answer to the request for a code has no reference");
  } catch (error) {
    // With `me`, the next connection would log in as an account that was never linked.
    delete creds.me;
    creds.pairingCode = undefined;
    throw refusalOf(error);
  }
  sock.ev.emit("creds.update", { pairingCode: code });
  return code;
}

/** Baileys rejects a query with the code of WhatsApp's error in `data` (`assertNodeErrorFree`). */
function refusalOf(error: unknown): unknown {
  if (error instanceof AppError) return error;
  const { data } = (error ?? {}) as { data?: unknown };
  if (typeof data === "number" && Number.isInteger(data)) return new PairingCodeRefused(data, new Date());
  return new AppError("whatsapp_error", "WhatsApp did not answer the request for a code", { cause: error });
}

/**
 * The display name is `Browser (OS)` with a common browser and system: WhatsApp refuses others (`PairPhone` in
 * whatsmeow's `pair-code.go`). So it is not the device name of the instance.
 */
async function helloContent(code: string, ephemeral: Uint8Array, noiseKey: Uint8Array) {
  const { browser } = DEFAULT_CONNECTION_CONFIG;
  const [salt, iv] = [randomBytes(32), randomBytes(16)];
  const wrapped = aesEncryptCTR(ephemeral, await derivePairingCodeKey(code, salt), iv);
  const node = (tag: string, content: Uint8Array | string) => ({ tag, attrs: {}, content });
  return [
    node("link_code_pairing_wrapped_companion_ephemeral_pub", Buffer.concat([salt, iv, wrapped])),
    node("companion_server_auth_key_pub", noiseKey),
    node("companion_platform_id", getCompanionPlatformId(browser)),
    node("companion_platform_display", `${browser[1]} (${browser[0]})`),
    node("link_code_pairing_nonce", "0"),
  ];
}
