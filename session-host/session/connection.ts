import {
  type AuthenticationCreds,
  areJidsSameUser,
  type BinaryNode,
  type ConnectionState,
  DEFAULT_CONNECTION_CONFIG,
  initAuthCreds,
  jidDecode,
  makeWASocket,
  proto,
  type WASocket,
} from "@whiskeysockets/baileys";
import type { ClientVersion } from "../../core/client-version/index.ts";
import type { Vault } from "../../core/crypto/index.ts";
import type { Database } from "../../core/db/index.ts";
import type { Logger } from "../../core/log.ts";
import { findSurvey } from "../../core/message/response.ts";
import { statusChat } from "../../core/message/status.ts";
import { KeyStore } from "../baileys/key-store.ts";
import { JournalingSignal } from "../baileys/signal.ts";
import type { WhatsAppEndpoint } from "../baileys/whatsapp.ts";
import { isPostRetry, postAgain } from "../command/status-retry.ts";
import type { OpenConnection } from "../executors/types.ts";
import { journalCall } from "../inbound/calls.ts";
import { ChannelSource } from "../inbound/channels.ts";
import { ContactSource } from "../inbound/contacts.ts";
import { DisappearingTimers } from "../inbound/disappearing.ts";
import { journalGroup } from "../inbound/group-events.ts";
import { journalMessage } from "../inbound/inbox.ts";
import { type Acquaintance, phonesOf } from "../inbound/jids.ts";
import { LabelBook } from "../inbound/labels.ts";
import { PresenceBook } from "../inbound/presences.ts";
import { EarlyReceipts, journalReceipt } from "../inbound/receipts.ts";
import { Responses } from "../inbound/responses.ts";
import type { Change } from "../ledger/change.ts";
import type { Ledger } from "../ledger/ledger.ts";
import type { MediaConnection } from "../media/media.ts";
import { type SharedCaches, sessionCaches, ttlCache } from "./caches.ts";
import { Gate, type Outlet } from "./gate.ts";
import { GroupAdmins } from "./group-admins.ts";
import { keepPresenceTyped } from "./own-presence.ts";

export interface ConnectionDeps {
  db: Database;
  vault: Vault;
  ledger: Ledger;
  leaseHeld: () => boolean;
  endpoint: WhatsAppEndpoint;
  caches: SharedCaches;
  log: Logger;
}

export interface ConnectionHandlers {
  onUpdate(update: Partial<ConnectionState>): void;
  /** WhatsApp's answer to a message of ours; `error` is its code when it refuses. */
  onAck(ack: { waId: string; error: string | undefined }): void;
  /** What was sent under this id and is in no row. */
  recall(waId: string): proto.IMessage | undefined;
  /** Something was recorded that has a file to fetch. */
  onMedia(): void;
}

/** Credentials are wanted but not there: deleted from outside, or a bug. Nothing makes new ones in their place. */
export class CredentialsMissing extends Error {
  override readonly name = "CredentialsMissing";
}

/** One Baileys socket, from its opening to its end, with all that makes it durable around it. */
export class Connection implements OpenConnection, MediaConnection {
  readonly sock: WASocket;
  readonly creds: AuthenticationCreds;
  readonly contacts: ContactSource;
  readonly presences = new PresenceBook();
  readonly disappearing = new DisappearingTimers();
  readonly labels: LabelBook;
  /** For `fetch`: where this connection's media is. */
  readonly downloads: RequestInit;
  readonly #gate: Gate;
  readonly #record: (change: Change) => Promise<void>;
  readonly #settle: () => Promise<void>;

  /** Reads the credentials, making new ones only if the instance has never been linked, and opens the socket. */
  static async open(
    deps: ConnectionDeps,
    instance: { id: string; linked: boolean; version: ClientVersion },
    handlers: ConnectionHandlers,
  ): Promise<Connection> {
    const gate = new Gate(deps.leaseHeld);
    let pending: Promise<unknown> = Promise.resolve();
    let over = false;
    const fail = (error: unknown) => {
      if (!gate.failed)
        deps.log.error({ err: error, instanceId: instance.id }, "the session stops: its state cannot be kept");
      gate.fail();
    };
    const record = (change: Change): Promise<void> => {
      if (over) return Promise.reject(new Error("the connection is over"));
      const durable = deps.ledger.append(instance.id, change);
      gate.record(durable);
      pending = durable.then(() => {
        if (change.keys) store.settled(change.keys);
        if (change.messages?.some((message) => message.media)) handlers.onMedia();
      }, fail);
      return durable;
    };
    const store = new KeyStore({
      db: deps.db,
      vault: deps.vault,
      instanceId: instance.id,
      record: (change) => void record(change).catch(fail),
      fail,
    });
    const creds = await loadCreds(store, instance.linked);
    const settle = async () => {
      over = true;
      await pending;
    };
    return new Connection(deps, instance, handlers, { gate, store, creds, record, settle, fail });
  }

