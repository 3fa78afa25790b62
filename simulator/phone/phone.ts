import { Account, type Business } from "../model/account.ts";
import { type Bundle, Device, type PrimaryEndpoint } from "../model/device.ts";
import { createGroup, type Group } from "../model/group.ts";
import type { World } from "../model/world.ts";
import type { SavedPhone } from "../server/state.ts";
import { setPresence, type Typing, tellTyping, typingNode } from "../stanza/account/presence.ts";
import { removeDevice } from "../stanza/device/devices.ts";
import { followInvite, leaveGroup } from "../stanza/group/changes.ts";
import { routeReceipt } from "../stanza/message/receipt.ts";
import type { proto } from "../wire/baileys.ts";
import { EDIT, REVOKE, readContent } from "../wire/content.ts";
import { parseJid, STATUS_JID } from "../wire/jid.ts";
import { type MediaKind, openMedia, sealMedia } from "../wire/media.ts";
import { type BinaryNode, node } from "../wire/node.ts";
import { PhoneAppState } from "./app-state.ts";
import { PhoneChannels } from "./channels.ts";
import type { HistoryChat, HistoryTransport } from "./history.ts";
import { applyReaction } from "./mailbox/fate.ts";
import { Inbox, type InboxMessage } from "./mailbox/inbox.ts";
import { type SentMessage, SentMessages } from "./mailbox/sent.ts";
import { linkWithCode, PairingError, scanQr } from "./pairing.ts";
import { type DecryptionFailure, Receiver } from "./receiver.ts";
import { type Addressing, Sender, type SendOptions } from "./sender.ts";
import { SenderKeyRing, type SenderKeyRingState } from "./signal/sender-key.ts";
import { SignalStore } from "./signal/signal-store.ts";
import { PhoneSurveys } from "./surveys.ts";
import { Sync } from "./sync.ts";

export type PhoneOptions = {
  /** Digits with the country code. */
  number: string;
  pushName?: string;
  /** Has WhatsApp Business; with `true` it calls itself by its push name. */
  business?: Business | true;
  /** User part of the LID; made up when left out. */
  lid?: string;
  /** How envelopes of this phone name accounts; `lid` by default, as on WhatsApp today. */
  addressing?: Addressing;
  /** Sends a read receipt for whatever arrives. */
  autoRead?: boolean;
  /** What a device gets when it is linked. */
  history?: HistoryChat[];
  historyTransport?: HistoryTransport;
};

export type TextOptions = SendOptions & {
  quote?: InboxMessage;
  /** JIDs. */
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
};

/** A phone: device 0 of its account, a real Signal endpoint that lives in the server's process. */
export class Phone implements PrimaryEndpoint {
  readonly id = 0;
  readonly world: World;
  readonly account: Account;
  readonly signal: SignalStore;
  readonly sender: Sender;
  readonly sync: Sync;
  /** Archived, muted, starred, labelled …: what companions and the phone itself have set. */
  readonly appState: PhoneAppState;
  readonly sent = new SentMessages();
  readonly inbox = new Inbox();
  readonly channels: PhoneChannels;
  readonly surveys = new PhoneSurveys(this);
  /** Ciphertexts it could not read, and asked to have again. */
  readonly failures: DecryptionFailure[] = [];
  /** Stanzas that broke its handling; a test that has any has failed. */
  readonly errors: Error[] = [];
  readonly notifications: BinaryNode[] = [];
  /** Who typed, and no longer, in which chat; oldest first. */
  readonly typing: { chat: string; from: string; state: Typing; at: number }[] = [];
  readonly #receiver: Receiver;
  #held: BinaryNode[] | undefined;
  addressing: Addressing;
  autoRead: boolean;
  history: HistoryChat[];
  historyTransport: HistoryTransport;

