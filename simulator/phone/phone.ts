import { Device } from "../model/account.ts";
import type { Group } from "../model/group.ts";
import type { Failure } from "../model/limit/standing.ts";
import { AccountPasskey } from "../model/link/passkey.ts";
import type { World } from "../model/world.ts";
import { sendTyping, setPresence, type Typing, typingNode } from "../stanza/account/presence.ts";
import { announceIdentity, removeDevice } from "../stanza/device/device-list.ts";
import { createGroup } from "../stanza/group/create.ts";
import { followInvite } from "../stanza/group/invite.ts";
import { leaveGroup } from "../stanza/group/members.ts";
import type { proto } from "../wire/baileys.ts";
import { EDIT, REVOKE, readContent } from "../wire/content.ts";
import { STATUS_JID, toJid } from "../wire/jid.ts";
import { type MediaKind, type MediaReference, openMedia, sealMedia } from "../wire/media.ts";
import type { BinaryNode } from "../wire/node.ts";
import { newSecret, PhoneAbout } from "./about.ts";
import { type AppStateKey, newAppStateKey, PhoneAppState } from "./app-state.ts";
import { type BaseOptions, PhoneBase } from "./base.ts";
import { PhoneChannels } from "./channels.ts";
import { type GeneratedHistory, generateHistory, type HistoryChat, type HistoryTransport } from "./history.ts";
import { applyReaction } from "./mailbox/fate.ts";
import type { InboxMessage } from "./mailbox/inbox.ts";
import { chatOf, messageKeyOf, type Target } from "./mailbox/key.ts";
import type { SentMessage } from "./mailbox/sent.ts";
import { linkWithCode, PairingError, scanQr } from "./pairing.ts";
import { Placeholders } from "./placeholders.ts";
import { type FreeReceipt, markRead, sendReceipt } from "./receipts.ts";
import { Receiver } from "./receiver.ts";
import { NotOnWhatsApp, Sender, type SendOptions } from "./sender.ts";
import { SenderKeyRing, type SenderKeyRingState } from "./signal/sender-key.ts";
import { type SignalState, SignalStore } from "./signal/signal-store.ts";
import { PhoneSurveys } from "./surveys.ts";
import { Sync } from "./sync.ts";
import { type ChatTimer, timerSetting } from "./timers.ts";

export type PhoneOptions = BaseOptions & {
  /** User part of the LID. Default: a generated LID. */
  lid?: string;
  /** Sends a read receipt for each message. */
  autoRead?: boolean;
  /** The chats that a newly linked device gets. */
  history?: HistoryChat[] | GeneratedHistory;
  historyTransport?: HistoryTransport;
};

/** The keys and sessions of a phone that survive a restart. */
export type PhoneKeys = {
  signal: SignalState;
  appStateKey: AppStateKey;
  /** The keys before `appStateKey`, oldest first. Absent in old state files. */
  formerAppStateKeys?: readonly AppStateKey[];
  senderKeys: SenderKeyRingState;
  timers?: [string, ChatTimer][];
};

export type TextOptions = SendOptions & {
  quote?: InboxMessage;
  /** JIDs of the mentioned accounts. */
  mentions?: string[];
};

export type MediaOptions = SendOptions & {
  mimetype?: string;
  caption?: string;
  fileName?: string;
  ptt?: boolean;
  seconds?: number;
};

const DEFAULT_TIMEOUT_MS = 10_000;
const MIME: Record<MediaKind, string> = {
  image: "image/jpeg",
  video: "video/mp4",
  ptv: "video/mp4",
  audio: "audio/ogg; codecs=opus",
  document: "application/octet-stream",
  sticker: "image/webp",
  history: "",
  "app-state": "",
  link: "image/jpeg",
};

/** A phone: device 0 of its account, and a real Signal endpoint in the server's process. */
export class Phone extends PhoneBase {
  readonly sender: Sender;
  readonly sync: Sync;
  /** The settings that the phone and its companions share, for example archived and muted chats, contacts and labels. */
  readonly appState: PhoneAppState;
  readonly channels: PhoneChannels;
  readonly surveys: PhoneSurveys;
  /** What the phone's owner does to messages, for example pins. */
  readonly about: PhoneAbout;
  /** Requests of linked devices for messages that they got without content. */
  readonly placeholders: Placeholders;
  readonly #senderKeys: SenderKeyRing;
  readonly #receiver: Receiver;
  /** The stanzas that the server keeps while the phone is offline; undefined while it is online. */
  #held: BinaryNode[] | undefined;
  autoRead: boolean;
  history: HistoryChat[];
  historyTransport: HistoryTransport;

