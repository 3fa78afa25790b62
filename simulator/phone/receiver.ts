import type { Endpoint } from "../model/account.ts";
import type { Typing } from "../stanza/account/presence.ts";
import { readBundle } from "../stanza/device/bundle.ts";
import { receiptIds, routeReceipt } from "../stanza/message/receipt.ts";
import { proto } from "../wire/baileys.ts";
import { hasContent, readContent, unpad } from "../wire/content.ts";
import { rawKey } from "../wire/crypto.ts";
import { signatureProblem } from "../wire/device-identity.ts";
import { hasParticipants, isGroupJid, isListJid, LID_SERVER, parseJid, STATUS_JID } from "../wire/jid.ts";
import { type BinaryNode, bytes, child, children, node } from "../wire/node.ts";
import { readPreKeyMessage } from "../wire/protobuf.ts";
import type { PhoneAppState } from "./app-state.ts";
import type { PhoneBase } from "./base.ts";
import type { PhoneChannels } from "./channels.ts";
import { applyToTarget } from "./effects.ts";
import { untouched } from "./mailbox/fate.ts";
import { Inbox, type InboxMessage } from "./mailbox/inbox.ts";
import { answerMediaRetry } from "./media-retry.ts";
import type { Placeholders } from "./placeholders.ts";
import { retryNodes } from "./receipts.ts";
import type { Sender } from "./sender.ts";
import { showFile } from "./shown-file.ts";
import { signalAddress } from "./signal/address.ts";
import { RepeatedMessage, type SenderKeyRing } from "./signal/sender-key.ts";
import type { Sync } from "./sync.ts";

/** Maximum number of retries per message. Source: `maxMsgRetryCount` in Baileys' Defaults. */
const MAX_RETRIES = 5;

/** The parts of a phone that handle received stanzas. */
type Parts = {
  senderKeys: SenderKeyRing;
  sender: Sender;
  appState: PhoneAppState;
  channels: PhoneChannels;
  placeholders: Placeholders;
  sync: Sync;
};

/** Handles the stanzas that the server delivers to a phone, in order: decrypts, checks, shows and acknowledges them. */
export class Receiver {
  readonly #phone: PhoneBase;
  readonly #parts: Parts;
  /** Called for each new message from another account. */
  readonly #onMessage: (message: InboxMessage) => void;
  readonly #verified = new Set<string>();
  readonly #retries = new Map<string, number>();
  #queue: BinaryNode[] = [];
  #running = false;

  constructor(phone: PhoneBase, parts: Parts, onMessage: (message: InboxMessage) => void) {
    this.#phone = phone;
    this.#parts = parts;
    this.#onMessage = onMessage;
  }

  push(stanza: BinaryNode): void {
    this.#queue.push(stanza);
    if (!this.#running) void this.#drain();
  }

  async #drain(): Promise<void> {
    this.#running = true;
    for (let next = this.#queue.shift(); next; next = this.#queue.shift()) {
      try {
        await this.#receive(next);
      } catch (error) {
        this.#phone.errors.push(error instanceof Error ? error : new Error(String(error)));
      }
    }
    this.#running = false;
  }

