import { EventEmitter } from "node:events";
import { type AuthenticationCreds, areJidsSameUser, type BinaryNode, type WASocket } from "@whiskeysockets/baileys";
import { boundId } from "../../../core/bound.ts";
import type { ClientVersion } from "../../../core/config.ts";
import { readHistorySetting } from "../../../core/history/index.ts";
import type { InstanceHistory } from "../../../core/instance/instance.sql.ts";
import { AppStateGuard } from "../../app-state/guard.ts";
import { Snapshots } from "../../app-state/snapshots.ts";
import { Addressing } from "../../baileys/address/addressing.ts";
import { type JidResolver, knownJids, lidsOf, personOf, phonesOf } from "../../baileys/address/jids.ts";
import { KeyStore } from "../../baileys/key-store.ts";
import { failOpenQueriesAtEnd } from "../../baileys/open-queries.ts";
import { capReport, timeLockReport } from "../../baileys/restriction.ts";
import { keepGroupLids } from "../../baileys/send/group-lids.ts";
import type { Recipients } from "../../baileys/send/recipients.ts";
import { JournalingSignal } from "../../baileys/signal.ts";
import { nameStanzasInWork, orQuarantine, stanzaSource } from "../../baileys/stanza-source.ts";
import { isRetry, Retries } from "../../command/send/retries.ts";
import type { OpenConnection } from "../../executors/types.ts";
import { completeCall, journalCall } from "../../inbound/calls.ts";
import { ChannelSource } from "../../inbound/channels.ts";
import { ChatBook } from "../../inbound/chats.ts";
import { ContactSource } from "../../inbound/contacts.ts";
import { DisappearingTimers } from "../../inbound/disappearing.ts";
import { journalGroup } from "../../inbound/group-events.ts";
import { withoutHistory } from "../../inbound/history.ts";
import { LabelBook } from "../../inbound/labels.ts";
import type { Me } from "../../inbound/message/address.ts";
import { journalMessage } from "../../inbound/message/journal.ts";
import { WaitingNotes } from "../../inbound/message/waiting.ts";
import { PresenceBook } from "../../inbound/presences.ts";
import { EarlyReceipts, journalOwnRead, journalReceipt } from "../../inbound/receipts.ts";
import { withUnarchivals } from "../../inbound/unarchival.ts";
import type { StoredUnreadable } from "../../inbound/unreadable/answer.ts";
import { assertAddressed, journalError, journalUnavailable } from "../../inbound/unreadable/journal.ts";
import type { Change, NewMessage } from "../../ledger/change.ts";
import { loadRefused } from "../../ledger/refusal.ts";
import type { MediaConnection } from "../../media/downloads.ts";
import { MediaHosts } from "../../media/hosts.ts";
import { loadCredentials } from "../credentials.ts";
import { FollowUp } from "../follow-up.ts";
import { GroupAdmins } from "../group-admins.ts";
import { Passkey } from "../link/passkey.ts";
import { QrCodes } from "../link/qr-codes.ts";
import { readAppStateOnce, takeImport } from "../link/session-import.ts";
import { preventUntypedPresence } from "../own-presence.ts";
import { findUnreadable } from "../phone-requests.ts";
import { Recorder } from "../recorder.ts";
import { putAsideRefused, putAsideThrown } from "../refused-stanzas.ts";
import { recipientsOf } from "./caches.ts";
import type { ConnectionDeps, ConnectionHandlers, ConnectionParts } from "./connection-parts.ts";
import { Gate } from "./gate.ts";
import type { LiveSettings } from "./live-settings.ts";
import { openSocket, outletOf } from "./socket.ts";

