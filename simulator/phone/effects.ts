import { isGroupJid } from "../wire/jid.ts";
import type { PhoneBase } from "./base.ts";
import { applyReaction } from "./mailbox/fate.ts";
import type { InboxMessage } from "./mailbox/inbox.ts";
import type { SentMessage } from "./mailbox/sent.ts";
import { openResponse } from "./survey-response.ts";

/** `PIN_FOR_ALL` of `PinInChatMessage.Type` and `KEEP_FOR_ALL` of `KeepType` in WAProto. */
const SET = 1;

/**
 * Applies an edit, deletion, reaction, pin or answer to its target message, if the author is allowed to make this change.
 */
export function applyToTarget(phone: PhoneBase, message: InboxMessage): void {
  const target = message.refersTo === undefined ? undefined : findTarget(phone, message.chat, message.refersTo);
  if (!target) return;
  const author = "from" in target ? target.from : phone.jid;
  if (message.kind === "pollUpdate" || message.kind === "encEventResponse") openResponse(phone, target, message);
  if (message.kind === "reaction") applyReaction(target, message.from, message.text ?? "");
  const { pinInChatMessage: pin, keepInChatMessage: keep } = message.message;
  if (pin) target.pinned = pin.type === SET;
  if (keep) target.kept = keep.keepType === SET;
  if (message.kind === "edit" && author === message.from && !target.deleted) {
    target.text = message.text;
    target.edited = true;
  }
  if (message.kind === "revoke" && (author === message.from || isAdmin(phone, message))) target.deleted = true;
}

function findTarget(phone: PhoneBase, chat: string, id: string): InboxMessage | SentMessage | undefined {
  const sent = phone.sent.get(id);
  if (sent?.to === chat) return sent;
  return phone.inbox.messages.findLast((message) => message.id === id && message.chat === chat);
}

function isAdmin({ world }: PhoneBase, { chat, from }: InboxMessage): boolean {
  const account = world.accountOf(from);
  return isGroupJid(chat) && account !== undefined && (world.groups.get(chat)?.isAdmin(account) ?? false);
}
