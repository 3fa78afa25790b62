import { type Device, endpointJid } from "../../../simulator/model/account.ts";
import type { Group } from "../../../simulator/model/group.ts";
import type { Phone } from "../../../simulator/phone/phone.ts";
import { signalAddress } from "../../../simulator/phone/signal/address.ts";
import { SenderKey } from "../../../simulator/phone/signal/sender-key.ts";
import { proto } from "../../../simulator/wire/baileys.ts";
import { pad } from "../../../simulator/wire/content.ts";
import { LID_SERVER } from "../../../simulator/wire/jid.ts";
import { type BinaryNode, node } from "../../../simulator/wire/node.ts";
import { mutateProtobuf } from "./protobuf.ts";
import { baseMessages, baseStanzas, type Scene } from "./seeds.ts";
import { mutateStanza } from "./stanza.ts";
import { chooser } from "./values.ts";

/** The largest stanza in bytes. WhatsApp's frames have at most 16 MB, but the encoder of Baileys is slow. */
const maxBytes = 4_000_000;

const sizeOf = ({ attrs, content }: BinaryNode): number =>
  Object.values(attrs).reduce((sum, value) => sum + value.length, 100) +
  (Array.isArray(content) ? content.reduce((sum, child) => sum + sizeOf(child), 0) : (content?.length ?? 0));

/** A stranger who shares a group with an account, and sends one of its devices anything that the protocols can carry. */
export class Attacker {
  readonly #phone: Phone;
  readonly #device: Device;
  readonly #scene: Scene;
  readonly #senderKey = new SenderKey();

  constructor(phone: Phone, device: Device, group: Group) {
    this.#phone = phone;
    this.#device = device;
    this.#scene = { stranger: phone, owner: device.account, group };
  }

  /** Opens a Signal session with the device, and gives it the sender key for the group. */
  async open(): Promise<void> {
    await this.#phone.sender.openSession(this.#device);
    const distribution = {
      groupId: this.#scene.group.jid,
      axolotlSenderKeyDistributionMessage: this.#senderKey.distribution(),
    };
    const message = proto.Message.encode({ senderKeyDistributionMessage: distribution }).finish();
    this.#device.deliver(await this.#direct("open", Buffer.from(message)));
  }

  /** Sends a mutated stanza, or a stanza with a mutated message, that depends only on the seed. `round` makes its id. */
  async attack(round: number, seed: number): Promise<void> {
    const choose = chooser(seed);
    const id = `FUZZ${round}`;
    const kind = choose.upTo(20);
    if (kind < 4) {
      this.#deliver(mutateStanza(choose.one(baseStanzas(this.#scene, id)), choose));
      return;
    }
    const encoded = Buffer.from(proto.Message.encode(choose.one(baseMessages(this.#scene))).finish());
    const inGroup = choose.chance(0.25);
    const plaintext = kind < 6 ? encoded : mutateProtobuf(encoded, choose).subarray(0, maxBytes / 2);
    const stanza = inGroup ? this.#toGroup(id, plaintext) : await this.#direct(id, plaintext);
    this.#deliver(kind < 6 ? mutateStanza(stanza, choose) : stanza);
  }

  /** Sends an encoded `proto.Message` as it is. */
  async send(id: string, encoded: Buffer): Promise<void> {
    this.#deliver(await this.#direct(id, encoded));
  }

  /** Sends a stanza to the device, unless it is too large for a frame. */
  #deliver(stanza: BinaryNode): void {
    if (sizeOf(stanza) <= maxBytes) this.#device.deliver(stanza);
  }

  async #direct(id: string, plaintext: Buffer): Promise<BinaryNode> {
    const { type, body } = await this.#phone.signal.encrypt(signalAddress(this.#device), pad(plaintext));
    const attrs = { ...this.#envelope(id), from: endpointJid(this.#phone, LID_SERVER), sender_pn: this.#phone.jid };
    return node("message", attrs, [node("enc", { v: "2", type }, body)]);
  }

  #toGroup(id: string, plaintext: Buffer): BinaryNode {
    const participant = { participant: endpointJid(this.#phone, LID_SERVER), participant_pn: this.#phone.jid };
    const attrs = { ...this.#envelope(id), from: this.#scene.group.jid, ...participant };
    return node("message", attrs, [node("enc", { v: "2", type: "skmsg" }, this.#senderKey.encrypt(pad(plaintext)))]);
  }

  #envelope(id: string) {
    return { id, type: "text", t: this.#phone.world.seconds, addressing_mode: "lid", notify: this.#phone.pushName };
  }
}
