import { Agent as HttpsAgent } from "node:https";
import { inspect } from "node:util";
import {
  type AuthenticationCreds,
  type ConnectionState,
  Curve,
  DisconnectReason,
  initAuthCreds,
  makeWASocket,
  proto,
  type SignalDataSet,
  type SignalDataTypeMap,
  type SignalKeyStore,
  type UserFacingSocketConfig,
  WA_CERT_DETAILS,
  type WAMessage,
  type WASocket,
} from "@whiskeysockets/baileys";
import pino from "pino";
import { Agent, Dispatcher1Wrapper } from "undici";
import type { Phone } from "../../../simulator/index.ts";
import type { WhatsApp } from "../../../simulator/server/whatsapp.ts";
import { verify } from "../../../simulator/wire/crypto.ts";

/** Silences the console methods with which libsignal prints sessions, including private keys. */
export function silenceLibsignal(): void {
  for (const method of ["info", "warn", "error"] as const) console[method] = () => undefined;
}

/** Replaces Baileys' signature verification, which accepts any signature, with a real one. */
export function strictVerification(): void {
  Curve.verify = (key, message, signature) => verify(key, message, signature);
}

type Waiter<T> = { matches: (value: T) => boolean; resolve: (value: T) => void };

/** A list of events. Tests can wait for an event. */
export class Log<T> {
  readonly entries: T[] = [];
  #waiters = new Set<Waiter<T>>();

  push(entry: T): void {
    this.entries.push(entry);
    for (const waiter of this.#waiters) if (waiter.matches(entry)) waiter.resolve(entry);
  }

  /** Resolves with the first entry that matches, now or later. Rejects after `timeoutMs`. */
  waitFor(matches: (value: T) => boolean, timeoutMs = 10_000): Promise<T> {
    const found = this.entries.find(matches);
    if (found !== undefined) return Promise.resolve(found);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        const last = inspect(this.entries.slice(-3), { breakLength: Number.POSITIVE_INFINITY });
        reject(
          new Error(`none of the ${this.entries.length} entries matched within ${timeoutMs} ms; the last: ${last}`),
        );
      }, timeoutMs);
      const waiter: Waiter<T> = {
        matches,
        resolve: (value) => {
          clearTimeout(timer);
          this.#waiters.delete(waiter);
          resolve(value);
        },
      };
      this.#waiters.add(waiter);
    });
  }
}

/** Returns a key store that keeps Signal keys in memory. */
export function memoryKeys(): SignalKeyStore {
  const data: { [T in keyof SignalDataTypeMap]?: { [id: string]: SignalDataTypeMap[T] | null } } = {};
  return {
    async get(type, ids) {
      const found: { [id: string]: SignalDataTypeMap[typeof type] } = {};
      for (const id of ids) {
        const value = data[type]?.[id];
        if (value) found[id] = value;
      }
      return found;
    },
    async set(changes: SignalDataSet) {
      for (const [type, values] of Object.entries(changes)) {
        const kind = type as keyof SignalDataTypeMap;
        data[kind] ??= {};
        Object.assign(data[kind], values);
      }
    },
  };
}

/** A connection update. `code` is the status code of the error that closed the connection. */
export type Update = Partial<ConnectionState> & { code?: number | undefined };
/** The status of a message (`WAMessageStatus`). */
export type StatusUpdate = { id: string; chat: string; status: number };

/** A client that runs unmodified Baileys. After `close`, its credentials stay in memory for the next `connect`. */
export class Client {
  readonly wa: WhatsApp;
  readonly creds: AuthenticationCreds = initAuthCreds();
  readonly keys = memoryKeys();
  readonly updates = new Log<Update>();
  readonly messages = new Log<WAMessage>();
  readonly statuses = new Log<StatusUpdate>();
  readonly events = new Log<{ name: string; value: unknown }>();
  readonly #config: Partial<UserFacingSocketConfig>;
  socket: WASocket | undefined;

  constructor(wa: WhatsApp, config: Partial<UserFacingSocketConfig> = {}) {
    this.wa = wa;
    this.#config = config;
  }

  get sock(): WASocket {
    if (!this.socket) throw new Error("the client is not connected");
    return this.socket;
  }

