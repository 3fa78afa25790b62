import type { Bundle, Endpoint } from "../model/device.ts";
import type { Typing } from "../stanza/account/presence.ts";
import { signatureProblem } from "../stanza/device/pairing.ts";
import { bundleNodes } from "../stanza/device/prekeys.ts";
import { receiptIds, routeReceipt } from "../stanza/message/receipt.ts";
import { proto } from "../wire/baileys.ts";
import { hasContent, readContent, unpad } from "../wire/content.ts";
import { rawKey, uint } from "../wire/crypto.ts";
import { hasParticipants, isGroupJid, LID_SERVER, parseJid, STATUS_JID } from "../wire/jid.ts";
import { type BinaryNode, bytes, child, childBytes, children, childUint, node } from "../wire/node.ts";
import { readPreKeyMessage } from "../wire/protobuf.ts";
import { applyToTarget, untouched } from "./mailbox/fate.ts";
import { Inbox, type InboxMessage } from "./mailbox/inbox.ts";
import type { Phone } from "./phone.ts";
import { signalAddress } from "./sender.ts";
import { RepeatedMessage, type SenderKeyRing } from "./signal/sender-key.ts";

const MAX_RETRIES = 5;

/** A ciphertext that could not be read, kept for tests. */
export type DecryptionFailure = { id: string; from: string; type: string; error: string };

/** Takes what the server delivers to a phone: decrypts, checks, shows, acknowledges. In order, one at a time. */
export class Receiver {
  readonly #phone: Phone;
  readonly senderKeys: SenderKeyRing;
  readonly #verified = new Set<string>();
  readonly #retries = new Map<string, number>();
  #queue: BinaryNode[] = [];
  #running = false;

  constructor(phone: Phone, senderKeys: SenderKeyRing) {
    this.#phone = phone;
    this.senderKeys = senderKeys;
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
    if (stanza.tag === "message") return this.#message(stanza);
    if (stanza.tag === "receipt") return this.#receipt(stanza);
    this.#phone.notifications.push(stanza);
    if (stanza.tag === "chatstate") return this.#typing(stanza);
    if (stanza.attrs.type !== "server_sync") return;
    for (const { attrs } of children(stanza, "collection")) this.#phone.appState.pull(attrs.name ?? "");
  }

