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

/** Where WhatsApp is, and whom to trust there. */
export interface WhatsAppEndpoint {
  /** Undefined for the real one. */
  url: string | undefined;
  /** False when anything stands in place of WhatsApp's own. */
  real: boolean;
  /** For Baileys' uploads, which go through `node:https`. */
  uploadAgent: HttpsAgent | undefined;
  /** What Baileys' downloads go through, for a connection whose media host is what `host` answers. Undefined for the real one. */
  downloads(host: () => string): RequestInit;
  /** For `fetch`: how WhatsApp Web's page is reached. Undefined when it must not be asked. */
  web: RequestInit | undefined;
}

const curve = createRequire(import.meta.url)("libsignal/src/curve.js") as {
  verifySignature(publicKey: Buffer, message: Uint8Array, signature: Uint8Array): boolean;
};

/**
 * Baileys discards what libsignal's `verifySignature` answers and takes every signature for good (7.0.0-rc14,
 * `Utils/crypto.js`). With this the server's certificates and the signature of the account at a pairing are really checked.
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
/** The other side's key in the agreement of this very moment: see `verifyHandshake`. */
let agreedWith: Uint8Array | undefined;

/**
 * Baileys never compares the leaf's key with the static key that the server used, so whoever has once seen WhatsApp's chain
 * could show it as their own. In a handshake (`processHandshake`, which does not wait for anything) the leaf's signature is
 * what is verified first after the agreement with the static key; elsewhere nothing is verified right after an agreement.
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
 * Sets up Baileys for this process: signatures that are verified, the root key of `WHATSAPP_ROOT_KEY`, no private keys on
 * the console, ratchets that survive a message not meant for them, files of channels where WhatsApp wants them, and Node's cheap way with keys. Throws `ConfigError` when the file of `WHATSAPP_MEDIA_CA` cannot be read.
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
 * Baileys fetches history and app state from WhatsApp's own media host by name. Where another server stands in place of
 * WhatsApp, its media host must too, and the real one must not hear of it.
 */
function mediaOrigin(origin: string, host: string): string {
  if (origin !== `https://${realMediaHost}`) return origin;
  if (host === realMediaHost) throw new Error("the server in place of WhatsApp has not named its media host yet");
  return `https://${host}`;
}

/** Asks the server in place of WhatsApp, on the port of its WebSocket, for what Baileys asks web.whatsapp.com. */
function substituteWeb(agent: FetchAgent, url: string | undefined): RequestInit | undefined {
  if (!url) return undefined;
  const { protocol, host } = new URL(url);
  return divert(agent, () => `${protocol === "wss:" ? "https:" : "http:"}//${host}`);
}

/** For `fetch`: what is meant for one origin is asked of another one. */
function divert(agent: FetchAgent, to: (origin: string) => string): RequestInit {
  const composed = agent.compose(
    (dispatch) => (options, handler) => dispatch({ ...options, origin: to(String(options.origin)) }, handler),
  );
  // Node's own `fetch` speaks an older interface than the undici that is installed.
  const dispatcher: Dispatcher = new Dispatcher1Wrapper(composed) as unknown as Dispatcher;
  return { dispatcher } as unknown as RequestInit;
}

function readCa(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new ConfigError(`The environment is not usable:\n  WHATSAPP_MEDIA_CA: ${(error as Error).message}`);
  }
}

/** libsignal prints whole sessions, private keys among them, through `console.info` and friends (`session_record.js`, `queue_job.js`). */
function silenceLibsignal(): void {
  for (const name of ["info", "warn", "error", "log"] as const) {
    const original = console[name].bind(console);
    console[name] = (...args: unknown[]) => {
      if (new Error().stack?.includes("/libsignal/")) return;
      original(...args);
    };
  }
}
