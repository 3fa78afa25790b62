import { type Endpoint, endpointJid } from "../../model/account.ts";
import type { World } from "../../model/world.ts";
import { hasParticipants, LID_SERVER, parseJid, userJid } from "../../wire/jid.ts";
import { type BinaryNode, children, node } from "../../wire/node.ts";
import { deliverToAccount } from "../deliver.ts";
import type { StanzaHandler } from "../iq.ts";

/**
 * Types of receipts that the server does not deliver to other accounts. Source: `sendReceipt` in Baileys'
 * Socket/messages-send.ts and its callers.
 */
const OWN_ONLY = new Set(["sender", "peer_msg", "hist_sync", "read-self", "played-self"]);

/**
 * `receipt` from a client: removes the messages that the receipt names from the queue, and delivers the receipt to the
 * sender of these messages.
 */
export const receiveReceipt: StanzaHandler = (stanza, { world, connection, device }) => {
  const { id, to, type, participant } = stanza.attrs;
  if (!id) {
    connection.recordUnknown(stanza, "the receipt has no id");
    return;
  }
  if (type !== "retry") {
    for (const messageId of receiptIds(stanza)) {
      const author = participant ?? to;
      device.release("message", messageId, ({ attrs }) => (attrs.participant ?? attrs.from) === author);
    }
  }
  routeReceipt(world, device, stanza);
  connection.send(node("ack", { class: "receipt", id, from: to, participant, type, t: world.seconds }));
};

/** Returns the ids of all messages that a receipt names. */
export function receiptIds(receipt: BinaryNode): string[] {
  const [list] = children(receipt, "list");
  const rest = children(list, "item").map(({ attrs }) => attrs.id ?? "");
  return [receipt.attrs.id ?? "", ...rest];
}

/** Delivers a receipt to the author of the message, and a read receipt also to the reader's other devices. */
export function routeReceipt(world: World, sender: Endpoint, stanza: BinaryNode): void {
  world.counts.receipts++;
  const { id, to, type, participant, recipient } = stanza.attrs;
  if (!to || (type && OWN_ONLY.has(type))) return;
  const author = hasParticipants(to) ? participant : to;
  const target = author ? world.accountOf(author) : undefined;
  if (!author || !target) return;
  const { server, device } = parseJid(author);
  const from = hasParticipants(to) ? to : endpointJid(sender, server);
  const receipt = node(
    "receipt",
    {
      from,
      id,
      type,
      recipient: type === "retry" && target === sender.account ? recipient : undefined,
      participant: hasParticipants(to) ? endpointJid(sender, LID_SERVER) : undefined,
      t: world.seconds,
    },
    Array.isArray(stanza.content) ? stanza.content : undefined,
  );
  if (type === "retry") {
    target.endpoint(device)?.deliver(receipt);
    return;
  }
  // A companion asks its own phone to upload a file again. Source: `SendMediaRetryReceipt` in whatsmeow's mediaretry.go.
  if (type === "server-error") {
    if (target === sender.account) target.endpoint(0)?.deliver(receipt);
    return;
  }
  if (target !== sender.account) {
    // An `inactive` receipt also reaches the sender, whose apps ignore it (`SetForceActiveDeliveryReceipts` in whatsmeow's
    // receipt.go).
    deliverToAccount(target, receipt);
  }
  if (type === "read") notifyOwnDevices(sender, stanza, userJid(hasParticipants(to) ? to : author), world.seconds);
}

/**
 * Notifies the account's other devices that messages were read. In a group, the reader is the participant. Source:
 * `parseMessageSource` in whatsmeow's message.go, `handleReceipt` in Baileys' Socket/messages-recv.ts.
 */
function notifyOwnDevices(sender: Endpoint, stanza: BinaryNode, chat: string, t: string): void {
  const { id, participant: author } = stanza.attrs;
  const reader = endpointJid(sender, LID_SERVER);
  const place = hasParticipants(chat)
    ? { from: chat, participant: reader, recipient: author }
    : { from: reader, recipient: chat };
  for (const endpoint of sender.account.endpoints()) {
    if (endpoint === sender) continue;
    const content = Array.isArray(stanza.content) ? stanza.content : undefined;
    endpoint.deliver(node("receipt", { ...place, id, type: "read", t }, content));
  }
}
