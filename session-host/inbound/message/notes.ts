import { proto } from "@whiskeysockets/baileys";
import type { TargetMessage } from "../../../core/message/about.ts";
import { defined } from "../../../core/object.ts";
import type { Change, NewMessage } from "../../ledger/change.ts";
import { merged } from "../../ledger/merge.ts";
import { boundMessage } from "../bounds.ts";
import { unwrap } from "../content/unwrap.ts";
import { response } from "../response/responses.ts";
import { reactionOrMark } from "./about.ts";
import type { MessageOrigin } from "./address.ts";
import type { Note, NoteScope } from "./note.ts";
import { revision } from "./revision.ts";
import { sealedEdit, sealedReaction } from "./sealed.ts";
import type { StoredNote, WaitingNotes } from "./waiting.ts";

/**
 * Returns the change of a message about another message, undefined for any other message. A message about another one
 * is never reported as a message.
 */
export const changeAbout = async (note: Note, scope: NoteScope): Promise<Change | undefined> =>
  (await revision(note, scope)) ??
  (await reactionOrMark(note, scope)) ??
  (await sealedEdit(note, scope)) ??
  (await sealedReaction(note, scope)) ??
  (await response(note, scope));

/**
 * Returns the change of the notes that waited for this message. A note waits only if its sender had the right to it when
 * it arrived.
 */
export async function changeOfWaiting(
  row: NewMessage,
  account: Account,
  { waiting, ...scope }: Omit<NoteScope, "isAdmin" | "findTargets"> & { waiting: Pick<WaitingNotes, "notesFor"> },
): Promise<Change> {
  const target = targetOf(row);
  const isAdmin = async () => true;
  const findTargets: NoteScope["findTargets"] = async (waId, chatIds) =>
    waId === target.waId && chatIds.includes(target.chatId) ? [target] : [];
  const changes: Change[] = [];
  for (const stored of await waiting.notesFor(row)) {
    const change = await changeAbout(noteOf(stored, account), { ...scope, isAdmin, findTargets });
    // A note that waits again is about a message with the same id in another chat.
    if (!change || change.waiting) continue;
    const { noteId, senderId } = stored;
    changes.push(change, { arrived: [{ targetId: row.wa_id, noteId, senderId }] });
  }
  return merged(changes);
}

type Account = Pick<MessageOrigin, "instanceId" | "me" | "lidsOf">;

function noteOf({ envelope, payload }: StoredNote, { instanceId, me, lidsOf }: Account): Note {
  const message = proto.Message.decode(payload);
  const { truncated } = boundMessage(message);
  const { key, pushName, seconds } = envelope;
  const origin = { ...{ instanceId, me, key, pushName, seconds }, ...defined({ lidsOf }) };
  return { origin, opened: unwrap(message, payload), encoded: payload, truncated };
}

function targetOf(row: NewMessage): TargetMessage {
  const { wa_id: waId, chat_id: chatId, from_me: fromMe, sender_id: senderId, sender_lid: senderLid, type, body } = row;
  const payload = row.payload === null ? null : Buffer.from(row.payload, "base64");
  return { waId, chatId, fromMe, senderId, senderLid, type, body, payload };
}
