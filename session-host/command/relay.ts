import type { BinaryNode, proto, WASocket } from "@whiskeysockets/baileys";
import type { Logger } from "../../core/log.ts";
import { isChannelJid, isGroupJid } from "../../core/message/recipient.ts";
import { defined } from "../../core/object.ts";
import { sendToDevices } from "../baileys/fan-out.ts";
import { relayNewsletterMessage } from "../baileys/newsletter-send.ts";
import { addressees } from "../baileys/recipients.ts";
import { type SendPlan, withPlan } from "../baileys/send-plan.ts";
import type { ConnectedContext } from "../executors/types.ts";
import type { Change } from "../ledger/change.ts";
import type { Ack, Flight } from "./flights.ts";
import { traceOf } from "./trace.ts";

/** WhatsApp refuses a message because the group names its members by LID now (`StaleGroupAddressingMode`). */
const staleGroup = "421";

/** A message to relay, and its recipients. */
export interface Outgoing {
  waId: string;
  jid: string;
  message: proto.IMessage;
  audience: readonly string[] | undefined;
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
  context: Pick<ConnectedContext, "sock" | "recipients">,
  outgoing: Outgoing,
  options: Pick<RelayOptions, "additionalAttributes" | "additionalNodes">,
  { log, now, record }: RelayDeps,
): Flight {
  const { sock, recipients } = context;
  const { waId, jid, message, audience } = outgoing;
  let { plan } = outgoing;
  let isRepaired = false;
  const statusJidList = audience && addressees(sock, audience);

  const relay = async () => {
    const hash = plan?.group && { phash: plan.hash };
    const additionalAttributes = { ...options.additionalAttributes, ...hash };
    const relayOptions = { messageId: waId, ...options, additionalAttributes, ...defined({ statusJidList }) };
    if (isChannelJid(jid)) await relayNewsletterMessage(sock, jid, message, relayOptions);
    else await withPlan(plan, () => sock.relayMessage(jid, message, relayOptions));
  };
  /** Looks the recipients up again. Returns the devices of the same people that the message was not sent to. */
  const refresh = async (old: SendPlan): Promise<string[]> => {
    recipients.forget(jid, old);
    const { list, plan: fresh } = await recipients.of(jid, audience);
    record({ recipients: [{ waId, ...list }] });
    plan = fresh;
    return recipients.missing(old, fresh);
  };
  /** Sends the message to the devices that WhatsApp found missing. Returns whether there are any. */
  const complete = async (old: SendPlan, hash: string): Promise<boolean> => {
    const devices = await refresh(old);
    if (!plan || devices.length === 0) {
      recipients.settle(jid, hash, plan);
      return false;
    }
    log.info({ ...traceOf(work.command), devices }, "WhatsApp knows more devices; sending the message to them");
    await sendToDevices(sock, outgoing, { plan, devices }, attributesOf(options));
    return true;
  };

  const flight: Flight = {
    ...work,
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
      if (isRepaired || !plan || audience) return undefined;
      const isStale = error === staleGroup && isGroupJid(jid);
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

const attributesOf = ({ additionalAttributes = {} }: Pick<RelayOptions, "additionalAttributes">) =>
  additionalAttributes as BinaryNode["attrs"];
