import {
  type AuthenticationCreds,
  DisconnectReason,
  initAuthCreds,
  makeWASocket,
  proto,
  type SignalDataSet,
  type SignalDataTypeMap,
  type SignalKeyStore,
  type WAMessage,
  type WASocket,
} from "@whiskeysockets/baileys";
import pino from "pino";

export interface AccountState {
  creds: AuthenticationCreds;
  keys: Record<string, Record<string, unknown>>;
}

export interface AccountHandlers {
  onQr(qr: string): void;
  onText(text: string): void;
  onProblem(problem: string): void;
}

/** Baileys with its defaults and with credentials and keys in memory, and the minimum that a program has to add. */
export class Account {
  readonly creds: AuthenticationCreds;
  readonly #keys: MemoryKeys;
  readonly #url: string;
  readonly #handlers: AccountHandlers;
  #sock: WASocket | undefined;

  constructor(url: string, handlers: AccountHandlers, state?: AccountState) {
    this.#url = url;
    this.#handlers = handlers;
    this.creds = state?.creds ?? initAuthCreds();
    this.#keys = new MemoryKeys(state?.keys);
  }

  get state(): AccountState {
    return { creds: this.creds, keys: this.#keys.data };
  }

  get sock(): WASocket {
    if (!this.#sock) throw new Error("the account is not connected");
    return this.#sock;
  }

  /** Resolves when WhatsApp has accepted the login, after a scan if one is needed. */
  connect(): Promise<void> {
    return new Promise((resolve) => this.#open(resolve));
  }

  #open(onOpen: () => void): void {
    const sock = makeWASocket({
      waWebSocketUrl: this.#url,
      auth: { creds: this.creds, keys: this.#keys },
      logger: pino({ level: "silent" }),
      getMessage: async () => undefined,
    });
    this.#sock = sock;
    sock.ev.on("creds.update", (update) => Object.assign(this.creds, update));
    sock.ev.on("connection.update", ({ qr, connection, lastDisconnect }) => {
      if (qr) this.#handlers.onQr(qr);
      if (connection === "open") onOpen();
      if (connection !== "close") return;
      const code = (lastDisconnect?.error as { output?: { statusCode?: number } } | undefined)?.output?.statusCode;
      if (code === DisconnectReason.restartRequired) this.#open(onOpen);
      else this.#handlers.onProblem(`a connection of bare Baileys was closed: ${code ?? lastDisconnect?.error}`);
    });
    sock.ev.on("messages.upsert", ({ messages }) => {
      for (const message of messages) {
        const text = message.key.fromMe ? undefined : textOf(message);
        if (text) this.#handlers.onText(text);
      }
    });
  }
}

function textOf({ message }: WAMessage): string | null | undefined {
  return message?.conversation ?? message?.extendedTextMessage?.text;
}

class MemoryKeys implements SignalKeyStore {
  readonly data: Record<string, Record<string, unknown>>;

  constructor(data: Record<string, Record<string, unknown>> = {}) {
    this.data = data;
  }

  async get<Type extends keyof SignalDataTypeMap>(type: Type, ids: string[]) {
    const found: { [id: string]: SignalDataTypeMap[Type] } = {};
    for (const id of ids) {
      const value = this.data[type]?.[id];
      if (value !== undefined) found[id] = revive(type, value) as SignalDataTypeMap[Type];
    }
    return found;
  }

  async set(changes: SignalDataSet) {
    for (const [type, values] of Object.entries(changes)) {
      const kept = this.data[type] ?? {};
      this.data[type] = kept;
      for (const [id, value] of Object.entries(values)) {
        if (value === null || value === undefined) delete kept[id];
        else kept[id] = value;
      }
    }
  }
}

/** Turns the plain object that was read from a file into the message that Baileys expects. */
function revive(type: string, value: unknown): unknown {
  return type === "app-state-sync-key" ? proto.Message.AppStateSyncKeyData.fromObject(value as object) : value;
}