  /** @param saved keys and sessions from the state file. Default: new keys and no sessions */
  constructor(world: World, options: PhoneOptions, lid: string, saved?: PhoneKeys) {
    super(world, options, lid, saved);
    this.autoRead = options.autoRead ?? false;
    const { history = [] } = options;
    this.history = Array.isArray(history) ? history : generateHistory(history, world.clock());
    this.historyTransport = options.historyTransport ?? "blob";
    this.sender = new Sender(this);
    this.channels = new PhoneChannels(this);
    this.surveys = new PhoneSurveys(this, this.sender);
    this.about = new PhoneAbout(this, this.sender);
    this.appState = new PhoneAppState(
      this,
      saved ? [...(saved.formerAppStateKeys ?? []), saved.appStateKey] : [newAppStateKey()],
    );
    this.sync = new Sync(this, this.sender, this.appState);
    this.#senderKeys = new SenderKeyRing(saved?.senderKeys);
    this.placeholders = new Placeholders(this, this.sender);
    const { sender, appState, sync, channels, placeholders } = this;
    const parts = { senderKeys: this.#senderKeys, sender, appState, sync, channels, placeholders };
    this.#receiver = new Receiver(this, parts, (message) => {
      if (this.autoRead) this.markRead(message);
    });
  }

  /** Changes the push name. Linked devices get it immediately, contacts with the next message. */
  setPushName(name: string): void {
    this.appState.set("critical_block", ["setting_pushName"], { pushNameSetting: { name } }, 1);
  }

  /** Linked devices, by id. */
  get devices(): Device[] {
    return [...this.account.companions.values()];
  }

  deliver(stanza: BinaryNode): void {
    if (this.#held) this.#held.push(stanza);
    else this.#receiver.push(stanza);
  }

  /** Returns the keys and sessions for the state file. */
  save(): PhoneKeys {
    return {
      signal: this.signal.save(),
      appStateKey: this.appState.key,
      formerAppStateKeys: this.appState.keys.slice(0, -1),
      senderKeys: this.#senderKeys.save(),
      timers: this.timers.entries(),
    };
  }

  companionReady(device: Device): void {
    const history = { chats: this.history, transport: this.historyTransport };
    this.sync.initialize(device, history).catch((error: Error) => this.errors.push(error));
  }

  /**
   * Reinstalls WhatsApp on the phone: the phone has new keys and no sessions, and all linked devices are unlinked. The
   * server announces the new identity.
   */
  reinstall(): void {
    for (const device of this.devices) this.unlink(device);
    this.signal = new SignalStore(this.number);
    this.account.identityKey = this.signal.identity.public;
    this.#senderKeys.clear();
    this.sender.forgetKeys();
    announceIdentity(this.world, this.account);
  }

  /**
   * Disconnects the phone. Until `goOnline`, the server keeps the stanzas for the phone, and the phone sends no
   * receipts.
   */
  goOffline(): void {
    this.#held ??= [];
  }

  /** The stanzas that the server keeps while the phone is offline. */
  get held(): readonly BinaryNode[] {
    return this.#held ?? [];
  }

  get online(): boolean {
    return this.#held === undefined;
  }

  /** Connects the phone again. The phone then handles the stanzas that the server has kept. */
  goOnline(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const stanza of held) this.#receiver.push(stanza);
  }

  /** Links the client that shows this QR code. Resolves when the client has proved its keys and the server has sent 515. */
  async scanQr(qr: string): Promise<Device> {
    return scanQr(this, qr);
  }

  /** Links the client that shows this linking code for the phone's number. Waits for its request if necessary. */
  linkWithCode(code: string, options: { timeoutMs?: number } = {}): Promise<Device> {
    return linkWithCode(this, code, options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  }

  /**
   * Unlinks a device. The server closes the device's socket with 401 and rejects later logins. Throws `PairingError` if
   * the device is not linked.
   */
  unlink(device: Device | number): void {
    const found = device instanceof Device ? device : this.account.companions.get(device);
    if (!found) throw new PairingError(`the device ${device} is not linked`);
    removeDevice(this.world, found);
  }

  /**
   * Bans the account for some seconds: its linked devices are disconnected with 402, and so are their logins until the
   * end. `code` is the cause. Source: `TemporaryBan` in whatsmeow's types/events/events.go.
   */
  ban({ seconds, code = 101 }: { seconds: number; code?: number }): void {
    this.account.standing.ban(this.world.clock() + seconds * 1000, code);
    this.disconnectDevices({ reason: 402, expire: seconds, code });
  }

  /** Makes the account demand a passkey before it links a device. Returns the passkey. */
  requirePasskey(): AccountPasskey {
    this.account.passkey ??= new AccountPasskey();
    return this.account.passkey;
  }

  /** Ends the connections of the linked devices with a `failure`. */
  disconnectDevices(failure: Failure): void {
    for (const device of this.devices) device.socket?.refuse(failure);
  }

  /**
   * Sends a text. Resolves when the server has handled it.
   * @param to a phone number, or the JID of an account or group
   */
  sendText(to: string, text: string, options: TextOptions = {}): Promise<SentMessage> {
    const { quote, mentions, ...rest } = options;
    const messageContextInfo = { messageSecret: newSecret() };
    if (!quote && !mentions) return this.sender.send(to, { conversation: text, messageContextInfo }, rest);
    const contextInfo = {
      ...(quote && { stanzaId: quote.id, participant: quote.from, quotedMessage: quote.message }),
      ...(mentions && { mentionedJid: mentions }),
    };
    return this.sender.send(to, { extendedTextMessage: { text, contextInfo }, messageContextInfo }, rest);
  }

  /** Sets the timer for disappearing messages of a chat with one person. 0 seconds turns it off. */
  setTimer(to: string, seconds: number, options: SendOptions = {}): Promise<SentMessage> {
    const timer = { seconds, setAt: Math.floor(this.world.clock() / 1000) };
    const chat = this.world.accountOf(toJid(to));
    if (chat) this.timers.set(chat.pnJid, timer);
    return this.sender.send(to, timerSetting(timer), options);
  }

  /** Sends a message in WhatsApp's protobuf schema. */
  sendMessage(to: string, message: proto.IMessage, options: SendOptions = {}): Promise<SentMessage> {
    return this.sender.send(to, message, options);
  }

  sendImage(to: string, image: Buffer, options: MediaOptions = {}): Promise<SentMessage> {
    return this.sendMedia(to, "image", image, options);
  }

  /** Encrypts a file, stores it on the media host and sends a message that refers to it. */
  async sendMedia(
    to: string,
    kind: MediaKind,
    data: Buffer | AsyncIterable<Uint8Array>,
    options: MediaOptions = {},
  ): Promise<SentMessage> {
    const { mimetype, caption, fileName, ptt, seconds, ...rest } = options;
    const media = {
      ...(await this.upload(kind, data, mimetype)),
      ...(caption !== undefined && { caption }),
      ...(fileName !== undefined && { fileName, title: fileName }),
      ...(ptt !== undefined && { ptt }),
      ...(seconds !== undefined && { seconds }),
    };
    const field = kind === "ptv" ? "ptvMessage" : `${kind}Message`;
    return this.sender.send(
      to,
      { [field]: media, messageContextInfo: { messageSecret: newSecret() } },
      { type: "media", ...rest },
    );
  }

  /**
   * Encrypts a file and stores it on the media host. Returns the fields that refer to it, for any part of a message: the
   * header of a template, the picture of a product.
   */
  async upload(
    kind: MediaKind,
    data: Buffer | AsyncIterable<Uint8Array>,
    mimetype: string = MIME[kind],
  ): Promise<MediaReference & { directPath: string; url: string; mimetype: string; mediaKeyTimestamp: number }> {
    const plaintext = Buffer.isBuffer(data) ? data : Buffer.concat(await Array.fromAsync(data));
    const { ciphertext, ...reference } = sealMedia(plaintext, kind);
    const directPath = this.world.media.put(kind, ciphertext);
    const url = this.world.media.url(directPath);
    return { ...reference, directPath, url, mimetype, mediaKeyTimestamp: Math.floor(this.world.clock() / 1000) };
  }

  /** Reacts to a message. An empty emoji removes the reaction. */
  react(to: Target, emoji: string): Promise<SentMessage> {
    const reactionMessage = { key: messageKeyOf(to), text: emoji, senderTimestampMs: this.world.clock() };
    applyReaction(to, this.jid, emoji);
    const audience = "from" in to && to.chat === STATUS_JID ? [to.from] : undefined;
    return this.sender.send(chatOf(to), { reactionMessage }, { type: "reaction", audience });
  }

  /** Edits a message that this phone sent. The stanza has the form that WhatsApp's phone apps use. */
  edit(sent: SentMessage, text: string, options: SendOptions = {}): Promise<SentMessage> {
    sent.text = text;
    sent.edited = true;
    const key = { remoteJid: sent.address, id: sent.id, fromMe: true };
    const protocolMessage = {
      key,
      type: EDIT,
      editedMessage: { conversation: text },
      timestampMs: this.world.clock(),
    };
    return this.sender.send(sent.to, { editedMessage: { message: { protocolMessage } } }, { edit: "1", ...options });
  }

  /** Deletes a message for everyone: a message from this account or, if the phone is an admin of the group, any message. */
  revoke(message: SentMessage | InboxMessage, options: SendOptions = {}): Promise<SentMessage> {
    message.deleted = true;
    const foreign = "from" in message && !message.fromMe;
    const chat = "chat" in message ? message.chat : message.to;
    const key = {
      remoteJid: "address" in message ? message.address : message.replyTo.to,
      id: message.id,
      fromMe: !foreign,
      ...(foreign && { participant: message.fromLid }),
    };
    const protocolMessage = { key, type: REVOKE };
    const audience = "audience" in message ? message.audience : undefined;
    return this.sender.send(chat, { protocolMessage }, { edit: foreign ? "8" : "7", audience, ...options });
  }

  /** Returns the decrypted file of a media message. Throws if a hash, the MAC or the length is wrong, or if it was opened before and can be opened once. */
  download(message: InboxMessage): Buffer {
    if (message.opened) throw new Error(`the view-once message ${message.id} was opened before`);
    if (message.viewOnce) message.opened = true;
    const media = message.media ?? readContent(message.message).media;
    if (!media) throw new Error(`the message ${message.id} has no media`);
    const file = this.world.media.get(media.directPath);
    if (!file) throw new Error(`${media.directPath} is not on the media host`);
    return openMedia(file, media, media.kind);
  }

  /** Marks messages as read and sends read receipts. */
  markRead(...messages: InboxMessage[]): void {
    markRead(this, messages);
  }

  /** Sends any receipt, also for a message that the phone never received. */
  sendReceipt(receipt: FreeReceipt): void {
    sendReceipt(this, receipt);
  }

  /**
   * Creates a group and notifies the devices of all members.
   * @param members phone numbers or JIDs
   */
  createGroup(subject: string, members: string[]): Group {
    const accounts = members.map((member) => {
      const account = this.world.accountOf(toJid(member));
      if (!account) throw new NotOnWhatsApp(`${member} is not on WhatsApp`);
      return account;
    });
    return createGroup(this.world, this.account, subject, accounts);
  }

  /** Changes the phone's presence. When the account goes offline, the current time becomes its last-seen time. */
  setPresence(available: boolean): void {
    setPresence(this.world, this.account, available);
  }

  setTyping(to: string, typing: Typing): void {
    sendTyping(this.world, this.account, toJid(to), typingNode(typing));
  }

  /** Follows the invite link of a group: joins the group or, if an admin must approve, requests to join. Throws `Refusal`. */
  followInvite(code: string): void {
    followInvite(this.world, this.account, code);
  }

  leaveGroup(jid: string): void {
    const group = this.world.groups.get(jid);
    if (!group) throw new Error(`the group ${jid} does not exist`);
    leaveGroup(this.world, this.account, group);
  }

  /** Resolves with the first message in the inbox that matches, now or later. Rejects after the timeout, 10 s by default. */
  waitFor(matches: (message: InboxMessage) => boolean, options: { timeoutMs?: number } = {}): Promise<InboxMessage> {
    return this.inbox.waitFor(matches, options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  }

  /** Resolves when a message that this phone sent has at least this status. Rejects after the timeout, 10 s by default. */
  waitForStatus(
    sent: SentMessage | string,
    status: "delivered" | "read" | "played",
    options: { timeoutMs?: number } = {},
  ): Promise<SentMessage> {
    const id = typeof sent === "string" ? sent : sent.id;
    return this.sent.atLeast(id, status, options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  }

  /** The received status posts that are not deleted, including those from linked devices of the phone's account. */
  get statuses(): InboxMessage[] {
    return this.inbox.messages.filter(
      ({ chat, kind, deleted }) => chat === STATUS_JID && !deleted && kind !== "revoke" && kind !== "reaction",
    );
  }

  /** Calls the listener for each new message. Returns a function that removes the listener. */
  onMessage(listener: (message: InboxMessage) => void): () => void {
    return this.inbox.listen(listener);
  }
}
