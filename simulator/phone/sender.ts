import { randomBytes } from "node:crypto";
import type { Account } from "../model/account.ts";
import { type Endpoint, endpointJid } from "../model/device.ts";
import type { Group } from "../model/group.ts";
import { noticeLowPreKeys } from "../stanza/device/prekeys.ts";
import { type Rejection, routeMessage } from "../stanza/message/message.ts";
import { proto } from "../wire/baileys.ts";
import { pad } from "../wire/content.ts";
import { hasParticipants, isGroupJid, LID_SERVER, PN_SERVER, STATUS_JID } from "../wire/jid.ts";
import { type Attrs, type BinaryNode, node } from "../wire/node.ts";
import { untouched } from "./mailbox/fate.ts";
import type { SentMessage } from "./mailbox/sent.ts";
import type { Phone } from "./phone.ts";
import { SenderKey } from "./signal/sender-key.ts";

export type Addressing = "pn" | "lid";

export type SendOptions = {
  /** The message id; a fresh one by default. */
  id?: string;
  /** Stanza type: `text`, `media`, `reaction`, `poll`. */
  type?: string;
  edit?: string;
  /** Whether the envelope names accounts by phone number or LID; the phone's default otherwise. Groups use LIDs. */
  addressing?: Addressing;
  /** Of what goes to `status@broadcast`: phone numbers or JIDs of who sees it, besides the account's own devices. */
  audience?: string[] | undefined;
};

/** Thrown when a message cannot go to anybody. */
export class NotOnWhatsApp extends Error {}

/** A message id as phones make them. */
export function newMessageId(): string {
  return `3A${randomBytes(9).toString("hex").toUpperCase()}`;
}

/** Encrypts what a phone sends and hands it to the server. Sends of one phone keep their order. */
export class Sender {
  readonly #phone: Phone;
  #last: Promise<unknown> = Promise.resolve();
  readonly #groupKeys = new Map<string, { key: SenderKey; holders: Set<Endpoint> }>();
  readonly #statusKey = new SenderKey();

  constructor(phone: Phone) {
    this.#phone = phone;
  }

  /** Resolves when the server has taken the message. */
  send(to: string, message: proto.IMessage, options: SendOptions = {}): Promise<SentMessage> {
    const run = this.#last.then(() => this.#send(to, message, options));
    // Its sender hears of a failure; the next message goes out all the same.
    this.#last = run.catch(() => undefined);
    return run;
  }

