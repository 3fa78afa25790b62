import type { BinaryNode, proto, WASocket } from "@whiskeysockets/baileys";
import type { Logger } from "../../core/log.ts";
import { isChannelJid, isGroupJid } from "../../core/message/recipient.ts";
import { defined } from "../../core/object.ts";
import { namedAs, type WireAddress } from "../baileys/addressing.ts";
import { sendToDevices } from "../baileys/fan-out.ts";
import { relayNewsletterMessage } from "../baileys/newsletter-send.ts";
import { type SendPlan, withPlan } from "../baileys/send-plan.ts";
import type { ConnectedContext } from "../executors/types.ts";
import type { Change } from "../ledger/change.ts";
import type { Ack, Flight } from "./flights.ts";
import { traceOf } from "./trace.ts";

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

/** Returns the flight of a message that Baileys encrypts and sends when `send` is called. */
export function flightOf(
  work: Pick<Flight, "command" | "changeOnAck">,
  context: Pick<ConnectedContext, "sock" | "recipients" | "addressing">,
  outgoing: Outgoing,
  options: Pick<RelayOptions, "additionalAttributes" | "additionalNodes">,
  { log, now, record }: RelayDeps,
): Flight {
  const { sock, recipients, addressing } = context;
  const { waId, jid, message } = outgoing;
  const { audience } = outgoing.address;
  let { plan } = outgoing;
  let isRepaired = false;

  /** Source of `peer_recipient_pn`: whatsmeow's send.go. */
  const attributes = () => ({
    ...options.additionalAttributes,
    ...defined({ peer_recipient_pn: flight.address.phone }),
  });
  const relay = async () => {
    const { address } = flight;
    const hash = plan?.group && { phash: plan.hash };
    const additionalAttributes = { ...attributes(), ...hash };
    const relayOptions = { messageId: waId, ...options, additionalAttributes, ...defined({ statusJidList: audience }) };
    if (isChannelJid(jid)) await relayNewsletterMessage(sock, jid, message, relayOptions);
    else await withPlan(plan, () => sock.relayMessage(address.to, namedAs(message, address), relayOptions));
  };
  const lookUp = async (address: WireAddress): Promise<SendPlan | undefined> => {
    const { list, plan: fresh } = await recipients.of(address);
    record({ recipients: [{ waId, ...list }] });
    plan = fresh;
    return fresh;
  };
  /**
   * Sends a refused message once more, with the same id and the recipient's other address, if it is known. WhatsApp
   * delivers no copy of a refused message, so it arrives once.
   */
  const redirect = async (error: string): Promise<boolean> => {
    const address = await addressing.afterRefusal(flight.address, error);
    if (!address) return false;
    log.info({ ...traceOf(work.command), error, kind: address.kind }, "sending to the recipient's other address");
    await lookUp(address);
    flight.address = address;
    work.command.addressedBy = address.kind;
    await flight.send();
    return true;
  };
  /** Looks the recipients up again. Returns the devices of the same people that the message was not sent to. */
  const refresh = async (old: SendPlan): Promise<string[]> => {
    recipients.forget(jid, old);
    return recipients.missing(old, await lookUp(flight.address));
  };
  /** Sends the message to the devices that WhatsApp found missing. Returns whether there are any. */
  const complete = async (old: SendPlan, hash: string): Promise<boolean> => {
    const devices = await refresh(old);
    if (!plan || devices.length === 0) {
      recipients.settle(jid, hash, plan);
      return false;
    }
    log.info({ ...traceOf(work.command), devices }, "WhatsApp knows more devices; sending the message to them");
    const { address } = flight;
    const named = { waId, jid: address.to, message: namedAs(message, address) };
    await sendToDevices(sock, named, { plan, devices }, attributes() as BinaryNode["attrs"]);
    return true;
  };

  const flight: Flight = {
    ...work,
    address: outgoing.address,
    since: Number.POSITIVE_INFINITY,
    sent: false,
    send: async () => {
      // Encrypting for a large audience is slow. The time without an acknowledgement counts only from the end of the
      // encryption.
      flight.since = audience ? Number.POSITIVE_INFINITY : now();
      flight.sent = false;
      await relay();
      flight.sent = true;
      if (audience) flight.since = now();
    },
    repair: ({ error, phash }: Ack) => {
      if (error && flight.refusal === undefined && addressing.mayBeWrong(flight.address.kind, error)) {
        flight.refusal = error;
        flight.since = Number.POSITIVE_INFINITY;
        return redirect(error);
      }
      if (isRepaired || !plan || audience) return undefined;
      const isStale = error === invalidStanza || (error === staleGroup && isGroupJid(jid));
      const isIncomplete =
        !error && phash !== undefined && phash !== plan.hash && !recipients.isSettled(jid, phash, plan);
      if (!isStale && !isIncomplete) return undefined;
      isRepaired = true;
      flight.since = Number.POSITIVE_INFINITY;
      const old = plan;
      return isStale
        ? refresh(old)
            .then(flight.send)
            .then(() => true)
        : complete(old, phash ?? "");
    },
  };
  return flight;
}