  #typing({ attrs, content }: BinaryNode): void {
    const { from = "", participant } = attrs;
    const { world, typing } = this.#phone;
    const [state] = Array.isArray(content) ? content : [];
    const writer = world.accountOf(participant ?? from)?.pnJid;
    if (!state || !writer) return;
    const chat = isGroupJid(from) ? from : writer;
    const shown = state.attrs.media === "audio" ? "recording" : (state.tag as Typing);
    typing.push({ chat, from: writer, state: shown, at: world.clock() });
  }

  async #message(stanza: BinaryNode): Promise<void> {
    const { world, account } = this.#phone;
    if (this.#phone.channels.receive(stanza)) return;
    const { id = "", from = "", participant } = stanza.attrs;
    const sender = world.endpointOf(participant ?? from);
    // A device that was unlinked while its message was under way: its keys are gone with it.
    if (!sender) return;
    const chat = hasParticipants(from) ? from : this.#chat(stanza, sender);
    const known = this.#phone.inbox.find(chat, sender.account.pnJid, id);
    let message: proto.IMessage | undefined;
    for (const enc of children(stanza, "enc")) {
      try {
        const plaintext = await this.#decrypt(enc, stanza, sender, from);
        message = { ...message, ...this.#open(plaintext, sender) };
      } catch (error) {
        if (known && isRepetition(error)) return this.#phone.inbox.repeat(known);
        return this.#failed(stanza, enc, sender, error);
      }
    }
    if (!message) return;
    this.#acknowledge(stanza, sender);
    if (stanza.attrs.category === "peer") return this.#phone.sync.receivePeer(sender, id, message);
    if (!hasContent(message)) return;
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
    if (!this.#phone.inbox.add(received)) return;
    applyToTarget(this.#phone, received);
    if (this.#phone.autoRead && !received.fromMe) this.#phone.markRead(received);
  }

  #chat(stanza: BinaryNode, sender: Endpoint): string {
    const { recipient, id = "" } = stanza.attrs;
    // Baileys says a status again to one device as if it were a message to it alone.
    if (this.#retries.has(Inbox.key(STATUS_JID, signalAddress(sender), id))) return STATUS_JID;
    if (sender.account !== this.#phone.account || !recipient) return sender.account.pnJid;
    return this.#phone.world.accountOf(recipient)?.pnJid ?? recipient;
  }

  async #decrypt(enc: BinaryNode, stanza: BinaryNode, sender: Endpoint, from: string): Promise<Buffer> {
    const body = Buffer.from(bytes(enc) ?? []);
    const type = enc.attrs.type;
    if (type === "skmsg") return this.senderKeys.decrypt(from, signalAddress(sender), body);
    if (type !== "pkmsg" && type !== "msg") throw new Error(`ciphertext of unknown type ${type}`);
    if (type === "pkmsg") this.#checkIdentity(body, stanza, sender);
    return this.#phone.signal.decrypt(signalAddress(sender), { type, body });
  }

  /** A phone must use its account's identity key; a companion must show the account's signature on its own. */
  #checkIdentity(body: Buffer, stanza: BinaryNode, sender: Endpoint): void {
    const identityKey = rawKey(readPreKeyMessage(body).identityKey);
    const { identityKey: accountKey } = sender.account;
    if (sender.id === 0) {
      if (!identityKey.equals(accountKey)) throw new Error("the phone's identity is not its account's");
      return;
    }
    const shown = bytes(child(stanza, "device-identity"));
    if (!shown) throw new Error("a companion's prekey message without device-identity");
    const proof = `${signalAddress(sender)} ${identityKey.toString("base64")} ${shown.toString("base64")}`;
    if (this.#verified.has(proof)) return;
    const problem = signatureProblem(proto.ADVSignedDeviceIdentity.decode(shown), accountKey, identityKey);
    if (problem) throw new Error(problem);
    this.#verified.add(proof);
  }

  #open(plaintext: Buffer, sender: Endpoint): proto.IMessage {
    const decoded = proto.Message.decode(unpad(plaintext));
    const own = decoded.deviceSentMessage?.message;
    if (own && sender.account !== this.#phone.account) throw new Error("deviceSentMessage from another account");
    const message = own ?? decoded;
    const distribution = message.senderKeyDistributionMessage;
    if (distribution?.groupId && distribution.axolotlSenderKeyDistributionMessage) {
      const key = Buffer.from(distribution.axolotlSenderKeyDistributionMessage);
      this.senderKeys.accept(distribution.groupId, signalAddress(sender), key);
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

  /** Asks the sender to encrypt again, with keys for a new session. */
  #failed(stanza: BinaryNode, enc: BinaryNode, sender: Endpoint, error: unknown): void {
    const { id = "", from, participant, recipient } = stanza.attrs;
    const reason = error instanceof Error ? error.message : String(error);
    this.#phone.failures.push({ id, from: sender.account.pnJid, type: enc.attrs.type ?? "", error: reason });
    const key = Inbox.key(from ?? "", signalAddress(sender), id);
    const count = (this.#retries.get(key) ?? 0) + 1;
    if (count > MAX_RETRIES) return;
    this.#retries.set(key, count);
    const retry = node("retry", { v: "1", count: String(count), id, t: stanza.attrs.t, error: "0" });
    const registration = node("registration", {}, uint(this.#phone.signal.registrationId, 4));
    const keys = node("keys", {}, bundleNodes(this.#phone.takeBundle()));
    const attrs = { id, type: "retry", to: from, participant, recipient };
    routeReceipt(this.#phone.world, this.#phone, node("receipt", attrs, [retry, registration, keys]));
  }

  async #receipt(stanza: BinaryNode): Promise<void> {
    const { from = "", participant, type } = stanza.attrs;
    const reader = this.#phone.world.endpointOf(participant ?? from);
    if (!reader) return;
    if (type === "retry") return this.#resend(stanza, reader);
    const { world, sent } = this.#phone;
    for (const id of receiptIds(stanza)) {
      const receipt = { from: reader.account.pnJid, device: reader.id, type: type ?? "delivery", at: world.clock() };
      sent.noteReceipt(id, receipt);
    }
  }

  async #resend(stanza: BinaryNode, reader: Endpoint): Promise<void> {
    const sent = this.#phone.sent.get(stanza.attrs.id ?? "");
    const count = Number(child(stanza, "retry")?.attrs.count ?? "1");
    if (!sent || count > MAX_RETRIES) return;
    const keys = child(stanza, "keys");
    if (keys) await this.#phone.signal.open(signalAddress(reader), readBundle(stanza, keys));
    else if (count > 1) await this.#phone.sender.openSession(reader);
    const { server } = parseJid(stanza.attrs.from ?? "");
    await this.#phone.sender.resend(
      sent,
      reader,
      count,
      hasParticipants(stanza.attrs.from ?? "") ? LID_SERVER : server,
    );
  }
}

function readBundle(receipt: BinaryNode, keys: BinaryNode): Bundle {
  const skey = child(keys, "skey");
  const one = child(keys, "key");
  const bundle: Bundle = {
    registrationId: childUint(receipt, "registration"),
    identityKey: childBytes(keys, "identity", 32),
    signedPreKey: {
      id: childUint(skey, "id"),
      public: childBytes(skey, "value", 32),
      signature: childBytes(skey, "signature", 64),
    },
  };
  return one ? { ...bundle, preKey: { id: childUint(one, "id"), public: childBytes(one, "value", 32) } } : bundle;
}

/** A ciphertext that was read before, as opposed to one that cannot be read. */
function isRepetition(error: unknown): boolean {
  return (
    error instanceof RepeatedMessage ||
    (error instanceof Error && /Key used already|No matching sessions/.test(error.message))
  );
}
