import { proto } from "@whiskeysockets/baileys";
import { boundText, maxBytes } from "../../../core/bound.ts";
import type { TargetMessage } from "../../../core/message/about.ts";
import { editedAt, writtenAt } from "../../baileys/address/jids.ts";
import type { AboutMessage, Change } from "../../ledger/change.ts";
import { boundMessage } from "../bounds.ts";
import { unwrap } from "../content/unwrap.ts";
import { type Address, addressOf } from "./address.ts";
import { editOf, editScope, unreadableEdit } from "./edit.ts";
import {
  authorOf,
  eventFieldsOf,
  type Note,
  type NoteScope,
  personOf,
  readableTargets,
  reportOnly,
  statedAuthor,
  untilArrival,
} from "./note.ts";
import { jidPairs, openSealed, type Sealed, type SecretUse, secretOf } from "./secret.ts";

/**
 * Uses by `SecretEncType`. The pinned protobuf definition lacks the types from 3 on. Source: whatsmeow, msgsecret.go,
 * `DecryptSecretEncryptedMessage`. Message schedules (3) and new poll options (5) are not opened.
 */
const editUses: Partial<Record<number, SecretUse>> = { 1: "Event Edit", 2: "Message Edit", 4: "Poll Edit" };

/** `POLL_ADD_OPTION` of `SecretEncType`. Everybody in the chat may add an option, if the author of the poll allows it. */
const addsPollOption: number = 5;

/** A sealed note: what is sealed, the key of its target, and who sends it. */
interface SealedNote {
  sealed: Sealed;
  address: Address;
  about: AboutMessage;
}

type SealedPart = {
  targetMessageKey?: proto.IMessageKey | null;
  encPayload?: Uint8Array | null;
  encIv?: Uint8Array | null;
};

async function sealedNote({ origin }: Note, part: SealedPart, scope: NoteScope): Promise<SealedNote | undefined> {
  const key = part.targetMessageKey;
  const address = await addressOf(origin, scope.phoneOf);
  if (!address || !key?.id) return undefined;
  const { encPayload, encIv } = part;
  return {
    sealed: { waId: key.id, encPayload: encPayload ?? new Uint8Array(), encIv: encIv ?? new Uint8Array() },
    address,
    about: {
      ...{ waId: key.id, chatIds: address.chatIds },
      ...personOf(origin, address),
      at: new Date(origin.seconds * 1000),
      author: await statedAuthor(origin.me, address, key, scope.phoneOf),
    },
  };
}

async function open(
  { origin }: Note,
  { sealed, address }: SealedNote,
  { target, use, lidMapping }: { target: TargetMessage; use: SecretUse; lidMapping: NoteScope["lidMapping"] },
): Promise<Uint8Array | undefined> {
  const pairs = await jidPairs({ me: origin.me, target, address }, lidMapping);
  return openSealed(sealed, { secret: secretOf(target), pairs, use });
}

/**
 * Returns the change of a sealed edit. Only the author may edit: an edit of another person is forged and causes no event,
 * except a new option of a poll.
 */
export async function sealedEdit(note: Note, scope: NoteScope): Promise<Change | undefined> {
  const part = note.opened.content.secretEncryptedMessage;
  if (!part) return undefined;
  const found = await sealedNote(note, part, scope);
  if (!found) return {};
  const { sealed, address, about } = found;
  const targets = await readableTargets(scope, sealed.waId, address.chatIds);
  if (targets.length === 0) {
    const data = { ...eventFieldsOf(about, { known: false, readable: false }), ...unreadableEdit };
    return untilArrival(note, address, sealed.waId, { type: "message.edited", data });
  }
  const own = targets.find((candidate) => wroteIt(candidate, address));
  const poll = targets.find(({ type }) => type === "poll");
  const target = own ?? (part.secretEncType === addsPollOption ? poll : undefined);
  if (!target) {
    scope.log.warn({ waId: sealed.waId }, "an edit was dropped: its sender did not write the message");
    return {};
  }
  const use = editUses[part.secretEncType ?? 0];
  const plaintext = use && (await open(note, found, { target, use, lidMapping: scope.lidMapping }));
  const edited = plaintext && editedIn(plaintext);
  if (!edited) {
    const author = authorOf(note.origin.me, target);
    const fields = eventFieldsOf({ ...about, author, chatIds: [target.chatId] }, { known: true, readable: false });
    return reportOnly(note, address, { type: "message.edited", data: { ...fields, ...unreadableEdit } });
  }
  const revision = {
    ...personOf(note.origin, address),
    ...{ waId: sealed.waId, chatIds: address.chatIds },
    author: address.fromMe ? ("me" as const) : personJids(address),
    ...editedAt(edited.writtenMs, note.origin.seconds),
    truncated: edited.truncated,
  };
  const message = await editOf(edited.message, editScope(note.origin, address, scope.phoneOf), target);
  return { revisions: [{ ...revision, kind: "edit", edited: message }] };
}

