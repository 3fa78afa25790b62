import { bundleNodes } from "../stanza/device/bundle.ts";
import { routeReceipt } from "../stanza/message/receipt.ts";
import { uint } from "../wire/crypto.ts";
import { type BinaryNode, node } from "../wire/node.ts";
import type { PhoneBase } from "./base.ts";
import type { InboxMessage } from "./mailbox/inbox.ts";

/** Marks messages as read and sends read receipts. Throws if a message is from the phone's own account. */
export function markRead(phone: PhoneBase, messages: readonly InboxMessage[]): void {
  for (const message of messages) {
    if (message.fromMe) throw new Error("a phone cannot mark its account's own messages as read");
    message.read = true;
    const { to, participant } = message.replyTo;
    const receipt = { id: message.id, type: "read", to, participant, t: phone.world.seconds };
    routeReceipt(phone.world, phone, node("receipt", receipt));
  }
}

/** A receipt that a phone sends for any message, also for a message that it never received. */
export type FreeReceipt = {
  /** The chat: JID of the author of the message (with the device, for `retry`), of a group, or `status@broadcast`. */
  to: string;
  id: string;
  type: "delivered" | "read" | "played" | "retry";
  /** In a group and for a status post: JID of the author of the message, with the device for `retry`. */
  participant?: string | undefined;
  /** Number of the request, for `retry`. Default: 1. */
  count?: number | undefined;
};

/**
 * Sends a receipt as a hostile client could. WhatsApp's server does not store the recipients of earlier
 * encrypted messages, so it does not check the id.
 */
export function sendReceipt(phone: PhoneBase, { to, id, type, participant, count = 1 }: FreeReceipt): void {
  const t = phone.world.seconds;
  const attrs = { id, to, participant, type: type === "delivered" ? undefined : type, t };
  const content = type === "retry" ? retryNodes(phone, { id, t, count }) : undefined;
  routeReceipt(phone.world, phone, node("receipt", attrs, content));
}

/** Returns the content of a retry receipt, with keys for a new session. Source: `sendRetryRequest` in Baileys' Socket/messages-recv.ts. */
export function retryNodes(
  phone: PhoneBase,
  { id, t, count }: { id: string; t: string | undefined; count: number },
): BinaryNode[] {
  return [
    node("retry", { v: "1", count: String(count), id, t, error: "0" }),
    node("registration", {}, uint(phone.signal.registrationId, 4)),
    node("keys", {}, bundleNodes(phone.takeBundle())),
  ];
}