  private constructor(
    deps: ConnectionDeps,
    { id: instanceId, version }: { id: string; version: ClientVersion },
    handlers: ConnectionHandlers,
    parts: {
      gate: Gate;
      store: KeyStore;
      creds: AuthenticationCreds;
      record: (change: Change) => Promise<void>;
      settle: () => Promise<void>;
      fail: (error: unknown) => void;
    },
  ) {
    const { gate, store, creds, record, fail } = parts;
    this.#gate = gate;
    this.#record = record;
    this.#settle = parts.settle;
    this.creds = creds;
    const me = () => ({ id: creds.me?.id ?? "", lid: creds.me?.lid ?? "" });
    const early = new EarlyReceipts();
    this.labels = new LabelBook(record);
    this.contacts = new ContactSource({ instanceId, log: deps.log, me, record });
    const admins = new GroupAdmins((group) => this.sock.groupMetadata(group), deps.log);
    const survey = async (waId: string, chatIds: readonly string[]) => {
      try {
        const found = await findSurvey(deps.db, instanceId, waId, chatIds);
        if (found) return found;
        // It may have come just before, and wait to be committed.
        await record({});
        return await findSurvey(deps.db, instanceId, waId, chatIds);
      } catch (error) {
        fail(error);
        throw error;
      }
    };
    const responses = new Responses({ me, find: survey, log: deps.log.child({ instanceId }) });
    const signal = new JournalingSignal({
      db: deps.db,
      vault: deps.vault,
      instanceId,
      store,
      fail,
      log: deps.log,
      journal: async (stanza, plaintext, repository) =>
        this.contacts.join(
          early.join(
            await journalMessage(
              { instanceId, me: me(), isAdmin: admins.has, responses },
              stanza,
              plaintext,
              repository,
            ),
          ),
          stanza,
        ),
    });
    const { url, uploadAgent, real } = deps.endpoint;
    this.downloads = deps.endpoint.downloads(() => this.sock.getMediaHost());
    const said = async (waId: string) => handlers.recall(waId) ?? (await sentMessage(deps.db, instanceId, waId));
    this.sock = makeWASocket({
      ...DEFAULT_CONNECTION_CONFIG,
      version,
      ...(url ? { waWebSocketUrl: url } : {}),
      ...(uploadAgent ? { fetchAgent: uploadAgent } : {}),
      options: this.downloads,
      auth: { creds, keys: store.keys },
      makeSignalRepository: signal.makeRepository,
      logger: deps.log.child(
        { part: "baileys", instanceId },
        { level: baileysLevel(deps.log.level), redact: ["node"] },
      ),
      emitOwnEvents: false,
      // While a linked device is online, the owner's phone gets no push notifications.
      markOnlineOnConnect: false,
      enableRecentMessageCache: false,
      syncFullHistory: false,
      msgRetryCounterCache: ttlCache(1000, 60 * 60_000),
      placeholderResendCache: ttlCache(200, 60 * 60_000),
      ...sessionCaches(deps.caches, (user) => [me().id, me().lid].some((jid) => jidDecode(jid)?.user === user)),
      getMessage: async ({ id, remoteJid }) => (id && remoteJid !== statusChat ? await said(id) : undefined),
    });
    keepPresenceTyped(this.sock, creds, deps.log.child({ instanceId }));
    this.#guardSocket();
    // Before Baileys' own listeners, so that what a stanza changes is recorded before the answer to it reaches the gate.
    const { ws, ev } = this.sock;
    ws.prependListener("CB:message", (stanza: BinaryNode) => signal.announce(stanza));
    ws.prependListener("CB:receipt", (stanza: BinaryNode) => {
      if (isPostRetry(stanza))
        void postAgain({ sock: this.sock, db: deps.db, instanceId, log: deps.log, said }, stanza);
      const change = journalReceipt(stanza, (jid) => areJidsSameUser(jid, me().id) || areJidsSameUser(jid, me().lid));
      if (!change) return;
      early.keep(change);
      void record({ ...change, correlationId: stanza.attrs.id }).catch(fail);
    });
    const known: Acquaintance = {
      isMe: (jid) => areJidsSameUser(jid, me().id) || areJidsSameUser(jid, me().lid),
      phones: (lids) => phonesOf(this.sock, lids),
    };
    const inOrder = recordInOrder(gate, record, fail);
    const channels = new ChannelSource({ db: deps.db, instanceId, log: deps.log, me, record });
    for (const tag of ["CB:message", "CB:notification,type:mex"])
      ws.prependListener(tag, (stanza: BinaryNode) => inOrder(stanza, channels.journal(this.sock, stanza)));
    for (const tag of ["CB:notification,type:w:gp2", "CB:notification,type:picture"])
      ws.prependListener(tag, (stanza: BinaryNode) => inOrder(stanza, journalGroup(instanceId, stanza, known)));
    ws.prependListener("CB:call", (stanza: BinaryNode) => inOrder(stanza, journalCall(instanceId, stanza, known)));
    // Not known in time, a download says so itself. The media host must be known before the first history arrives: see `WhatsAppEndpoint.downloads`.
    if (!real) ws.prependListener("CB:success", () => void this.sock.refreshMediaConn(false).catch(() => undefined));
    ws.on("CB:ack,class:message", ({ attrs }: BinaryNode) => {
      if (attrs.id) handlers.onAck({ waId: attrs.id, error: attrs.error });
    });
    ev.on("creds.update", () => void record({ keys: [KeyStore.credsWrite(creds)] }).catch(fail));
    ev.on("connection.update", (update) => handlers.onUpdate(update));
    this.contacts.listen(this.sock);
    channels.listen(this.sock);
    for (const book of [this.presences, this.disappearing, this.labels]) book.listen(this.sock);
    if (!creds.me) void record({ keys: [KeyStore.credsWrite(creds)] }).catch(fail);
  }