/** One Baileys socket, from opening to closing, and everything that makes its state durable. */
export class Connection implements OpenConnection, MediaConnection {
  readonly sock: WASocket;
  readonly creds: AuthenticationCreds;
  /** Whether the session comes from another program, and this is its first connection. */
  readonly imported: boolean;
  readonly contacts: ContactSource;
  readonly presences = new PresenceBook();
  readonly disappearing: DisappearingTimers;
  readonly labels: LabelBook;
  readonly chats: ChatBook;
  readonly waiting: WaitingNotes;
  readonly passkey: Passkey;
  readonly #qrCodes: QrCodes;
  /** Runs work while no message is decrypted and recorded. */
  readonly exclusively: <Result>(work: () => Promise<Result>) => Promise<Result>;
  readonly recipients: Recipients;
  readonly addressing: Addressing;
  readonly mediaHosts: MediaHosts;
  readonly settings: LiveSettings;
  readonly #deps: ConnectionDeps;
  readonly #instanceId: string;
  readonly #handlers: ConnectionHandlers;
  readonly #gate: Gate;
  readonly #recorder: Recorder;
  readonly #channels: ChannelSource;
  readonly #earlyReceipts = new EarlyReceipts();
  readonly #followUp: FollowUp;
  readonly #snapshots = new Snapshots();
  readonly #appState: AppStateGuard;
  /** The setting when it was last read. */
  #history: InstanceHistory;

  /** Reads the credentials and opens the socket. Makes new credentials only if the instance is not linked. */
  static async open(
    deps: ConnectionDeps,
    instance: { id: string; linked: boolean; version: ClientVersion; settings: LiveSettings },
    handlers: ConnectionHandlers,
  ): Promise<Connection> {
    const { db, vault, ledger, log } = deps;
    const gate = new Gate(deps.leaseHeld, () => ledger.hurry(instance.id));
    const durable: ConnectionParts["durable"] = new EventEmitter();
    const recorder = new Recorder({
      ledger,
      gate,
      log,
      instanceId: instance.id,
      onDurable(change) {
        if (change.keys) store.noteDurable(change.keys);
        if (change.messages?.some((message) => message.media)) handlers.onMedia();
        const received = change.messages?.filter((message) => !message.from_me);
        if (received?.length) handlers.onReceived(received.flatMap(chatsOf));
        durable.emit("change", change);
        if (change.historyParts) handlers.onHistory();
      },
    });
    const store = new KeyStore({
      db,
      vault,
      instanceId: instance.id,
      record: recorder.recordInBackground,
      fail: recorder.fail,
    });
    const imported = !instance.linked && (await takeImport(deps, store, instance.id));
    const creds = await loadCredentials(store, instance.linked);
    await deps.removeFormerAccount(instance.id, creds);
    const refused = await loadRefused(db.sql, instance.id);
    const history = await readHistorySetting(db, instance.id);
    const parts = { gate, recorder, store, creds, refused, durable, history, imported };
    return new Connection(deps, instance, handlers, parts);
  }

