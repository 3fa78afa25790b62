import { readFileSync } from "node:fs";
import { Agent as HttpsAgent } from "node:https";
import { createRequire } from "node:module";
import { rootCertificates } from "node:tls";
import { Curve, proto, WA_CERT_DETAILS } from "@whiskeysockets/baileys";
import { Agent as FetchAgent } from "undici";
import { type AddressingSetting, type Config, ConfigError } from "../../core/config.ts";
import { wrapBufferKeys } from "../../core/crypto/buffer-keys.ts";
import { acknowledgePlainly } from "./acknowledge.ts";
import { restoreRatchetsOnFailure } from "./ratchet.ts";
import { registerNewsletterPaths } from "./send/newsletter-send.ts";
import { type Dial, divert, type Route, routeThrough } from "./send/route.ts";

/**
 * Size of the memory blocks from which Node.js takes small buffers. A block stays in memory while one of its buffers is
 * in use, and sessions keep many keys of 32 bytes. Node.js 24 has blocks of 64 KiB.
 */
const poolBytes = 4096;

/** How to reach WhatsApp, or the server that replaces it (a test server or simulator). */
export interface WhatsAppEndpoint {
  /** URL of the WebSocket. Undefined for the real WhatsApp. */
  url: string | undefined;
  /** False if another server, root key or media certificate replaces WhatsApp's own. */
  real: boolean;
  /** See `WHATSAPP_ADDRESSING`. */
  addressing: AddressingSetting;
  /** Returns how an instance reaches WhatsApp: directly, or through `dial`, which connects through a proxy. */
  route(dial?: Dial): Route;
  /** The `fetch` options for WhatsApp Web's page. Undefined if the page must not be fetched. */
  web: RequestInit | undefined;
}

const curve = createRequire(import.meta.url)("libsignal/src/curve.js") as {
  verifySignature(publicKey: Buffer, message: Uint8Array, signature: Uint8Array): boolean;
};

/**
 * Verifies a signature. Baileys ignores the result of libsignal's `verifySignature` and accepts every signature
 * (7.0.0-rc14, `Utils/crypto.js`). This replacement checks the server's certificates and the account's signature during
 * linking.
 */
export function verifySignature(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const key = Buffer.from(publicKey);
  try {
    return curve.verifySignature(
      key.length === 33 ? key : Buffer.concat([Buffer.from([5]), key]),
      message,
      Buffer.from(signature),
    );
  } catch {
    return false;
  }
}

const originalSharedKey = Curve.sharedKey;
/** The server's key in the key agreement of the current turn of the event loop (see `verifyHandshake`). */
let agreedWith: Uint8Array | undefined;

/**
 * Makes the handshake fail unless the leaf certificate has the server's static key. Baileys never compares the two
 * (7.0.0-rc14, `Utils/noise-handler.js`), so anyone who has seen WhatsApp's certificate chain could present it.
 * `processHandshake` is synchronous, and the first signature that it verifies after the key agreement with the static
 * key is the leaf's. No other code verifies a signature in the same turn of the event loop as a key agreement.
 */
function verifyHandshake(): void {
  Curve.sharedKey = (privateKey, publicKey) => {
    agreedWith = publicKey;
    queueMicrotask(() => {
      agreedWith = undefined;
    });
    return originalSharedKey(privateKey, publicKey);
  };
  Curve.verify = (publicKey, message, signature) => {
    const serverKey = agreedWith;
    agreedWith = undefined;
    if (!verifySignature(publicKey, message, signature)) return false;
    return serverKey === undefined || leafKey(message).equals(serverKey);
  };
}

/** Returns the key in the details of a certificate, or an empty buffer if they can't be decoded. */
function leafKey(details: Uint8Array): Buffer {
  try {
    return Buffer.from(proto.CertChain.NoiseCertificate.Details.decode(details).key ?? []);
  } catch {
    return Buffer.alloc(0);
  }
}

/**
 * Patches Baileys and libsignal for this process, so that they verify signatures, trust `WHATSAPP_ROOT_KEY`, print no
 * private keys, restore ratchets when a message does not decrypt, know the upload paths of channels, acknowledge unreadable messages, pass keys to
 * Node.js cheaply, and keep little memory for small buffers. Returns how to reach WhatsApp. Throws `ConfigError` if the file of `WHATSAPP_MEDIA_CA` can't be
 * read.
 */
export function prepareWhatsApp(config: Config): WhatsAppEndpoint {
  verifyHandshake();
  if (config.WHATSAPP_ROOT_KEY) WA_CERT_DETAILS.PUBLIC_KEY = Buffer.from(config.WHATSAPP_ROOT_KEY, "hex");
  silenceLibsignal();
  wrapBufferKeys();
  restoreRatchetsOnFailure();
  registerNewsletterPaths();
  acknowledgePlainly();
  Buffer.poolSize = poolBytes;
  const real = !(config.WHATSAPP_URL || config.WHATSAPP_ROOT_KEY || config.WHATSAPP_MEDIA_CA);
  const ca = config.WHATSAPP_MEDIA_CA ? [...rootCertificates, readCa(config.WHATSAPP_MEDIA_CA)] : undefined;
  const agent = new FetchAgent(ca ? { connect: { ca } } : {});
  const originOf = (origin: string, host: () => string) => (real ? origin : mediaOrigin(origin, host()));
  const direct: Route = {
    socketAgent: undefined,
    uploadAgent: ca ? new HttpsAgent({ ca, keepAlive: true }) : undefined,
    downloads: (host) => (real ? {} : divert(agent, (origin) => originOf(origin, host))),
  };
  const secureSocket = !config.WHATSAPP_URL?.startsWith("ws:");
  return {
    url: config.WHATSAPP_URL,
    real,
    addressing: config.WHATSAPP_ADDRESSING,
    route: (dial) => (dial ? routeThrough(dial, { secureSocket, ca, originOf }) : direct),
    web: real ? {} : webOptions(agent, config.WHATSAPP_URL),
  };
}

const realMediaHost = "mmg.whatsapp.net";

/**
 * Returns the origin to send a download to. Baileys fetches history and app state from a hard-coded host of WhatsApp,
 * which must not receive these requests if another server replaces WhatsApp.
 */
function mediaOrigin(origin: string, mediaHost: string): string {
  if (origin !== `https://${realMediaHost}`) return origin;
  if (mediaHost === realMediaHost)
    throw new Error("the server that replaces WhatsApp has not named its media host yet");
  return `https://${mediaHost}`;
}

/** Returns `fetch` options that send requests to the server that replaces WhatsApp, on the port of its WebSocket. */
function webOptions(agent: FetchAgent, url: string | undefined): RequestInit | undefined {
  if (!url) return undefined;
  const { protocol, host } = new URL(url);
  return divert(agent, () => `${protocol === "wss:" ? "https:" : "http:"}//${host}`);
}

function readCa(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new ConfigError(`WHATSAPP_MEDIA_CA: ${(error as Error).message}`);
  }
}

/** Drops libsignal's console output, which contains private keys (6.0.0, `session_record.js`, `queue_job.js`). */
function silenceLibsignal(): void {
  for (const name of ["info", "warn", "error", "log"] as const) {
    const original = console[name].bind(console);
    console[name] = (...args: unknown[]) => {
      if (new Error().stack?.includes("/libsignal/")) return;
      original(...args);
    };
  }
}