  /** Makes a change durable, in order with everything else of this session; frames sent after this wait for it. */
  record(change: Change): Promise<void> {
    if (change.contacts) this.contacts.note(change.contacts);
    return this.#record(change);
  }

  /** Ends the socket without logging out; resolves when what was recorded is durable or refused. Late writes are dropped. */
  async close(): Promise<void> {
    this.#gate.fail();
    this.sock.ev.removeAllListeners("connection.update");
    await Promise.all([this.sock.end(undefined), this.#settle()]);
  }

  #guardSocket(): void {
    const socket = (this.sock.ws as unknown as { socket: Outlet | null }).socket;
    if (!socket) throw new Error("Baileys no longer opens its WebSocket at once: the gate has nothing to guard");
    this.#gate.guard(socket);
  }
}

/** Records changes of which some are known later than their stanzas: in the order of these, before what is answered to them. */
function recordInOrder(gate: Gate, record: (change: Change) => Promise<void>, fail: (error: unknown) => void) {
  let turn: Promise<unknown> | undefined;
  return ({ attrs: { id: correlationId } }: BinaryNode, change: Change | Promise<Change> | undefined): void => {
    if (!change) return;
    if (!turn && !(change instanceof Promise)) {
      void record({ ...change, correlationId }).catch(fail);
      return;
    }
    const before = turn;
    const done = Promise.all([change, before]).then(([known]) => record({ ...known, correlationId }));
    const settled = done.catch(fail).then(() => {
      if (turn === settled) turn = undefined;
    });
    turn = settled;
    gate.record(done);
  };
}

async function loadCreds(store: KeyStore, linked: boolean): Promise<AuthenticationCreds> {
  const creds = await store.loadCreds();
  if (!creds) {
    if (linked) throw new CredentialsMissing("the instance is linked, but its credentials are not in the database");
    return initAuthCreds();
  }
  if (creds.me && !creds.account) {
    // A pairing by code that was cut off: Baileys would try to log in as somebody who was never paired.
    delete creds.me;
    creds.pairingCode = undefined;
  }
  return creds;
}

/** What we sent under this id: answers a device that could not decrypt it. */
async function sentMessage(db: Database, instanceId: string, waId: string): Promise<proto.IMessage | undefined> {
  const [row] = await db.sql<{ payload: Buffer | null }[]>`
    select payload from messages where instance_id = ${instanceId} and wa_id = ${waId} and from_me and payload is not null`;
  return row?.payload ? proto.Message.decode(row.payload) : undefined;
}

/**
 * Baileys logs every connection and stanza at `info`, and a 515 that belongs to every pairing at `error`: that is for whoever asks
 * for it. What matters is logged by us.
 */
function baileysLevel(level: string): string {
  return ["trace", "debug", "silent"].includes(level) ? level : "fatal";
}
