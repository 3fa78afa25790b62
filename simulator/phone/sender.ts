import { type Account, type Endpoint, endpointJid } from "../model/account.ts";
import type { Group } from "../model/group.ts";
import { issuePrivacyToken } from "../stanza/account/privacy-token.ts";
import { noticeLowPreKeys } from "../stanza/device/prekeys.ts";
import type { Rejection } from "../stanza/errors.ts";
import { routeMessage } from "../stanza/message/route.ts";
import type { Withheld } from "../stanza/message/withheld.ts";
import { proto } from "../wire/baileys.ts";
import { pad } from "../wire/content.ts";
import { hasParticipants, isGroupJid, isListJid, LID_SERVER, PN_SERVER, STATUS_JID, toJid } from "../wire/jid.ts";
import { type Attrs, type BinaryNode, node } from "../wire/node.ts";
import type { Addressing, PhoneBase } from "./base.ts";
import { untouched } from "./mailbox/fate.ts";
import { newMessageId } from "./mailbox/message-id.ts";
import type { SentMessage } from "./mailbox/sent.ts";
import { signalAddress } from "./signal/address.ts";
import { SenderKey } from "./signal/sender-key.ts";

export type SendOptions = {
  /** The message id. Default: a new id. */
  id?: string;
  /** Type of the stanza: `text`, `media`, `reaction`, `poll` or `event`. */
  type?: string;
  /** The stanza's attribute `edit`, which marks edits and deletions. */
  edit?: string;
  /** How the envelope names accounts. Default: the phone's `addressing`. Groups always use LIDs. */
  addressing?: Addressing;
  /**
   * Only for a status post or a broadcast list: phone numbers or JIDs of the accounts that get the message, in addition to
   * the phone's own account.
   */
  audience?: string[] | undefined;
  /** What linked devices get instead of the ciphertext. Default: the ciphertext. */
  withheld?: Withheld | undefined;
};

/** A privacy token is issued once in this time: `TC_TOKEN_BUCKET_DURATION` in Baileys' Utils/tc-token-utils.js. */
const TOKEN_SECONDS = 7 * 24 * 60 * 60;

/** The recipient of a message does not exist. */
export class NotOnWhatsApp extends Error {}

/** Encrypts the messages of a phone and passes them to the server, in the order of the calls. */
export class Sender {
  readonly #phone: PhoneBase;
  #last: Promise<unknown> = Promise.resolve();
  readonly #groupKeys = new Map<string, { key: SenderKey; holders: Set<Endpoint> }>();
  readonly #statusKey = new SenderKey();
  /** The weeks in which the phone last issued a privacy token, by LID of the contact. */
  readonly #tokenWeeks = new Map<string, number>();

  constructor(phone: PhoneBase) {
    this.#phone = phone;
  }

  /**
   * Sends a message. Resolves when the server has handled the message. A message that the server rejects has the status
   * `failed`. Rejects with `NotOnWhatsApp` if the recipient does not exist.
   */
  send(to: string, message: proto.IMessage, options: SendOptions = {}): Promise<SentMessage> {
    return this.#afterLast(() => this.#send(to, message, options));
  }