  async #send(to: string, message: proto.IMessage, options: SendOptions): Promise<SentMessage> {
    const { world } = this.#phone;
    const id = options.id ?? newMessageId();
    const type = options.type ?? "text";
    const attrs: Attrs = options.edit ? { id, type, edit: options.edit } : { id, type };
    const sent = {
      id,
      message,
      type,
      status: "sent" as const,
      error: undefined,
      receipts: [],
      retries: 0,
      ...untouched(),
    };
    if (isGroupJid(to)) {
      const group = world.groups.get(to);
      if (!group) throw new NotOnWhatsApp(`there is no group ${to}`);
      const record: SentMessage = { ...sent, to, address: to };
      this.#phone.sent.add(record);
      return settle(record, await this.#sendToGroup(group, message, attrs));
    }
    if (to === STATUS_JID) {
      const record: SentMessage = { ...sent, to, address: to, audience: options.audience ?? [] };
      this.#phone.sent.add(record);
      return settle(record, await this.#post(record, attrs));
    }
    const target = this.#account(to);
    const server = (options.addressing ?? this.#phone.addressing) === "lid" ? LID_SERVER : PN_SERVER;
    const address = target.jid(server);
    const record: SentMessage = { ...sent, to: target.pnJid, address };
    this.#phone.sent.add(record);
    const plaintext = pad(proto.Message.encode(message).finish());
    const copies = [];
    for (const endpoint of target.endpoints()) {
      if (endpoint !== this.#phone && target !== this.#phone.account) {
        copies.push(await this.#copy(endpoint, server, plaintext));
      }
    }
    const own = this.#phone.account.companions;
    if (own.size > 0) {
      const forOwn = pad(proto.Message.encode({ deviceSentMessage: { destinationJid: address, message } }).finish());
      for (const endpoint of own.values()) copies.push(await this.#copy(endpoint, server, forOwn));
    }
    const stanza = node("message", { ...attrs, to: address }, [node("participants", {}, copies)]);
    return settle(record, routeMessage(world, this.#phone, stanza));
  }

  #account(who: string): Account {
    const account = this.#phone.world.accountOf(who.includes("@") ? who : `${who.replace(/\D/g, "")}@${PN_SERVER}`);
    if (!account) throw new NotOnWhatsApp(`${who} is not on WhatsApp`);
    return account;
  }

  async #post({ message, audience = [] }: SentMessage, attrs: Attrs): Promise<Rejection | undefined> {
    const accounts = new Set([this.#phone.account, ...audience.map((who) => this.#account(who))]);
    const distribution = pad(proto.Message.encode(distributionOf(STATUS_JID, this.#statusKey)).finish());
    const participants = [];
    for (const endpoint of [...accounts].flatMap((account) => [...account.endpoints()])) {
      if (endpoint !== this.#phone) participants.push(await this.#copy(endpoint, LID_SERVER, distribution));
    }
    const body = this.#statusKey.encrypt(pad(proto.Message.encode(message).finish()));
    const content = [node("participants", {}, participants), node("enc", { v: "2", type: "skmsg" }, body)];
    return routeMessage(this.#phone.world, this.#phone, node("message", { ...attrs, to: STATUS_JID }, content));
  }

  async #copy(endpoint: Endpoint, server: string, plaintext: Buffer): Promise<BinaryNode> {
    return node("to", { jid: endpointJid(endpoint, server) }, [await this.encryptFor(endpoint, plaintext)]);
  }

  /** @returns the `enc` element for one device, opening a session first where there is none. */
  async encryptFor(endpoint: Endpoint, plaintext: Buffer, count?: number): Promise<BinaryNode> {
    const address = signalAddress(endpoint);
    if (!this.#phone.signal.hasSession(address)) await this.openSession(endpoint);
    const { type, body } = await this.#phone.signal.encrypt(address, plaintext);
    return node("enc", { v: "2", type, count: count === undefined ? undefined : String(count) }, body);
  }

  async openSession(endpoint: Endpoint): Promise<void> {
    await this.#phone.signal.open(signalAddress(endpoint), endpoint.takeBundle());
    if (endpoint.id !== 0) noticeLowPreKeys(this.#phone.world, endpoint.account.companions.get(endpoint.id));
  }

  async #sendToGroup(group: Group, message: proto.IMessage, attrs: Attrs): Promise<Rejection | undefined> {
    const endpoints = [...group.endpoints()].filter((endpoint) => endpoint !== this.#phone);
    const { key, holders } = this.#groupKey(group, endpoints);
    const distribution = pad(proto.Message.encode(distributionOf(group.jid, key)).finish());
    const participants = [];
    for (const endpoint of endpoints) {
      if (holders.has(endpoint)) continue;
      participants.push(await this.#copy(endpoint, LID_SERVER, distribution));
      holders.add(endpoint);
    }
    const body = key.encrypt(pad(proto.Message.encode(message).finish()));
    const content = [node("enc", { v: "2", type: "skmsg" }, body)];
    if (participants.length > 0) content.unshift(node("participants", {}, participants));
    const stanza = node("message", { ...attrs, to: group.jid, addressing_mode: "lid" }, content);
    return routeMessage(this.#phone.world, this.#phone, stanza);
  }

  /** A key that somebody outside the group holds is thrown away. */
  #groupKey(group: Group, endpoints: Endpoint[]) {
    const known = this.#groupKeys.get(group.jid);
    const present = new Set(endpoints);
    if (known && [...known.holders].every((holder) => present.has(holder))) return known;
    const fresh = { key: new SenderKey(), holders: new Set<Endpoint>() };
    this.#groupKeys.set(group.jid, fresh);
    return fresh;
  }

  /** Somebody could not read a message: sends it again to that device alone, under the same id. */
  async resend(sent: SentMessage, endpoint: Endpoint, count: number, server: string): Promise<void> {
    sent.retries++;
    const own = endpoint.account === this.#phone.account;
    const key = sent.to === STATUS_JID ? this.#statusKey : this.#groupKeys.get(sent.to)?.key;
    const content: proto.IMessage = key ? { ...sent.message, ...distributionOf(sent.to, key) } : sent.message;
    const message = own ? { deviceSentMessage: { destinationJid: sent.address, message: content } } : content;
    const plaintext = pad(proto.Message.encode(message).finish());
    const target = endpointJid(endpoint, server);
    const attrs = hasParticipants(sent.to)
      ? { to: sent.to, participant: endpointJid(endpoint, LID_SERVER) }
      : { to: target, recipient: own ? sent.address : undefined };
    const enc = await this.encryptFor(endpoint, plaintext, count);
    routeMessage(this.#phone.world, this.#phone, node("message", { id: sent.id, type: sent.type, ...attrs }, [enc]));
  }

  /** A message between this account's own devices: keys, history. Runs in the order of the sends. */
  sendToCompanion(endpoint: Endpoint, message: proto.IMessage): Promise<string> {
    const id = newMessageId();
    const run = this.#last.then(async () => {
      const enc = await this.encryptFor(endpoint, pad(proto.Message.encode(message).finish()));
      const attrs = { id, type: "text", category: "peer", to: endpointJid(endpoint, LID_SERVER) };
      const rejection = routeMessage(this.#phone.world, this.#phone, node("message", attrs, [enc]));
      if (rejection) throw new Error(`${rejection.code}: ${rejection.reason}`);
      return id;
    });
    // Its sender hears of a failure; the next message goes out all the same.
    this.#last = run.catch(() => undefined);
    return run;
  }
}

function distributionOf(groupId: string, key: SenderKey): proto.IMessage {
  return { senderKeyDistributionMessage: { groupId, axolotlSenderKeyDistributionMessage: key.distribution() } };
}

function settle(record: SentMessage, rejection: Rejection | undefined): SentMessage {
  if (rejection) {
    record.status = "failed";
    record.error = rejection.code;
  }
  return record;
}

/** Sessions belong to a LID and a device, however an envelope names them. */
export function signalAddress(endpoint: Endpoint): string {
  return `${endpoint.account.lid}.${endpoint.id}`;
}
