import { routeReceipt } from "../stanza/message/receipt.ts";
import { node } from "../wire/node.ts";
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