  /** Sends keys or history to a companion. Resolves with the message id. */
  sendToCompanion(endpoint: Endpoint, message: proto.IMessage): Promise<string> {
    const id = newMessageId();
    return this.#afterLast(async () => {
      const enc = await this.#encryptFor(endpoint, encode(message));
      const attrs = { id, type: "text", category: "peer", to: endpointJid(endpoint, LID_SERVER) };
      const rejection = this.#route(node("message", attrs, [enc]));
      if (rejection) throw new Error(`${rejection.code}: ${rejection.reason}`);
      return id;
    });
  }

  #afterLast<T>(work: () => Promise<T>): Promise<T> {
    const run = this.#last.then(work);
    // The caller of this send handles its failure. The next message is sent even after a failure.
    this.#last = run.catch(() => undefined);
    return run;
  }

  #route(stanza: BinaryNode, withheld?: Withheld): Rejection | undefined {
    return routeMessage(this.#phone.world, this.#phone, stanza, withheld);
  }

  async #send(to: string, message: proto.IMessage, options: SendOptions): Promise<SentMessage> {
    const id = options.id ?? newMessageId();
    const type = options.type ?? "text";
    const attrs: Attrs = options.edit ? { id, type, edit: options.edit } : { id, type };
    const addSent = (chat: string, address: string, audience?: string[]): SentMessage => {
      const record: SentMessage = {
        ...{
          id,
          message: this.#phone.timers.apply(chat, message),
          type,
          status: "sent",
          error: undefined,
          receipts: [],
          retries: 0,
          sentAt: this.#phone.world.clock(),
        },
        ...untouched(),
        ...{ to: chat, address, devices: [] },
        ...(audience && { audience }),
      };
      this.#phone.sent.add(record);
      this.#phone.files.keep(this.#phone.world.media, record.id, message);
      return record;
    };
    if (isGroupJid(to)) {
      const group = this.#phone.world.groups.get(to);
      if (!group) throw new NotOnWhatsApp(`the group ${to} does not exist`);
      const record = addSent(to, to);
      return withOutcome(record, await this.#sendToGroup(group, record, attrs, options.withheld));
    }
    if (to === STATUS_JID) {
      const record = addSent(to, to, options.audience ?? []);
      return withOutcome(record, await this.#sendStatusPost(record, attrs, options.withheld));
    }
    if (isListJid(to)) {
      const record = addSent(to, to, options.audience ?? []);
      return withOutcome(record, await this.#sendToList(record, attrs));
    }
    const target = this.#account(to);
    const server = (options.addressing ?? this.#phone.addressing) === "lid" ? LID_SERVER : PN_SERVER;
    const record = addSent(target.pnJid, target.jid(server));
    return withOutcome(record, await this.#sendToAccount({ target, server }, record, attrs, options.withheld));
  }

  #account(address: string): Account {
    const account = this.#phone.world.accountOf(toJid(address));
    if (!account) throw new NotOnWhatsApp(`${address} is not on WhatsApp`);
    return account;
  }

  async #sendToAccount(
    { target, server }: { target: Account; server: string },
    record: SentMessage,
    attrs: Attrs,
    withheld: Withheld | undefined,
  ): Promise<Rejection | undefined> {
    const { message } = record;
    const address = target.jid(server);
    const plaintext = encode(message);
    const copies = [];
    const others = target === this.#phone.account ? [] : [...target.endpoints()];
    for (const endpoint of others) copies.push(await this.#copy(endpoint, server, plaintext));
    const own = this.#phone.account.companions;
    record.devices = [...others, ...own.values()].map(signalAddress);
    if (own.size > 0) {
      const forOwn = encode({ deviceSentMessage: { destinationJid: address, message } });
      for (const endpoint of own.values()) copies.push(await this.#copy(endpoint, server, forOwn));
    }
    const rejection = this.#route(
      node("message", { ...attrs, to: address }, [node("participants", {}, copies)]),
      withheld,
    );
    if (!rejection) this.#issueToken(target);
    return rejection;
  }

  /** Issues a privacy token to a contact after a message, once a week (rule `privacy_token_week`). */
  #issueToken(contact: Account): void {
    const { world, account } = this.#phone;
    const week = Math.floor(Number(world.seconds) / TOKEN_SECONDS);
    if (contact === account || this.#tokenWeeks.get(contact.lid) === week) return;
    this.#tokenWeeks.set(contact.lid, week);
    issuePrivacyToken(world, account, contact);
  }

  /** Sends a message to a broadcast list. Each device gets its own ciphertext, as in chats with one person. */
  async #sendToList(record: SentMessage, attrs: Attrs): Promise<Rejection | undefined> {
    const { message, to, audience = [] } = record;
    const others = audience.flatMap((address) => [...this.#account(address).endpoints()]);
    const own = [...this.#phone.account.companions.values()];
    record.devices = [...others, ...own].map(signalAddress);
    const plaintext = encode(message);
    const forOwn = encode({ deviceSentMessage: { destinationJid: to, message } });
    const copies = [];
    for (const endpoint of others) copies.push(await this.#copy(endpoint, LID_SERVER, plaintext));
    for (const endpoint of own) copies.push(await this.#copy(endpoint, LID_SERVER, forOwn));
    return this.#route(node("message", { ...attrs, to }, [node("participants", {}, copies)]));
  }

  async #sendStatusPost(
    record: SentMessage,
    attrs: Attrs,
    withheld: Withheld | undefined,
  ): Promise<Rejection | undefined> {
    const { message, audience = [] } = record;
    const accounts = new Set([this.#phone.account, ...audience.map((address) => this.#account(address))]);
    const distribution = encode(distributionOf(STATUS_JID, this.#statusKey));
    const participants = [];
    const devices = [...accounts].flatMap((account) => [...account.endpoints()]);
    record.devices = devices.map(signalAddress);
    for (const endpoint of devices) {
      if (endpoint !== this.#phone) participants.push(await this.#copy(endpoint, LID_SERVER, distribution));
    }
    const body = this.#statusKey.encrypt(encode(message));
    const content = [node("participants", {}, participants), node("enc", { v: "2", type: "skmsg" }, body)];
    return this.#route(node("message", { ...attrs, to: STATUS_JID }, content), withheld);
  }

  async #sendToGroup(
    group: Group,
    record: SentMessage,
    attrs: Attrs,
    withheld: Withheld | undefined,
  ): Promise<Rejection | undefined> {
    const endpoints = [...group.endpoints()].filter((endpoint) => endpoint !== this.#phone);
    record.devices = endpoints.map(signalAddress);
    const { key, holders } = this.#groupKey(group, endpoints);
    const distribution = encode(distributionOf(group.jid, key));
    const participants = [];
    for (const endpoint of endpoints) {
      if (holders.has(endpoint)) continue;
      participants.push(await this.#copy(endpoint, LID_SERVER, distribution));
      // A linked device that gets no ciphertext doesn't get the key either.
      if (withheld === undefined || endpoint.id === 0) holders.add(endpoint);
    }
    const body = key.encrypt(encode(record.message));
    const content = [node("enc", { v: "2", type: "skmsg" }, body)];
    if (participants.length > 0) content.unshift(node("participants", {}, participants));
    return this.#route(node("message", { ...attrs, to: group.jid, addressing_mode: "lid" }, content), withheld);
  }

  /**
   * Returns the phone's sender key for a group. Makes a new sender key if a device that is no longer in the group has
   * the current key.
   */
  #groupKey(group: Group, endpoints: Endpoint[]) {
    const known = this.#groupKeys.get(group.jid);
    const present = new Set(endpoints);
    if (known && [...known.holders].every((holder) => present.has(holder))) return known;
    const fresh = { key: new SenderKey(), holders: new Set<Endpoint>() };
    this.#groupKeys.set(group.jid, fresh);
    return fresh;
  }

  async #copy(endpoint: Endpoint, server: string, plaintext: Buffer): Promise<BinaryNode> {
    return node("to", { jid: endpointJid(endpoint, server) }, [await this.#encryptFor(endpoint, plaintext)]);
  }

  /**
   * Returns the `enc` element for one device. Opens a session if the phone has no session with that device. `count` is
   * the number of the retry.
   */
  async #encryptFor(endpoint: Endpoint, plaintext: Buffer, count?: number): Promise<BinaryNode> {
    const address = signalAddress(endpoint);
    if (!this.#phone.signal.hasSession(address)) await this.openSession(endpoint);
    const { type, body } = await this.#phone.signal.encrypt(address, plaintext);
    return node("enc", { v: "2", type, count: count === undefined ? undefined : String(count) }, body);
  }

  /** Forgets the sender keys of groups. */
  forgetKeys(): void {
    this.#groupKeys.clear();
  }

  /** Opens a session with new keys of a device. */
  async openSession(endpoint: Endpoint): Promise<void> {
    await this.#phone.signal.open(signalAddress(endpoint), endpoint.takeBundle());
    if (endpoint.id !== 0) noticeLowPreKeys(this.#phone.world, endpoint.account.companions.get(endpoint.id));
  }

  /** Sends a message again, with the same id, to one device that could not decrypt the message. */
  async resend(sent: SentMessage, endpoint: Endpoint, count: number, server: string): Promise<void> {
    sent.retries++;
    const own = endpoint.account === this.#phone.account;
    const key = sent.to === STATUS_JID ? this.#statusKey : this.#groupKeys.get(sent.to)?.key;
    const content: proto.IMessage = key ? { ...sent.message, ...distributionOf(sent.to, key) } : sent.message;
    const message = own ? { deviceSentMessage: { destinationJid: sent.address, message: content } } : content;
    const attrs = hasParticipants(sent.to)
      ? { to: sent.to, participant: endpointJid(endpoint, LID_SERVER) }
      : { to: endpointJid(endpoint, server), recipient: own ? sent.address : undefined };
    const enc = await this.#encryptFor(endpoint, encode(message), count);
    this.#route(node("message", { id: sent.id, type: sent.type, ...attrs }, [enc]));
  }
}

const encode = (message: proto.IMessage): Buffer => pad(proto.Message.encode(message).finish());

function distributionOf(groupId: string, key: SenderKey): proto.IMessage {
  return { senderKeyDistributionMessage: { groupId, axolotlSenderKeyDistributionMessage: key.distribution() } };
}

/** Sets the status of a message that the server rejected. */
function withOutcome(record: SentMessage, rejection: Rejection | undefined): SentMessage {
  if (rejection) {
    record.status = "failed";
    record.error = rejection.code;
  }
  return record;
}
