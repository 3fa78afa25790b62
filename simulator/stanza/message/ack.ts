import { STATUS_JID } from "../../wire/jid.ts";
import type { BinaryNode } from "../../wire/node.ts";
import type { StanzaHandler } from "../iq.ts";

/** The code with which a client rejects a message that it can't handle: `NackUnhandledError` in whatsmeow's receipt.go. */
const UNHANDLED = "500";

/**
 * `ack` from a client: removes the stanza that it names from the queue. An `error` means that the client could not use the
 * stanza. The server keeps a status with the code 500, and sends nothing that came later (rule `rejected_status_stays`).
 * Source: Baileys' Utils/stanza-ack.ts.
 */
export const receiveAck: StanzaHandler = (ack, { world, device }) => {
  world.counts.acks++;
  const { id, to, participant, type, error, class: tag = "message" } = ack.attrs;
  if (id === undefined) return;
  if (error) device.counts.nacked++;
  const matches = ({ attrs }: BinaryNode) =>
    attrs.from === to && attrs.participant === participant && attrs.type === type;
  if (to === STATUS_JID && error === UNHANDLED && !world.rules.relaxed("rejected_status_stays")) {
    const rejected = device.kept.find(tag, id, matches);
    if (rejected) device.reject(rejected);
    return;
  }
  const released = device.release(tag, id, matches);
  if (released?.tag === "notification" && released.attrs.type === "encrypt") device.lowPreKeyNoticeOpen = false;
};