  /** @param saved keys and sessions of an earlier run; new ones by default. */
  constructor(
    world: World,
    options: PhoneOptions,
    lid: string,
    saved?: Pick<SavedPhone, "signal" | "appStateKey" | "senderKeys">,
  ) {
    this.world = world;
    this.signal = new SignalStore(options.number, saved?.signal);
    this.account = new Account(options.number, lid, this.signal.identity.public, options.pushName ?? "");
    const { business } = options;
    this.account.business = business === true ? { name: options.pushName ?? options.number } : business;
    this.account.phone = this;
    this.addressing = options.addressing ?? "lid";
    this.autoRead = options.autoRead ?? false;
    this.history = options.history ?? [];
    this.historyTransport = options.historyTransport ?? "blob";
    this.sender = new Sender(this);
    this.channels = new PhoneChannels(this);
    this.sync = new Sync(this, saved?.appStateKey);
    this.appState = new PhoneAppState(this);
    this.#receiver = new Receiver(this, new SenderKeyRing(saved?.senderKeys));
  }

  get number(): string {
    return this.account.number;
  }

  /** Phone-number JID. */
  get jid(): string {
    return this.account.pnJid;
  }

  get lidJid(): string {
    return this.account.lidJid;
  }

  get pushName(): string {
    return this.account.pushName;
  }

  /** Contacts see the new name with the next message, linked devices at once. */
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

  takeBundle(): Bundle {
    return this.signal.bundle();
  }

  receivedSenderKeys(): SenderKeyRingState {
    return this.#receiver.senderKeys.save();
  }

  companionReady(device: Device): void {
    this.sync.initialize(device).catch((error: Error) => this.errors.push(error));
  }

  /** Until `goOnline` the server keeps what comes for this phone: no receipts are sent. */
  goOffline(): void {
    this.#held ??= [];
  }

  /** What came while the phone was offline. */
  get held(): readonly BinaryNode[] {
    return this.#held ?? [];
  }

  get online(): boolean {
    return this.#held === undefined;
  }

