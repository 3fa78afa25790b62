import type { Agent as HttpsAgent } from "node:https";
import {
  type CacheStore,
  DEFAULT_CONNECTION_CONFIG,
  makeWASocket,
  type SocketConfig,
  type UserFacingSocketConfig,
  type WABrowserDescription,
  type WASocket,
} from "@whiskeysockets/baileys";
import type { SessionSettings } from "../../../core/instance/session-settings.ts";
import type { Logger } from "../../../core/log.ts";
import { defined } from "../../../core/object.ts";
import type { Route } from "../../baileys/send/route.ts";
import type { WhatsAppEndpoint } from "../../baileys/whatsapp.ts";
import { isEmptyHistory } from "../../inbound/history.ts";
import { ttlCache } from "./caches.ts";
import type { Outlet } from "./gate.ts";

const hourMs = 60 * 60_000;
/**
 * How long the WebSocket may take to open, and the server to answer the first frame, in milliseconds: Baileys' default for
 * `connectTimeoutMs`.
 */
const connectTimeoutMs = 20_000;

export interface SocketOptions
  extends Pick<SocketConfig, "cachedGroupMetadata" | "makeSignalRepository">,
    Pick<UserFacingSocketConfig, "auth" | "version" | "syncFullHistory" | "userDevicesCache" | "callOfferCache"> {
  instanceId: string;
  endpoint: WhatsAppEndpoint;
  route: Route;
  settings: SessionSettings;
  /** Resolves when the handshake may start on the open WebSocket. */
  beforeHandshake: () => Promise<void>;
  /** How Baileys fetches files from WhatsApp's media host. */
  downloads: RequestInit;
  log: Logger;
}

/**
 * A cache with which Baileys does not ask the owner's phone for a message that can't be decrypted. The journal does not
 * record the phone's answer. Before it asks, Baileys waits for two seconds inside the queue of all messages of the
 * account (7.0.0-rc14, `Socket/messages-recv.js`, `requestPlaceholderResend`), and for `retryRequestDelayMs` after it has
 * asked the sender, so a stranger could stop the messages of the account with unreadable ones.
 */
const noPlaceholderRequests = {
  get: <T>() => true as T,
  set: () => undefined,
  del: () => undefined,
  flushAll: () => undefined,
} satisfies CacheStore;

/**
 * Returns the description of a device with a name. WhatsApp gets it only when the device is linked (`DeviceProps`), and
 * the phone then shows `Google Chrome (<name>)` (https://github.com/devlikeapro/waha/pull/2152).
 */
const namedBrowser = (name: string): WABrowserDescription => {
  const [, browser, version] = DEFAULT_CONNECTION_CONFIG.browser;
  return [name, browser, version];
};

/** Opens a Baileys socket that is configured for a host with many sessions. */
export function openSocket(options: SocketOptions): WASocket {
  const { instanceId, endpoint, route, settings, beforeHandshake, downloads, log, ...config } = options;
  const { url } = endpoint;
  const sock = makeWASocket({
    ...DEFAULT_CONNECTION_CONFIG,
    ...(url ? { waWebSocketUrl: url } : {}),
    ...defined({ agent: route.socketAgent as HttpsAgent | undefined, fetchAgent: route.uploadAgent }),
    ...(settings.deviceName !== null && { browser: namedBrowser(settings.deviceName) }),
    options: downloads,
    logger: log.child({ part: "baileys", instanceId }, { level: baileysLevel(log.level), redact: ["node"] }),
    // While a linked device is online, the owner's phone gets no push notifications.
    markOnlineOnConnect: settings.presence === "available",
    emitOwnEvents: false,
    enableRecentMessageCache: false,
    shouldSyncHistoryMessage: isEmptyHistory,
    msgRetryCounterCache: ttlCache(1000, hourMs),
    placeholderResendCache: noPlaceholderRequests,
    retryRequestDelayMs: 0,
    // With a time limit, Baileys makes a timer and two stack traces for each frame that it sends (7.0.0-rc14,
    // `sendRawMessage` in `Socket/socket.js`). `limitConnecting` limits the time to connect instead.
    connectTimeoutMs: 0,
    // Baileys would send the message to anyone who asks for it. `Retries` answers these requests.
    getMessage: async () => undefined,
    ...config,
  });
  const timer = limitConnecting(sock);
  delayHandshake(sock, async () => {
    timer.stop();
    await beforeHandshake();
    if (sock.ws.isOpen) timer.start();
  });
  return sock;
}

/** Ends a socket that takes too long to open, or whose server does not answer the handshake. */
function limitConnecting(sock: WASocket) {
  let timer: NodeJS.Timeout | undefined;
  const stop = () => clearTimeout(timer);
  const start = () => {
    stop();
    timer = setTimeout(() => {
      void sock.end(Object.assign(new Error("WhatsApp did not answer in time"), { output: { statusCode: 408 } }));
    }, connectTimeoutMs);
  };
  sock.ws.once("frame", stop);
  sock.ws.once("close", stop);
  start();
  return { start, stop };
}

/** Baileys starts the handshake in its listener to `open` (7.0.0-rc14, `Socket/socket.js`). */
function delayHandshake({ ws }: WASocket, until: () => Promise<void>): void {
  const listeners = ws.listeners("open");
  if (listeners.length === 0) throw new Error("Baileys no longer listens to `open`: nothing to delay");
  ws.removeAllListeners("open");
  ws.on("open", async () => {
    await until();
    if (ws.isOpen) for (const listener of listeners) listener.call(ws);
  });
}

/** Returns the WebSocket under a Baileys socket. */
export function outletOf(sock: WASocket): Outlet {
  const { socket } = sock.ws as unknown as { socket: Outlet | null };
  if (!socket) throw new Error("Baileys no longer opens its WebSocket at once: the gate has nothing to guard");
  return socket;
}

/**
 * Returns the log level for Baileys. Baileys logs every connection and stanza at `info`, and the error 515, which is
 * part of every pairing, at `error`. Its log lines are therefore written only if our level is `debug` or lower. The
 * host itself logs the important events.
 */
function baileysLevel(level: string): string {
  return ["trace", "debug", "silent"].includes(level) ? level : "fatal";
}