  private constructor(
    deps: ConnectionDeps,
    { id: instanceId, version, settings: live }: { id: string; version: ClientVersion; settings: LiveSettings },
    handlers: ConnectionHandlers,
    parts: ConnectionParts,
  ) {
    const { db, endpoint, log, caches } = deps;
    const { gate, store, creds, recorder, history } = parts;
    const { record, fail, recordInBackground } = recorder;
    this.#deps = deps;
    this.#instanceId = instanceId;
    this.#handlers = handlers;
    this.#gate = gate;
    this.#recorder = recorder;
    this.creds = creds;
    this.imported = parts.imported;
    this.#history = history;
    this.settings = live;
    const settings = live.current;
    this.labels = new LabelBook(record);
    this.chats = new ChatBook({ db, instanceId, keys: store.keys, me: this.#me, record });
    const save = () => this.#recordCredentials();
    this.addressing = new Addressing({ setting: endpoint.addressing, creds, sock: () => this.sock, save });
    const readGroup = (group: string) => this.recipients.groups.read(group);
    this.disappearing = new DisappearingTimers({ db, instanceId, fail, record: recordInBackground, readGroup });
    this.contacts = new ContactSource({ instanceId, log, me: this.#me, record });
    this.#channels = new ChannelSource({ db, instanceId, log, me: this.#me, record, ignores: live.ignores });
    const { proxy } = settings;
    const route = endpoint.route(proxy ? (target) => deps.dialProxy(proxy, target) : undefined);
    const downloads = route.downloads(() => this.sock.getMediaHost());
    this.mediaHosts = new MediaHosts(() => this.sock, downloads, deps.clock);
    // An empty change is durable after all earlier ones.
    this.exclusively = (work) => store.keys.transaction(work, instanceId);
    this.waiting = new WaitingNotes({ db, instanceId, settled: () => record({}), fail: recorder.fail });
    const signal = this.#journalingSignal(store);
    this.recipients = recipientsOf(caches, { socket: () => this.sock, store, gate });
    this.sock = openSocket({
      instanceId,
      version,
      endpoint,
      route,
      settings,
      beforeHandshake: handlers.beforeHandshake,
      downloads: this.#snapshots.options,
      userDevicesCache: this.recipients.deviceCache,
      callOfferCache: caches.callOfferCache,
      log,
      syncFullHistory: history === "full",
      auth: { creds, keys: store.keys },
      makeSignalRepository: signal.makeRepository,
      cachedGroupMetadata: this.recipients.groupMetadata,
    });
    this.#gate.guard(outletOf(this.sock));
    failOpenQueriesAtEnd(this.sock);
    this.#qrCodes = new QrCodes(this.sock);
    this.passkey = new Passkey(this.sock, (demand) => {
      this.#qrCodes.stop();
      handlers.onPasskey(demand);
    });
    preventUntypedPresence(this.sock, creds, settings, log.child({ instanceId }));
    const { addressing } = this;
    const { takeQueued } = deps;
    const reporter = { instanceId, log, me: this.#me, ignoring: live, record };
    this.#followUp = new FollowUp({ db, sock: this.sock, addressing, takeQueued, ...reporter });
    parts.durable.on("change", this.#followUp.after);
    this.#answerRetries();
    this.#journalStanzas(signal);
    keepGroupLids(this.sock, store);
    putAsideRefused(this.sock, parts.refused, recorder.recordInBackground);
    const { sock, mediaHosts } = this;
    const guarded = { sock, keys: store.keys, snapshots: this.#snapshots, mediaHosts, onEntries: this.chats.note };
    this.#appState = new AppStateGuard({ ...guarded, log: log.child({ instanceId }) });
    putAsideThrown(this.sock, recorder.recordInBackground, log.child({ instanceId }));
    this.#listen(parts.store);
    if (!creds.me) this.#recordCredentials();
  }

  /**
   * Makes a change durable, in order with all other changes of this session. Frames that are sent afterwards wait for
   * it.
   */
  record(change: Change): Promise<void> {
    if (change.contacts) this.contacts.note(change.contacts);
    return this.#recorder.record(change);
  }

  /**
   * Ends the socket without logging out, and rejects later changes. Resolves when all earlier changes are durable or
   * have failed.
   */
  async close(): Promise<void> {
    this.#followUp.stop();
    this.#qrCodes.stop();
    this.passkey.stop();
    this.recipients.clear();
    this.#appState.close();
    this.#snapshots.close();
    this.#gate.fail();
    this.sock.ev.removeAllListeners("connection.update");
    await Promise.all([this.sock.end(undefined), this.#recorder.close()]);
  }

  /** Sends nothing more, because of an error that nothing handled. */
  interrupt(): void {
    this.#gate.fail();
  }

  /** The parts of this connection that commands use. */
  get open(): OpenConnection {
    const { sock, presences, disappearing, labels, recipients, addressing } = this;
    return { sock, presences, disappearing, labels, recipients, addressing };
  }

  readonly #me = (): Me => ({ id: this.creds.me?.id ?? "", lid: this.creds.me?.lid ?? "" });

  readonly #isMe = (jid: string): boolean =>
    areJidsSameUser(jid, this.#me().id) || areJidsSameUser(jid, this.#me().lid);

  #journalingSignal(store: KeyStore): JournalingSignal {
    const { db, vault, log } = this.#deps;
    const instanceId = this.#instanceId;
    const admins = new GroupAdmins((group) => this.recipients.groups.read(group), log);
    const knownLids = (phones: readonly string[]) => lidsOf(store.keys, phones);
    return new JournalingSignal({
      db,
      vault,
      instanceId,
      store,
      fail: this.#recorder.fail,
      log,
      journal: async (stanza, plaintext, repository) => {
        const known = {
          isAdmin: admins.has,
          lidsOf: knownLids,
          waiting: this.waiting,
          findUnreadable: this.#findUnreadable,
          history: this.#readHistorySetting,
          ignoring: this.settings,
          log: log.child({ instanceId }),
        };
        const context = { instanceId, me: this.#me(), timers: this.disappearing, ...known };
        const journaled = withUnarchivals(await journalMessage(context, stanza, plaintext, repository), this.creds);
        const change = this.settings.withAutoRead(journaled);
        return this.contacts.join(this.#earlyReceipts.join(this.#withImported(change)), stanza);
      },
      forBaileys: (stanza, plaintext) => {
        const { participant, from = "" } = stanza.attrs;
        return this.#isMe(participant ?? from) ? withoutHistory(plaintext) : plaintext;
      },
      recordFailure: (stanza, error) => {
        // If the state can't be stored, WhatsApp sends the stanza again.
        const change = this.#gate.failed ? undefined : journalError(stanza, error);
        if (change) this.#recorder.recordInBackground({ ...change, correlationId: boundId(stanza.attrs.id ?? "") });
      },
    });
  }

  /**
   * Records what stanzas change. Runs before Baileys' own listeners, so that the change is recorded before the answer
   * reaches the gate.
   */
  #journalStanzas(signal: JournalingSignal): void {
    const { ws } = this.sock;
    const instanceId = this.#instanceId;
    const resolver: JidResolver = { isMe: this.#isMe, phones: (lids) => phonesOf(this.sock, lids) };
    const prepend = (tag: string, listener: (stanza: BinaryNode) => void) => ws.prependListener(tag, listener);
    const journal = (tag: string, changeOf: (stanza: BinaryNode) => Change | Promise<Change> | undefined) =>
      prepend(tag, (stanza) => {
        const change = orQuarantine(() => changeOf(stanza), stanzaSource(stanza), this.#deps.log);
        this.#recorder.recordInOrder(stanza, change);
      });
    prepend("CB:message", (stanza) => signal.noteStanza(stanza));
    prepend("CB:call", completeCall);
    const phoneOf = (lid: string) => this.sock.signalRepository.lidMapping.getPNForLID(lid);
    journal("CB:message", (stanza) => assertAddressed(stanza, this.#me()));
    journal("CB:message", (stanza) =>
      journalUnavailable({ instanceId, me: this.#me(), phoneOf, ignoring: this.settings }, stanza),
    );
    const receipts = { isMe: this.#isMe, jidsOf: (jid: string) => knownJids(this.sock, jid) };
    journal("CB:receipt", (stanza) => {
      const change = journalReceipt(stanza, receipts);
      return change && this.#receiptChange(change);
    });
    journal("CB:receipt", (stanza) => journalOwnRead(stanza, receipts, personOf(this.#me().id, this.#me().lid)));
    for (const tag of ["CB:message", "CB:notification,type:mex"])
      journal(tag, (stanza) => this.#channels.journal(this.sock, stanza));
    for (const tag of ["CB:notification,type:w:gp2", "CB:notification,type:picture"])
      journal(tag, (stanza) => journalGroup(instanceId, stanza, resolver));
    journal("CB:call", (stanza) => {
      const reject = this.settings.current.rejectCalls;
      return journalCall(instanceId, stanza, resolver, { reject, ignoring: this.settings, jidsOf: receipts.jidsOf });
    });
    // The media host must be known before the first history arrives (see `WhatsAppEndpoint.downloads`). A download that
    // comes too early fails with the reason.
    if (!this.#deps.endpoint.real)
      prepend("CB:success", () => void this.sock.refreshMediaConn(false).catch(() => undefined));
  }

  #listen(store: KeyStore): void {
    const { ws, ev } = this.sock;
    nameStanzasInWork(ws);
    ws.on("CB:ack,class:message", ({ attrs }: BinaryNode) => {
      if (attrs.id) this.#handlers.onAck(attrs.id, { error: attrs.error, phash: attrs.phash });
    });
    ev.on("creds.update", () => this.#recordCredentials());
    ev.on("message-capping.update", (info) => {
      const report = capReport(info);
      if (report) this.#handlers.onRestriction(report);
    });
    ev.on("connection.update", (update) => {
      if (update.reachoutTimeLock) this.#handlers.onRestriction(timeLockReport(update.reachoutTimeLock));
      if (update.connection === "open") {
        this.#followUp.start();
        void readAppStateOnce(this.sock, store, this.#deps.log);
      }
      this.#handlers.onUpdate(update);
    });
    const { contacts, presences, disappearing, labels, chats, recipients, addressing } = this;
    for (const source of [contacts, this.#channels, presences, disappearing, labels, chats, recipients, addressing])
      source.listen(this.sock);
  }

  /** Takes retry receipts away from Baileys. */
  #answerRetries(): void {
    const { sock } = this;
    const { db, log } = this.#deps;
    const { recall, retryCounts: counts } = this.#handlers;
    const retries = new Retries({ sock, db, instanceId: this.#instanceId, log, isMe: this.#isMe, counts, recall });
    const listeners = sock.ws.listeners("CB:receipt");
    if (listeners.length === 0) throw new Error("Baileys no longer listens to receipts: nothing to take over");
    sock.ws.removeAllListeners("CB:receipt");
    sock.ws.on("CB:receipt", (stanza: BinaryNode) => {
      if (isRetry(stanza)) void retries.handle(stanza);
      else for (const listener of listeners) listener.call(sock.ws, stanza);
    });
  }

  async #receiptChange(receipt: Promise<Change>): Promise<Change> {
    const change = await receipt;
    this.#earlyReceipts.keep(change);
    return change;
  }

  /** Records the credentials as they are now. */
  #recordCredentials(): void {
    this.#recorder.recordInBackground({ keys: [KeyStore.credsWrite(this.creds)] });
  }

  readonly #findUnreadable = (waId: string): Promise<StoredUnreadable[]> =>
    this.#orEnd(() => findUnreadable(this.#deps.db, this.#instanceId, waId));

  readonly #readHistorySetting = async (): Promise<InstanceHistory> => {
    this.#history = await this.#orEnd(() => readHistorySetting(this.#deps.db, this.#instanceId));
    return this.#history;
  };

  /** Returns what `read` returns. Ends the connection if the database can't be read. */
  async #orEnd<Result>(read: () => Promise<Result>): Promise<Result> {
    try {
      return await read();
    } catch (error) {
      this.#recorder.fail(error);
      throw error;
    }
  }

  /** Marks the messages of a change as possibly imported already, if the instance imports messages. */
  #withImported(change: Change): Change {
    if (this.#history === "none" || !change.messages) return change;
    return { ...change, messages: change.messages.map((message) => ({ ...message, mayBeImported: true as const })) };
  }
}

const chatsOf = ({ chat_id, sender_id, sender_lid }: NewMessage) => [chat_id, sender_id, sender_lid ?? chat_id];
