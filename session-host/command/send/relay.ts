import type { BinaryNode, proto, WASocket } from "@whiskeysockets/baileys";
import type { Logger } from "../../../core/log.ts";
import { isChannelJid, isGroupJid } from "../../../core/message/recipient.ts";
import { defined } from "../../../core/object.ts";
import { namedAs, type WireAddress } from "../../baileys/address/addressing.ts";
import { sendToDevices } from "../../baileys/send/fan-out.ts";
import { relayNewsletterMessage } from "../../baileys/send/newsletter-send.ts";
import { type SendPlan, withPlan } from "../../baileys/send/send-plan.ts";
import type { ConnectedContext } from "../../executors/types.ts";
import type { Change, RecipientList } from "../../ledger/change.ts";
import { traceOf } from "../trace.ts";
import type { Ack, Flight } from "./flights.ts";
import { Refusals } from "./refusals.ts";

/** WhatsApp refuses a message because the group names its members by LID now (`StaleGroupAddressingMode`). */
const staleGroup = "421";
/**
 * WhatsApp can't use a message, for example because it is encrypted for outdated devices. Source: `SmaxInvalid` in
 * Baileys' Utils/decode-wa-message.js and `handleBadAck` in Socket/messages-recv.js.
 */
const invalidStanza = "479";

/** A message to relay, and its recipients. */
export interface Outgoing {
  waId: string;
  jid: string;
  message: proto.IMessage;
  address: WireAddress;
  /** Who gets the message. */
  list: RecipientList;
  plan: SendPlan | undefined;
}

type RelayOptions = Parameters<WASocket["relayMessage"]>[2];

export interface RelayDeps {
  log: Logger;
  /** Returns the monotonic time in milliseconds. */
  now: () => number;
  /** Records a change without waiting until it is durable. */
  record: (change: Change) => void;
}

type Options = Pick<RelayOptions, "additionalAttributes" | "additionalNodes">;
type Context = Pick<ConnectedContext, "sock" | "recipients" | "addressing">;

/** Returns the flight of a message that Baileys encrypts and sends when `send` is called. */
export function flightOf(
  work: Pick<Flight, "command" | "changeOnAck">,
  context: Context,
  outgoing: Outgoing,
  options: Options,
  deps: RelayDeps,
): Flight {
  return new RelayedFlight(work, context, outgoing, options, deps);
}

class RelayedFlight implements Flight {
  readonly command: Flight["command"];
  readonly waId: string;
  address: WireAddress;
  refusal?: string;
  accepted = false;
  since = Number.POSITIVE_INFINITY;
  sent = false;
  changeOnAck?: Change;
  readonly #context: Context;
  readonly #outgoing: Outgoing;
  readonly #options: Options;
  readonly #deps: RelayDeps;
  readonly #audience: string[] | undefined;
  #list: RecipientList;
  #plan: SendPlan | undefined;
  #isRepaired = false;
  #repairing: Promise<boolean> = Promise.resolve(true);
  readonly #refusals = new Refusals();
  /** Writes the stanza to the socket. */
  #transmit = () => this.#relay();

  constructor(
    { command, changeOnAck }: Pick<Flight, "command" | "changeOnAck">,
    context: Context,
    outgoing: Outgoing,
    options: Options,
    deps: RelayDeps,
  ) {
    this.command = command;
    if (changeOnAck) this.changeOnAck = changeOnAck;
    this.waId = outgoing.waId;
    this.address = outgoing.address;
    this.#audience = outgoing.address.audience;
    this.#list = outgoing.list;
    this.#plan = outgoing.plan;
    this.#context = context;
    this.#outgoing = outgoing;
    this.#options = options;
    this.#deps = deps;
  }

