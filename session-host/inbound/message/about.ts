import { proto } from "@whiskeysockets/baileys";
import { boundCount, boundText, maxBytes } from "../../../core/bound.ts";
import { writtenAt } from "../../baileys/address/jids.ts";
import type { AboutMessage, Change } from "../../ledger/change.ts";
import { addressOf } from "./address.ts";
import { type Note, type NoteScope, personOf, statedAuthor } from "./note.ts";

const pinTypes = proto.Message.PinInChatMessage.Type;
const { KeepType: keepTypes } = proto;
/** WhatsApp's apps pin a message for at most 30 days. */
const maxPinSeconds = 366 * 24 * 60 * 60;

/**
 * Returns the change of a message that reacts to another message, or pins or keeps it. Returns undefined for any other
 * message. The chat is always that of the envelope, because a sender can write any chat into the key.
 */
export async function reactionOrMark(
  { origin, opened: { content, info } }: Note,
  { phoneOf }: NoteScope,
): Promise<Change | undefined> {
  const { reactionMessage: reaction, pinInChatMessage: pin, keepInChatMessage: keep } = content;
  const part = reaction ?? pin ?? keep;
  if (!part) return undefined;
  const address = await addressOf(origin, phoneOf);
  const key = part.key;
  if (!address || !key?.id) return {};
  const writtenMs = Number((keep ? keep.timestampMs : (reaction ?? pin)?.senderTimestampMs) ?? 0);
  const about: AboutMessage = {
    ...{ waId: key.id, chatIds: address.chatIds },
    ...personOf(origin, address),
    at: writtenAt(writtenMs, origin.seconds),
    author: await statedAuthor(origin.me, address, key, phoneOf),
  };
  if (reaction) {
    const emoji = boundText(reaction.text ?? "", maxBytes.option);
    return { reactions: [{ ...about, emoji, reactionId: origin.key.id ?? "" }] };
  }
  if (pin) {
    if (pin.type !== pinTypes.PIN_FOR_ALL && pin.type !== pinTypes.UNPIN_FOR_ALL) return {};
    const duration = boundCount(info.messageAddOnDurationInSecs ?? 0, maxPinSeconds) || null;
    return { marks: [{ ...about, kind: "pin", active: pin.type === pinTypes.PIN_FOR_ALL, duration }] };
  }
  if (keep?.keepType !== keepTypes.KEEP_FOR_ALL && keep?.keepType !== keepTypes.UNDO_KEEP_FOR_ALL) return {};
  return { marks: [{ ...about, kind: "keep", active: keep.keepType === keepTypes.KEEP_FOR_ALL, duration: null }] };
}
