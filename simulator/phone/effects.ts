import { proto } from "../wire/baileys.ts";
import { readContent } from "../wire/content.ts";
import { isGroupJid } from "../wire/jid.ts";
import type { PhoneBase } from "./base.ts";
import { applyReaction } from "./mailbox/fate.ts";
import type { InboxMessage } from "./mailbox/inbox.ts";
import type { Target } from "./mailbox/key.ts";
import { creatorOf, openResponse, openSealed, type SealedKind } from "./survey-response.ts";

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
  openSealedChange(phone, target, message);
  if (message.kind === "edit" && author === message.from && !target.deleted) {
    target.text = message.text;
    target.edited = true;
  }
  if (message.kind === "revoke" && (author === message.from || isAdmin(phone, message))) target.deleted = true;
}

/** Applies a sealed edit or reaction. Ignores one that does not decrypt. */
function openSealedChange(phone: PhoneBase, target: Target, { from, message }: InboxMessage): void {
  const { secretEncryptedMessage: edit, encReactionMessage: reaction } = message;
  if (edit && creatorOf(phone, target) === phone.world.accountOf(from) && !target.deleted) {
    const kind = EDIT_KINDS[edit.secretEncType ?? 0];
    const plaintext = kind && openSealed(phone, target, { ...edit, from, kind });
    const edited = plaintext && proto.Message.decode(plaintext).protocolMessage?.editedMessage;
    if (!edited) return;
    target.text = readContent(edited).text;
    target.edited = true;
  }
  const plaintext = reaction && openSealed(phone, target, { ...reaction, from, kind: "Enc Reaction" });
  if (plaintext) applyReaction(target, from, proto.Message.ReactionMessage.decode(plaintext).text ?? "");
}

/** By `SecretEncType`. Source: whatsmeow, msgsecret.go, `DecryptSecretEncryptedMessage`. */
const EDIT_KINDS: Partial<Record<number, SealedKind>> = { 1: "Event Edit", 2: "Message Edit", 4: "Poll Edit" };

function findTarget(phone: PhoneBase, chat: string, id: string): Target | undefined {
  const sent = phone.sent.get(id);
  if (sent?.to === chat) return sent;
  return phone.inbox.messages.findLast((message) => message.id === id && message.chat === chat);
}

function isAdmin({ world }: PhoneBase, { chat, from }: InboxMessage): boolean {
  const account = world.accountOf(from);
  return isGroupJid(chat) && account !== undefined && (world.groups.get(chat)?.isAdmin(account) ?? false);
}
