import { proto, type WASocket } from "@whiskeysockets/baileys";
import type { CommandInput, CommandOutput } from "../../core/command/catalog/index.ts";
import { maxLabels } from "../../core/command/catalog/label.ts";
import { AppError } from "../../core/error.ts";
import { findLabel, type Label, noBusiness, readLabels } from "../../core/label/index.ts";
import { isGroupJid, isLidJid } from "../../core/message/recipient.ts";
import { defined } from "../../core/object.ts";
import { isBusiness } from "../baileys/account.ts";
import { type LabelBook, labelNumber } from "../inbound/labels.ts";
import { answerOf } from "./answer.ts";
import { patchAppState } from "./app-state.ts";
import { resolveRecipient } from "./message.ts";
import { spellingsOf } from "./message-extras.ts";
import { ExecutorResult } from "./result.ts";
import type { MutationContext } from "./types.ts";

/** Format version of label edits in the app state, as Baileys writes them. */
const editVersion = 3;

export async function create(
  context: MutationContext,
  { name, color }: CommandInput<"label.create">,
): Promise<CommandOutput<"label.create">> {
  const { sock, db, instanceId } = context;
  const book = await openBook(context);
  const existing = await readLabels(db, instanceId);
  if (existing.length >= maxLabels) {
    throw new AppError(
      "conflict",
      `the account has ${existing.length} labels, and WhatsApp allows ${maxLabels}: delete a label first`,
    );
  }
  const highest = await highestId(context);
  let id = "";
  try {
    await patchAppState(sock, "regular", () =>
      sock.appPatch({
        syncAction: { labelEditAction: { name, color, deleted: false }, timestamp: Date.now() },
        // Baileys reads this after it has synchronized with the other devices, so `book` then knows the labels created
        // there.
        get index() {
          id = String(Math.max(highest, book.highest) + 1);
          return ["label_edit", id];
        },
        type: "regular",
        apiVersion: editVersion,
        operation: proto.SyncdMutation.SyncdOperation.SET,
      }),
    );
  } catch (error) {
    // A second attempt could create a second label.
    if (!id || error instanceof AppError) throw error;
    throw new AppError("outcome_unknown", "the connection was lost, so it is unknown whether the label was created", {
      cause: error,
    });
  }
  return record(book, { id, name, color, predefinedId: null });
}

export async function update(
  context: MutationContext,
  { labelId, name, color }: CommandInput<"label.update">,
): Promise<CommandOutput<"label.update">> {
  const book = await openBook(context);
  const label = await findLabel(context.db, context.instanceId, labelId);
  const changed = { ...label, name: name ?? label.name, color: color ?? label.color };
  await edit(context.sock, changed);
  return record(book, changed);
}

export async function remove(
  context: MutationContext,
  { labelId }: CommandInput<"label.delete">,
): Promise<CommandOutput<"label.delete">> {
  const book = await openBook(context);
  if (await wasDeletedMeanwhile(context, labelId)) return {};
  const label = await findLabel(context.db, context.instanceId, labelId);
  await edit(context.sock, label, { deleted: true });
  record(book, label, { deleted: true });
  return {};
}

export async function setChat(
  context: MutationContext,
  input: CommandInput<"label.setChat">,
): Promise<CommandOutput<"label.setChat"> | ExecutorResult<CommandOutput<"label.setChat">>> {
  const { sock, db, instanceId } = context;
  const book = await openBook(context);
  const wanted = new Set(input.labelIds);
  const labels = (await readLabels(db, instanceId)).filter((label) => wanted.delete(label.id));
  const [unknown] = wanted;
  if (unknown !== undefined) throw new AppError("label_not_found", `there is no label ${unknown}`);
  const jid = await resolveRecipient(sock, input.chat);
  // WhatsApp accepts a label on a group that the account is not in, where nobody would see the label. This lookup
  // throws for such a group.
  if (isGroupJid(jid) && labels.length > 0) await answerOf(sock.groupMetadata(jid));
  const spellings = await spellingsOf(context, jid);
  const chat = spellings.find((spelling) => !isLidJid(spelling)) ?? jid;
  const current = await db.sql<{ labelId: string; chatId: string }[]>`
    select label_id as "labelId", chat_id as "chatId" from label_targets join labels using (instance_id, label_id)
    where instance_id = ${instanceId} and chat_id = any(${spellings}::text[]) and message_id = '' and deleted_at is null`;
  for (const { labelId, chatId } of current) {
    if (labels.some(({ id }) => id === labelId)) continue;
    await patchAppState(sock, "regular", () => sock.removeChatLabel(chatId, labelId));
    book.add({ kind: "target", labelId, chatId, messageId: "", labeled: false });
  }
  for (const { id: labelId } of labels) {
    if (current.some((target) => target.labelId === labelId)) continue;
    await patchAppState(sock, "regular", () => sock.addChatLabel(chat, labelId));
    book.add({ kind: "target", labelId, chatId: chat, messageId: "", labeled: true });
  }
  const lid = spellings.find(isLidJid);
  // Stores that both JIDs belong to one chat, so that the chat is found by either JID.
  const contacts = labels.length > 0 && lid && chat !== lid ? { contacts: [{ jid: chat, lid }] } : {};
  return new ExecutorResult({ chat, labels }, contacts);
}

/** Returns the labels of the connection when everything that it reported is stored. Throws `not_a_business`. */
async function openBook({ sock, labels }: MutationContext): Promise<LabelBook> {
  if (!isBusiness(sock.authState.creds)) throw noBusiness();
  await labels.settled();
  return labels;
}

/**
 * Returns the highest id of all labels, including deleted ones. Some labels may be known only from the chats that have
 * them.
 */
async function highestId({ db, instanceId }: MutationContext): Promise<number> {
  const rows = await db.sql<{ id: string }[]>`
    select label_id as id from labels where instance_id = ${instanceId}
    union select label_id from label_targets where instance_id = ${instanceId}`;
  return Math.max(0, ...rows.map(({ id }) => labelNumber(id)));
}

/** Returns whether the label was deleted after this command was accepted, for example by an earlier attempt. */
async function wasDeletedMeanwhile({ db, instanceId, commandId }: MutationContext, labelId: string): Promise<boolean> {
  const rows = await db.sql`
    select 1 from labels where instance_id = ${instanceId} and label_id = ${labelId}
      and deleted_at > (select created_at from commands where id = ${commandId})`;
  return rows.length > 0;
}

/** Sends an edit or a deletion of a label to WhatsApp. */
function edit(sock: WASocket, { id, name, color, predefinedId }: Label, { deleted = false } = {}): Promise<void> {
  const predefined = defined({ predefinedId: predefinedId === null ? undefined : Number(predefinedId) });
  return patchAppState(sock, "regular", () => sock.addLabel("", { id, name, color, deleted, ...predefined }));
}

/** Records the gateway's own change, for which Baileys emits no event. */
function record(book: LabelBook, label: Label, { deleted = false } = {}): Label {
  const { id: labelId, ...rest } = label;
  book.add({ kind: "label", labelId, ...rest, deleted });
  return label;
}