  connect(): WASocket {
    WA_CERT_DETAILS.PUBLIC_KEY = Buffer.from(this.wa.rootKey, "hex");
    const dispatcher = mediaDispatcher(this.wa);
    const sock = makeWASocket({
      waWebSocketUrl: this.wa.url,
      auth: { creds: this.creds, keys: this.keys },
      logger: pino({ level: process.env.WA_LOG ?? "silent" }),
      getMessage: async () => undefined,
      fetchAgent: new HttpsAgent({ ca: this.wa.mediaCa }) as never,
      options: { dispatcher } as never,
      ...this.#config,
    });
    this.socket = sock;
    sock.ev.on("creds.update", (update) => void Object.assign(this.creds, update));
    sock.ev.on("connection.update", (update) => {
      const error = update.lastDisconnect?.error as { output?: { statusCode?: number } } | undefined;
      this.updates.push({ ...update, code: error?.output?.statusCode });
    });
    sock.ev.on("messages.upsert", ({ messages }) => {
      for (const message of messages) {
        this.messages.push(message);
        // Baileys merges a status into the message itself if both are in its event buffer.
        const { id, remoteJid } = message.key;
        if (message.status != null) this.statuses.push({ id: id ?? "", chat: remoteJid ?? "", status: message.status });
      }
    });
    sock.ev.on("messages.update", (updates) => {
      for (const { key, update } of updates) {
        if (update.status != null) {
          this.statuses.push({ id: key.id ?? "", chat: key.remoteJid ?? "", status: update.status });
        }
      }
    });
    for (const name of [
      "messaging-history.set",
      "groups.upsert",
      "chats.upsert",
      "contacts.update",
      "message-receipt.update",
      "lid-mapping.update",
      "chats.update",
      "presence.update",
      "labels.edit",
      "labels.association",
      "chats.delete",
      "contacts.upsert",
      "blocklist.update",
    ] as const) {
      sock.ev.on(name, (value: unknown) => this.events.push({ name, value }));
    }
    return sock;
  }

  /** Resolves with the next connection update that matches. Ignores earlier updates. Rejects after `timeoutMs`. */
  next(matches: (update: Update) => boolean, timeoutMs = 15_000): Promise<Update> {
    const seen = new Set(this.updates.entries);
    return this.updates.waitFor((update) => !seen.has(update) && matches(update), timeoutMs);
  }

  /** Connects with the current credentials and waits for the update `open`. */
  async login(): Promise<void> {
    const opened = this.next((update) => update.connection === "open");
    this.connect();
    await opened;
  }

  async close(): Promise<void> {
    const { socket } = this;
    this.socket = undefined;
    await socket?.end(undefined);
  }

  /** Links the client with a QR code. Waits for 515, then logs in and waits for the history. */
  async pair(phone: Phone): Promise<void> {
    const shown = this.next((update) => update.qr !== undefined);
    this.connect();
    const { qr } = await shown;
    const restart = this.next((update) => update.connection === "close");
    await phone.scanQr(qr ?? "");
    const { code } = await restart;
    if (code !== DisconnectReason.restartRequired) throw new Error(`expected 515 after pairing, not ${code}`);
    await this.login();
    await this.events.waitFor(({ name }) => name === "messaging-history.set");
  }

  waitForText(text: string, timeoutMs?: number): Promise<WAMessage> {
    return this.messages.waitFor((message) => textOf(message) === text, timeoutMs);
  }
}

export function textOf({ message }: WAMessage): string | undefined {
  return message?.conversation ?? message?.extendedTextMessage?.text ?? undefined;
}

/** Returns a dispatcher that trusts the simulator's CA, and sends requests for WhatsApp's media host to the simulator's. */
export function mediaDispatcher(wa: WhatsApp) {
  const agent = new Agent({ connect: { ca: wa.mediaCa } }).compose(
    (dispatch) => (options, handler) =>
      dispatch(
        String(options.origin) === "https://mmg.whatsapp.net"
          ? { ...options, origin: `https://${wa.mediaHost}` }
          : options,
        handler,
      ),
  );
  // Baileys calls Node's built-in fetch, which expects the interface of an older undici.
  return new Dispatcher1Wrapper(agent);
}

export { proto };