const personJids = ({ senderId, senderLid }: Address) => [senderId, ...(senderLid ? [senderLid] : [])];

const wroteIt = (target: TargetMessage, address: Address): boolean =>
  address.fromMe
    ? target.fromMe
    : !target.fromMe && personJids(address).some((jid) => jid === target.senderId || jid === target.senderLid);

/** Returns the edited message in the plaintext: in a `protocolMessage`, as in an edit that is not sealed, or by itself. */
function editedIn(plaintext: Uint8Array) {
  const whole = decodeMessage(plaintext);
  if (!whole) return undefined;
  const { truncated } = boundMessage(whole);
  const { content } = unwrap(whole, plaintext);
  const protocol = content.protocolMessage;
  const message = protocol ? protocol.editedMessage : content;
  return message ? { message, truncated, writtenMs: Number(protocol?.timestampMs ?? 0) } : undefined;
}

function decodeMessage(plaintext: Uint8Array): proto.Message | undefined {
  try {
    return proto.Message.decode(plaintext);
  } catch {
    return undefined;
  }
}

/** Returns the change of a sealed reaction, as members send them in the announcement group of a community. */
export async function sealedReaction(note: Note, scope: NoteScope): Promise<Change | undefined> {
  const part = note.opened.content.encReactionMessage;
  if (!part) return undefined;
  const found = await sealedNote(note, part, scope);
  if (!found) return {};
  const { sealed, address, about } = found;
  const reactionId = note.origin.key.id ?? "";
  const unreadable = { emoji: "", removed: false, reactionId };
  const [target] = await readableTargets(scope, sealed.waId, address.chatIds);
  if (!target) {
    const data = { ...eventFieldsOf(about, { known: false, readable: false }), ...unreadable };
    return untilArrival(note, address, sealed.waId, { type: "message.reaction", data });
  }
  const plaintext = await open(note, found, { target, use: "Enc Reaction", lidMapping: scope.lidMapping });
  const reaction = plaintext && decodeReaction(plaintext);
  if (!reaction) {
    const author = authorOf(note.origin.me, target);
    const fields = eventFieldsOf({ ...about, author, chatIds: [target.chatId] }, { known: true, readable: false });
    return reportOnly(note, address, { type: "message.reaction", data: { ...fields, ...unreadable } });
  }
  const at = writtenAt(Number(reaction.senderTimestampMs ?? 0), note.origin.seconds);
  return { reactions: [{ ...about, at, emoji: boundText(reaction.text ?? "", maxBytes.option), reactionId }] };
}

function decodeReaction(plaintext: Uint8Array): proto.Message.IReactionMessage | undefined {
  try {
    return proto.Message.ReactionMessage.decode(plaintext);
  } catch {
    return undefined;
  }
}

/**
 * Returns the message with its sealed comment opened, or undefined if the message is no sealed comment or can't be
 * opened.
 */
export async function openComment(note: Note, scope: NoteScope) {
  const part = note.opened.content.encCommentMessage;
  const found = part && (await sealedNote(note, part, scope));
  if (!found) return undefined;
  const [target] = await readableTargets(scope, found.sealed.waId, found.address.chatIds);
  const plaintext = target && (await open(note, found, { target, use: "Enc Comment", lidMapping: scope.lidMapping }));
  const message = plaintext && decodeMessage(plaintext);
  if (!message) return undefined;
  boundMessage(message);
  const { targetMessageKey } = part;
  const whole = proto.Message.fromObject({
    commentMessage: { message, ...(targetMessageKey && { targetMessageKey }) },
    messageContextInfo: note.opened.info,
  });
  return { message: whole, opened: unwrap(whole), encoded: proto.Message.encode(whole).finish() };
}