  async send(): Promise<void> {
    // Encrypting for a large audience is slow. The time without an acknowledgement counts only from the end of the
    // encryption.
    this.since = this.#audience ? Number.POSITIVE_INFINITY : this.#deps.now();
    this.sent = false;
    this.#refusals.sent();
    await this.#transmit();
    this.sent = true;
    if (this.#audience) this.since = this.#deps.now();
  }

  repair(ack: Ack): Promise<boolean> | undefined {
    if (!ack.error) this.accepted = true;
    // Another stanza answers the refusal of an earlier one already.
    else if (this.#refusals.isLate()) return this.#repairing.then(isWaiting, isWaiting);
    const repairing = this.#repair(ack);
    if (!repairing) return undefined;
    this.since = Number.POSITIVE_INFINITY;
    if (ack.error) this.#refusals.answer();
    this.#repairing = repairing;
    return repairing;
  }

  /** Starts the repair that an acknowledgement asks for, if any. */
  #repair({ error, phash }: Ack): Promise<boolean> | undefined {
    const { recipients, addressing } = this.#context;
    const { jid } = this.#outgoing;
    const plan = this.#plan;
    if (error && this.refusal === undefined && addressing.mayBeWrong(this.address.kind, error)) {
      this.refusal = error;
      return this.#redirect(error);
    }
    if (this.#isRepaired || !plan || this.#audience) return undefined;
    const isStale = error === invalidStanza || (error === staleGroup && isGroupJid(jid));
    const isIncomplete =
      !error && phash !== undefined && phash !== plan.hash && !recipients.isSettled(jid, phash, plan);
    if (!isStale && !isIncomplete) return undefined;
    this.#isRepaired = true;
    return isStale ? this.#renew(plan) : this.#complete(plan, phash ?? "");
  }

  async #relay(): Promise<void> {
    const { sock } = this.#context;
    const { waId, jid, message } = this.#outgoing;
    const { address } = this;
    const hash = this.#plan?.group && { phash: this.#plan.hash };
    const options = {
      messageId: waId,
      ...this.#options,
      additionalAttributes: { ...this.#attributes(), ...hash },
      ...defined({ statusJidList: this.#audience }),
    };
    if (isChannelJid(jid)) await relayNewsletterMessage(sock, jid, message, options);
    else await withPlan(this.#plan, () => sock.relayMessage(address.to, namedAs(message, address), options));
  }

  /** Source of `peer_recipient_pn`: whatsmeow's send.go. */
  #attributes() {
    return { ...this.#options.additionalAttributes, ...defined({ peer_recipient_pn: this.address.phone }) };
  }

  /**
   * Sends a refused message once more, with the same id and the recipient's other address, if it is known. WhatsApp
   * delivers no copy of a refused message, so it arrives once.
   */
  async #redirect(error: string): Promise<boolean> {
    const address = await this.#context.addressing.afterRefusal(this.address, error);
    if (!address) return false;
    const { kind } = address;
    this.#deps.log.info({ ...traceOf(this.command), error, kind }, "sending to the recipient's other address");
    await this.#lookUp(address);
    this.address = address;
    this.command.addressedBy = kind;
    await this.send();
    return true;
  }

  /** Looks the recipients up again, and sends the whole message again. */
  async #renew(old: SendPlan): Promise<boolean> {
    this.#context.recipients.forget(this.#outgoing.jid, old);
    await this.#lookUp(this.address);
    await this.send();
    return true;
  }

  /**
   * Sends an accepted message to the devices that WhatsApp found missing. Returns whether there are any. People who
   * have joined a group since the message was encrypted don't become its recipients.
   */
  async #complete(old: SendPlan, hash: string): Promise<boolean> {
    const { sock, recipients } = this.#context;
    const { waId, jid, message } = this.#outgoing;
    recipients.forget(jid, old);
    const { address } = this;
    const { plan } = await recipients.of(address);
    const devices = recipients.missing(old, plan);
    if (!plan || devices.length === 0) {
      recipients.settle(jid, hash, plan);
      return false;
    }
    const trace = traceOf(this.command);
    this.#deps.log.info({ ...trace, devices }, "WhatsApp knows more devices; sending the message to them");
    this.#record({ ...this.#list, jids: [...this.#list.jids, ...devices] });
    const named = { waId, jid: address.to, message: namedAs(message, address) };
    const attributes = this.#attributes() as BinaryNode["attrs"];
    const nodes = this.#options.additionalNodes;
    this.#transmit = () => sendToDevices(sock, named, { plan, devices }, { attributes, nodes });
    await this.send();
    return true;
  }

  /** Looks up who gets the whole message. */
  async #lookUp(address: WireAddress): Promise<void> {
    const { list, plan } = await this.#context.recipients.of(address);
    this.#plan = plan;
    this.#record(list);
  }

  #record(list: RecipientList): void {
    this.#list = list;
    const change = { recipients: [{ waId: this.waId, ...list }] };
    this.#deps.record(change);
    if (this.changeOnAck?.recipients) this.changeOnAck = { ...this.changeOnAck, ...change };
  }
}

const isWaiting = () => true;
