import { readFileSync } from "node:fs";
import { Agent as HttpsAgent } from "node:https";
import { createRequire } from "node:module";
import { rootCertificates } from "node:tls";
import { Curve, proto, WA_CERT_DETAILS } from "@whiskeysockets/baileys";
import { type Dispatcher, Dispatcher1Wrapper, Agent as FetchAgent } from "undici";
import { type Config, ConfigError } from "../../core/config.ts";
import { wrapBufferKeys } from "../../core/crypto/buffer-keys.ts";
import { registerNewsletterPaths } from "./newsletter-send.ts";
import { keepRatchetsThatFail } from "./ratchet.ts";

/** Where WhatsApp, or the server that replaces it, is reached. */
export interface WhatsAppEndpoint {
  /** Undefined for the real WhatsApp. */
  url: string | undefined;
  /** False if another server, root key or media certificate replaces WhatsApp's own. */
  real: boolean;
  /** For Baileys' uploads, which go through `node:https`. */
  uploadAgent: HttpsAgent | undefined;
  /** Returns the `fetch` options for Baileys' downloads on a connection whose media host `host` returns. Empty for the real WhatsApp. */
  downloads(host: () => string): RequestInit;
  /** The `fetch` options for WhatsApp Web's page. Undefined if it must not be fetched. */
  web: RequestInit | undefined;
}

const curve = createRequire(import.meta.url)("libsignal/src/curve.js") as {
  verifySignature(publicKey: Buffer, message: Uint8Array, signature: Uint8Array): boolean;
};

/**
 * Verifies a signature. Baileys ignores the result of libsignal's `verifySignature` and accepts every signature (7.0.0-rc14,
 * `Utils/crypto.js`). This replacement checks the server's certificates and the account's signature during linking.
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

const agree = Curve.sharedKey;
/** The other side's key in the current key agreement, see `verifyHandshake`. */
let agreedWith: Uint8Array | undefined;

/**
 * Makes the handshake fail unless the leaf certificate has the server's static key. Baileys never compares the two (7.0.0-rc14,
 * `Utils/noise-handler.js`), so anyone who has seen WhatsApp's certificate chain could present it. `processHandshake` is
 * synchronous, and verifies the leaf's signature first after the key agreement with the static key. Nothing else is verified
 * in the same turn as a key agreement.
 */
function verifyHandshake(): void {
  Curve.sharedKey = (privateKey, publicKey) => {
    agreedWith = publicKey;
    queueMicrotask(() => {
      agreedWith = undefined;
    });
    return agree(privateKey, publicKey);
  };
  Curve.verify = (publicKey, message, signature) => {
    const server = agreedWith;
    agreedWith = undefined;
    if (!verifySignature(publicKey, message, signature)) return false;
    return server === undefined || leafKey(message).equals(server);
  };
}

function leafKey(details: Uint8Array): Buffer {
  try {
    return Buffer.from(proto.CertChain.NoiseCertificate.Details.decode(details).key ?? []);
  } catch {
    return Buffer.alloc(0);
  }
}

/**
 * Prepares Baileys for this process: it verifies signatures, trusts `WHATSAPP_ROOT_KEY`, prints no private keys, keeps ratchets
 * intact when a message does not decrypt, knows the upload paths of channels, and passes keys to Node.js cheaply. Throws
 * `ConfigError` if the file of `WHATSAPP_MEDIA_CA` can't be read.
 */
export function prepareWhatsApp(config: Config): WhatsAppEndpoint {
  verifyHandshake();
  if (config.WHATSAPP_ROOT_KEY) WA_CERT_DETAILS.PUBLIC_KEY = Buffer.from(config.WHATSAPP_ROOT_KEY, "hex");
  silenceLibsignal();
  wrapBufferKeys();
  keepRatchetsThatFail();
  registerNewsletterPaths();
  const real = !(config.WHATSAPP_URL || config.WHATSAPP_ROOT_KEY || config.WHATSAPP_MEDIA_CA);
  const ca = config.WHATSAPP_MEDIA_CA && [...rootCertificates, readCa(config.WHATSAPP_MEDIA_CA)];
  const agent = new FetchAgent(ca ? { connect: { ca } } : {});
  return {
    url: config.WHATSAPP_URL,
    real,
    uploadAgent: ca ? new HttpsAgent({ ca, keepAlive: true }) : undefined,
    downloads: (host) => (real ? {} : divert(agent, (origin) => mediaOrigin(origin, host()))),
    web: real ? {} : substituteWeb(agent, config.WHATSAPP_URL),
  };
}

const realMediaHost = "mmg.whatsapp.net";

/**
 * Replaces WhatsApp's media host, from which Baileys fetches history and app state by name, by that of the server that replaces
 * WhatsApp. The real host must not receive these requests.
 */
function mediaOrigin(origin: string, host: string): string {
  if (origin !== `https://${realMediaHost}`) return origin;
  if (host === realMediaHost) throw new Error("the server that replaces WhatsApp has not named its media host yet");
  return `https://${host}`;
}

/** Sends requests for web.whatsapp.com to the server that replaces WhatsApp, on the port of its WebSocket. */
function substituteWeb(agent: FetchAgent, url: string | undefined): RequestInit | undefined {
  if (!url) return undefined;
  const { protocol, host } = new URL(url);
  return divert(agent, () => `${protocol === "wss:" ? "https:" : "http:"}//${host}`);
}

/** Returns `fetch` options that send requests to another origin. */
function divert(agent: FetchAgent, to: (origin: string) => string): RequestInit {
  const composed = agent.compose(
    (dispatch) => (options, handler) => dispatch({ ...options, origin: to(String(options.origin)) }, handler),
  );
  // Node's own `fetch` uses an older dispatcher interface than the installed undici.
  const dispatcher: Dispatcher = new Dispatcher1Wrapper(composed) as unknown as Dispatcher;
  return { dispatcher } as unknown as RequestInit;
}

function readCa(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new ConfigError(`WHATSAPP_MEDIA_CA: ${(error as Error).message}`);
  }
}

/** Drops libsignal's output: it prints whole sessions with private keys to the console (6.0.0, `session_record.js`, `queue_job.js`). */
function silenceLibsignal(): void {
  for (const name of ["info", "warn", "error", "log"] as const) {
    const original = console[name].bind(console);
    console[name] = (...args: unknown[]) => {
      if (new Error().stack?.includes("/libsignal/")) return;
      original(...args);
    };
  }
}