  async #receive(stanza: BinaryNode): Promise<void> {
    if (stanza.tag === "message") return this.#receiveMessage(stanza);
    if (stanza.tag === "receipt") return this.#receiveReceipt(stanza);
    this.#phone.notifications.push(stanza);
    if (stanza.tag === "chatstate") return this.#receiveTyping(stanza);
    if (stanza.attrs.type !== "server_sync") return;
    for (const { attrs } of children(stanza, "collection")) this.#parts.appState.pull(attrs.name ?? "");
  }

  #receiveTyping({ attrs, content }: BinaryNode): void {
    const { from = "", participant } = attrs;
    const { world, typing } = this.#phone;
    const [state] = Array.isArray(content) ? content : [];
    const author = world.accountOf(participant ?? from)?.pnJid;
    if (!state || !author) return;
    const chat = isGroupJid(from) ? from : author;
    const typingState = state.attrs.media === "audio" ? "recording" : (state.tag as Typing);
    typing.push({ chat, from: author, state: typingState, at: world.clock() });
  }

  async #receiveMessage(stanza: BinaryNode): Promise<void> {
    const { world, account } = this.#phone;
    if (this.#parts.channels.receive(stanza)) return;
    const { id = "", from = "", participant } = stanza.attrs;
    const sender = world.endpointOf(participant ?? from);
    // The sender is undefined if its device was unlinked before the message arrived.
    if (!sender) return;
    const chat =
      hasParticipants(from) && !(isListJid(from) && sender.account !== account) ? from : this.#chatOf(stanza, sender);
    const known = this.#phone.inbox.find(chat, sender.account.pnJid, id);
    let message: proto.IMessage | undefined;
    for (const enc of children(stanza, "enc")) {
      try {
        const plaintext = await this.#decrypt(enc, stanza, sender, from);
        message = { ...message, ...this.#readPlaintext(plaintext, sender) };
      } catch (error) {
        if (known && isRepetition(error)) return this.#phone.inbox.countCopy(known);
        return this.#requestRetry(stanza, enc, sender, error);
      }
    }
    if (!message) return;
    this.#acknowledge(stanza, sender);
    if (stanza.attrs.category === "peer") {
      await this.#parts.sync.receive(message, sender);
      return this.#parts.placeholders.receive(id, message, sender);
    }
    if (!hasContent(message)) return;
    this.#phone.timers.note(chat, message, Number(stanza.attrs.t));
    const received: InboxMessage = {
      ...readContent(message),
      id,
      chat,
      from: sender.account.pnJid,
      fromLid: sender.account.lidJid,
      fromDevice: sender.id,
      fromMe: sender.account === account,
      pushName: stanza.attrs.notify,
      timestamp: Number(stanza.attrs.t),
      addressing: stanza.attrs.addressing_mode === "lid" ? "lid" : "pn",
      message,
      copies: 1,
      receivedAt: world.clock(),
      read: false,
      replyTo: { to: from, participant },
      ...untouched(),
    };
    if (!known && sender.id !== 0) this.#showFile(received);
    if (!this.#phone.inbox.add(received)) return;
    this.#phone.files.keep(world.media, id, message);
    applyToTarget(this.#phone, received);
    if (!received.fromMe) this.#onMessage(received);
  }

  /** Shows the file of a message from a linked device. A phone that was set up by a test may send any file. */
  #showFile(received: InboxMessage): void {
    try {
      const sticker = showFile(this.#phone.world.media, received.message);
      if (sticker) received.sticker = sticker;
    } catch (error) {
      this.#phone.errors.push(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** Returns the chat of a message that is not from a group. */
  #chatOf(stanza: BinaryNode, sender: Endpoint): string {
    const { recipient, id = "" } = stanza.attrs;
    // Baileys resends a status post to one device as a direct message.
    if (this.#retries.has(Inbox.key(STATUS_JID, signalAddress(sender), id))) return STATUS_JID;
    if (sender.account !== this.#phone.account || !recipient) return sender.account.pnJid;
    return this.#phone.world.accountOf(recipient)?.pnJid ?? recipient;
  }

  async #decrypt(enc: BinaryNode, stanza: BinaryNode, sender: Endpoint, from: string): Promise<Buffer> {
    const body = Buffer.from(bytes(enc) ?? []);
    const type = enc.attrs.type;
    if (type === "skmsg") return this.#parts.senderKeys.decrypt(from, signalAddress(sender), body);
    if (type !== "pkmsg" && type !== "msg") throw new Error(`the ciphertext has the unknown type ${type}`);
    if (type === "pkmsg") this.#checkIdentity(body, stanza, sender);
    return this.#phone.signal.decrypt(signalAddress(sender), { type, body });
  }

  /**
   * Throws if the sender is a phone and does not use its account's identity key, or is a companion whose identity key
   * the account did not sign.
   */
  #checkIdentity(body: Buffer, stanza: BinaryNode, sender: Endpoint): void {
    const identityKey = rawKey(readPreKeyMessage(body).identityKey);
    const { identityKey: accountKey } = sender.account;
    if (sender.id === 0) {
      if (!identityKey.equals(accountKey)) throw new Error("the phone's identity key is not its account's");
      return;
    }
    const deviceIdentity = bytes(child(stanza, "device-identity"));
    if (!deviceIdentity) throw new Error("a companion's prekey message has no device-identity");
    const proof = `${signalAddress(sender)} ${identityKey.toString("base64")} ${deviceIdentity.toString("base64")}`;
    if (this.#verified.has(proof)) return;
    const problem = signatureProblem(proto.ADVSignedDeviceIdentity.decode(deviceIdentity), accountKey, identityKey);
    if (problem) throw new Error(problem);
    this.#verified.add(proof);
  }

  /** Decodes a decrypted message. If the message contains a sender key, stores the sender key. */
  #readPlaintext(plaintext: Buffer, sender: Endpoint): proto.IMessage {
    const decoded = proto.Message.decode(unpad(plaintext));
    const own = decoded.deviceSentMessage?.message;
    if (own && sender.account !== this.#phone.account)
      throw new Error("a deviceSentMessage comes from another account");
    const message = own ?? decoded;
    const distribution = message.senderKeyDistributionMessage;
    if (distribution?.groupId && distribution.axolotlSenderKeyDistributionMessage) {
      const key = Buffer.from(distribution.axolotlSenderKeyDistributionMessage);
      this.#parts.senderKeys.accept(distribution.groupId, signalAddress(sender), key);
    }
    return message;
  }

  #acknowledge(stanza: BinaryNode, sender: Endpoint): void {
    const { id, from, participant, category, recipient } = stanza.attrs;
    const own = sender.account === this.#phone.account;
    const type = category === "peer" ? "peer_msg" : own ? "sender" : undefined;
    const to = own && recipient ? { to: from, recipient } : { to: from, participant };
    routeReceipt(this.#phone.world, this.#phone, node("receipt", { id, type, ...to }));
  }

  /** Records the failure, and asks the sender for a retry. */
  #requestRetry(stanza: BinaryNode, enc: BinaryNode, sender: Endpoint, error: unknown): void {
    const { id = "", from, participant, recipient } = stanza.attrs;
    const reason = error instanceof Error ? error.message : String(error);
    this.#phone.failures.push({ id, from: sender.account.pnJid, type: enc.attrs.type ?? "", error: reason });
    const key = Inbox.key(from ?? "", signalAddress(sender), id);
    const count = (this.#retries.get(key) ?? 0) + 1;
    if (count > MAX_RETRIES) return;
    this.#retries.set(key, count);
    const content = retryNodes(this.#phone, { id, t: stanza.attrs.t, count });
    const attrs = { id, type: "retry", to: from, participant, recipient };
    routeReceipt(this.#phone.world, this.#phone, node("receipt", attrs, content));
  }

  async #receiveReceipt(stanza: BinaryNode): Promise<void> {
    const { from = "", participant, recipient, type } = stanza.attrs;
    const reader = this.#phone.world.endpointOf(participant ?? from);
    if (!reader) return;
    if (type === "retry") return this.#resend(stanza, reader);
    if (type === "server-error") return answerMediaRetry(this.#phone, stanza, reader);
    const { world, sent, account } = this.#phone;
    // A linked device of the account has read messages.
    if (reader.account === account && type === "read" && recipient) {
      const chat = isGroupJid(from) ? from : (world.accountOf(recipient)?.pnJid ?? recipient);
      const ids = new Set(receiptIds(stanza));
      for (const message of this.#phone.inbox.messages)
        if (message.chat === chat && ids.has(message.id)) message.read = true;
      return;
    }
    for (const id of receiptIds(stanza)) {
      const receipt = { from: reader.account.pnJid, device: reader.id, type: type ?? "delivery", at: world.clock() };
      sent.addReceipt(id, receipt);
    }
  }

  /**
   * Sends a message again to a device that asks for a retry, if the message was sent to this device and is not deleted.
   * Source: `getMsgIfAuthorized` of WhatsApp Web (github.com/burstfreeze/appjs, app/4582.*.js).
   */
  async #resend(stanza: BinaryNode, endpoint: Endpoint): Promise<void> {
    const sent = this.#phone.sent.get(stanza.attrs.id ?? "");
    const count = Number(child(stanza, "retry")?.attrs.count ?? "1");
    if (!sent || sent.deleted || count > MAX_RETRIES) return;
    // A message from an old state file has no list.
    if (sent.devices && !sent.devices.includes(signalAddress(endpoint))) return;
    const keys = child(stanza, "keys");
    if (keys) await this.#phone.signal.open(signalAddress(endpoint), readBundle(stanza, keys));
    else if (count > 1) await this.#parts.sender.openSession(endpoint);
    const { server } = parseJid(stanza.attrs.from ?? "");
    await this.#parts.sender.resend(
      sent,
      endpoint,
      count,
      hasParticipants(stanza.attrs.from ?? "") ? LID_SERVER : server,
    );
  }
}

/** Whether decryption failed because the same ciphertext was decrypted before. */
function isRepetition(error: unknown): boolean {
  return (
    error instanceof RepeatedMessage ||
    (error instanceof Error && /Key used already|No matching sessions/.test(error.message))
  );
}
