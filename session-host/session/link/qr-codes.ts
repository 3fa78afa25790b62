import {
  type BinaryNode,
  buildPairingQRData,
  DEFAULT_CONNECTION_CONFIG,
  getBinaryNodeChild,
  getBinaryNodeChildren,
  S_WHATSAPP_NET,
  type WASocket,
} from "@whiskeysockets/baileys";

/**
 * A connection offers six QR codes. The first code is valid for 60 s, and the others for 20 s (Baileys, `socket.js`).
 */
export const firstQrMs = 60_000;
export const nextQrMs = 20_000;
export const allQrMs = firstQrMs + 5 * nextQrMs;

/**
 * Shows the QR codes of a connection one after the other. Replaces Baileys' listener (7.0.0-rc14, `Socket/socket.js`),
 * whose timer can't be stopped: it would end the connection while a person answers with a passkey.
 */
export class QrCodes {
  readonly #sock: WASocket;
  #timer: NodeJS.Timeout | undefined;

  constructor(sock: WASocket) {
    this.#sock = sock;
    const tag = "CB:iq,type:set,pair-device";
    if (sock.ws.listenerCount(tag) === 0)
      throw new Error("Baileys no longer listens to pair-device: nothing to take over");
    sock.ws.removeAllListeners(tag);
    sock.ws.on(tag, (stanza: BinaryNode) => this.#offer(stanza));
  }

  /** Shows no further code, and leaves the connection open. */
  stop(): void {
    clearTimeout(this.#timer);
  }

  #offer(stanza: BinaryNode): void {
    const attrs = { to: S_WHATSAPP_NET, type: "result", id: stanza.attrs.id ?? "" };
    // If the connection ends meanwhile, there is nobody to answer.
    void this.#sock.sendNode({ tag: "iq", attrs }).catch(() => undefined);
    const refs = getBinaryNodeChildren(getBinaryNodeChild(stanza, "pair-device"), "ref");
    this.#show(refs, firstQrMs);
  }

  #show([ref, ...later]: BinaryNode[], validMs: number): void {
    const { ws, ev, authState } = this.#sock;
    if (!ws.isOpen) return;
    if (!(ref?.content instanceof Uint8Array)) {
      void this.#sock.end(new Error("nobody scanned a QR code"));
      return;
    }
    const { noiseKey, signedIdentityKey, advSecretKey } = authState.creds;
    const [noise, identity] = [noiseKey, signedIdentityKey].map((key) => Buffer.from(key.public).toString("base64"));
    const text = Buffer.from(ref.content).toString();
    const { browser } = DEFAULT_CONNECTION_CONFIG;
    ev.emit("connection.update", { qr: buildPairingQRData(text, noise ?? "", identity ?? "", advSecretKey, browser) });
    this.#timer = setTimeout(() => this.#show(later, nextQrMs), validMs);
  }
}