  goOnline(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const stanza of held) this.#receiver.push(stanza);
  }

  /** Links the client that shows this QR. Resolves when the client has proved its keys; it then gets 515. */
  async scanQr(qr: string): Promise<Device> {
    return scanQr(this, qr);
  }

  /** Links the client that shows this code for this phone's number. */
  linkWithCode(code: string, options: { timeoutMs?: number } = {}): Promise<Device> {
    return linkWithCode(this, code, options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  }

  /** Removes a linked device: its socket gets 401 and its credentials are worthless. */
  unlink(device: Device | number): void {
    const found = device instanceof Device ? device : this.account.companions.get(device);
    if (!found) throw new PairingError(`there is no linked device ${device}`);
    removeDevice(this.world, found);
  }

  /** @param to a phone number, a JID or a group's JID. Resolves when the server has taken the message. */
  sendText(to: string, text: string, options: TextOptions = {}): Promise<SentMessage> {
    const { quote, mentions, ...rest } = options;
    if (!quote && !mentions) return this.sender.send(to, { conversation: text }, rest);
    const contextInfo = {
      ...(quote && { stanzaId: quote.id, participant: quote.from, quotedMessage: quote.message }),
      ...(mentions && { mentionedJid: mentions }),
    };
    return this.sender.send(to, { extendedTextMessage: { text, contextInfo } }, rest);
  }

  /** Any message at all, as WhatsApp's protobuf. */
  sendMessage(to: string, message: proto.IMessage, options: SendOptions = {}): Promise<SentMessage> {
    return this.sender.send(to, message, options);
  }

  sendImage(to: string, image: Buffer, options: MediaOptions = {}): Promise<SentMessage> {
    return this.sendMedia(to, "image", image, options);
  }

  /** Encrypts the media, a file or what a stream brings, puts it on the media host and sends the message that points to it. */
  async sendMedia(
    to: string,
    kind: MediaKind,
    data: Buffer | AsyncIterable<Uint8Array>,
    options: MediaOptions = {},
  ): Promise<SentMessage> {
    const { mimetype, caption, fileName, ptt, seconds, ...rest } = options;
    const plaintext = Buffer.isBuffer(data) ? data : Buffer.concat(await Array.fromAsync(data));
    const { ciphertext, ...reference } = sealMedia(plaintext, kind);
    const directPath = this.world.media.put(kind, ciphertext);
    const media = {
      ...reference,
      directPath,
      url: this.world.media.url(directPath),
      mimetype: mimetype ?? MIME[kind],
      mediaKeyTimestamp: Math.floor(this.world.clock() / 1000),
      ...(caption !== undefined && { caption }),
      ...(fileName !== undefined && { fileName, title: fileName }),
      ...(ptt !== undefined && { ptt }),
      ...(seconds !== undefined && { seconds }),
    };
    const field = kind === "ptv" ? "ptvMessage" : `${kind}Message`;
    return this.sender.send(to, { [field]: media }, { type: "media", ...rest });
  }

  /** Reacts to a message; an empty emoji takes the reaction back. */
  react(to: InboxMessage, emoji: string): Promise<SentMessage> {
    const key = {
      remoteJid: to.replyTo.to,
      id: to.id,
      fromMe: to.fromMe,
      ...(to.replyTo.participant && { participant: to.replyTo.participant }),
    };
    const reactionMessage = { key, text: emoji, senderTimestampMs: this.world.clock() };
    applyReaction(to, this.jid, emoji);
    const audience = to.chat === STATUS_JID ? [to.from] : undefined;
    return this.sender.send(to.chat, { reactionMessage }, { type: "reaction", audience });
  }

  /** Changes the text of a message of this phone, as WhatsApp's phones say it. */
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

  /** Deletes a message for everyone: one of this account, or as an admin of its group any. */
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

  /** Fetches a message's media from the media host, decrypts it and checks both hashes, the MAC and the length. */
  download(message: InboxMessage): Buffer {
    const media = message.media ?? readContent(message.message).media;
    if (!media) throw new Error(`${message.id} has no media`);
    const file = this.world.media.get(media.directPath);
    if (!file) throw new Error(`the media host does not have ${media.directPath}`);
    return openMedia(file, media, media.kind);
  }

  /** Sends read receipts. */
  markRead(...messages: InboxMessage[]): void {
    for (const message of messages) {
      if (message.fromMe) throw new Error("one cannot mark one's own message as read");
      message.read = true;
      const { to, participant } = message.replyTo;
      routeReceipt(
        this.world,
        this,
        node("receipt", { id: message.id, type: "read", to, participant, t: this.world.seconds }),
      );
    }
  }

  /** @param members phone numbers or JIDs. All members' devices are notified. */
  createGroup(subject: string, members: string[]): Group {
    const accounts = members.map((member) => {
      const user = member.includes("@")
        ? parseJid(member)
        : { user: member.replace(/\D/g, ""), server: "s.whatsapp.net" };
      const account = this.world.account(user.user, user.server);
      if (!account) throw new Error(`${member} is not on WhatsApp`);
      return account;
    });
    return createGroup(this.world, this.account, subject, accounts);
  }

  /** Online or last seen now: told to who subscribed. */
  setPresence(available: boolean): void {
    setPresence(this.world, this.account, available);
  }

  setTyping(to: string, typing: Typing): void {
    tellTyping(this.world, this.account, to.includes("@") ? to : `${to}@s.whatsapp.net`, typingNode(typing));
  }

  /** Follows an invite link's code: in at once, or asking to be let in. @throws `Refusal`. */
  followInvite(code: string): void {
    followInvite(this.world, this.account, code);
  }

  leaveGroup(jid: string): void {
    const group = this.world.groups.get(jid);
    if (!group) throw new Error(`there is no group ${jid}`);
    leaveGroup(this.world, this.account, group);
  }

  /** The first message in the inbox that matches, now or later. */
  waitFor(matches: (message: InboxMessage) => boolean, options: { timeoutMs?: number } = {}): Promise<InboxMessage> {
    return this.inbox.waitFor(matches, options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  }

  /** Resolves when a message of this phone is at least delivered, read or played. */
  waitForStatus(
    sent: SentMessage | string,
    status: "delivered" | "read" | "played",
    options: { timeoutMs?: number } = {},
  ): Promise<SentMessage> {
    const id = typeof sent === "string" ? sent : sent.id;
    return this.sent.atLeast(id, status, options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  }

  /** Status posts that the phone shows: of others, and what linked devices of its account have posted. */
  get statuses(): InboxMessage[] {
    return this.inbox.messages.filter(
      ({ chat, kind, deleted }) => chat === STATUS_JID && !deleted && kind !== "revoke" && kind !== "reaction",
    );
  }

  /** Calls back for every new message. @returns a function that stops it. */
  onMessage(listener: (message: InboxMessage) => void): () => void {
    return this.inbox.listen(listener);
  }
}
