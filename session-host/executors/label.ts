import { proto, type WASocket } from "@whiskeysockets/baileys";
import type { CommandInput, CommandOutput } from "../../core/command/catalog/index.ts";
import { maxLabels } from "../../core/command/catalog/label.ts";
import { AppError } from "../../core/error.ts";
import { findLabel, type Label, noBusiness, readLabels } from "../../core/label/index.ts";
import { isGroupJid, isLidJid } from "../../core/message/recipient.ts";
import { isBusiness } from "../baileys/account.ts";
import { type LabelBook, numberOf } from "../inbound/labels.ts";
import { patch } from "./app-state.ts";
import { spellingsOf } from "./context.ts";
import { answerOf } from "./group-answer.ts";
import { resolveRecipient } from "./message.ts";
import { ExecutorResult } from "./result.ts";
import type { MutationContext } from "./types.ts";

/** The format of label edits in the app state, as Baileys writes them. */
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
      `there are ${existing.length} labels, and WhatsApp allows ${maxLabels}: delete one first`,
    );
  }
  const highest = await highestId(context);
  let id = "";
  try {
    await patch(sock, "regular", () =>
      sock.appPatch({
        syncAction: { labelEditAction: { name, color, deleted: false }, timestamp: Date.now() },
        // Read when Baileys has caught up with the other devices, so what they have made until then has been told.
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
    // Begun again, it could come out as two labels.
    if (!id || error instanceof AppError) throw error;
    throw new AppError("outcome_unknown", "the connection was lost; whether the label was made is not known", {
      cause: error,
    });
  }
  return told(book, { id, name, color, predefinedId: null });
}

export async function update(
  context: MutationContext,
  { labelId, name, color }: CommandInput<"label.update">,
): Promise<CommandOutput<"label.update">> {
  const book = await openBook(context);
  const label = await findLabel(context.db, context.instanceId, labelId);
  const changed = { ...label, name: name ?? label.name, color: color ?? label.color };
  await edit(context.sock, changed);
  return told(book, changed);
}

export async function remove(
  context: MutationContext,
  { labelId }: CommandInput<"label.delete">,
): Promise<CommandOutput<"label.delete">> {
  const book = await openBook(context);
  if (await wasDeletedMeanwhile(context, labelId)) return {};
  const label = await findLabel(context.db, context.instanceId, labelId);
  await edit(context.sock, label, { deleted: true });
  told(book, label, { deleted: true });
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
  // WhatsApp would take a label for a group of others, where nobody would ever see it.
  if (isGroupJid(jid) && labels.length > 0) await answerOf(sock.groupMetadata(jid));
  const spellings = await spellingsOf(context, jid);
  const chat = spellings.find((one) => !isLidJid(one)) ?? jid;
  const carried = await db.sql<{ labelId: string; chatId: string }[]>`
    select label_id as "labelId", chat_id as "chatId" from label_targets join labels using (instance_id, label_id)
    where instance_id = ${instanceId} and chat_id = any(${spellings}::text[]) and message_id = '' and deleted_at is null`;
  for (const { labelId, chatId } of carried) {
    if (labels.some(({ id }) => id === labelId)) continue;
    await patch(sock, "regular", () => sock.removeChatLabel(chatId, labelId));
    book.add({ kind: "target", labelId, chatId, messageId: "", labeled: false });
  }
  for (const { id: labelId } of labels) {
    if (carried.some((one) => one.labelId === labelId)) continue;
    await patch(sock, "regular", () => sock.addChatLabel(chat, labelId));
    book.add({ kind: "target", labelId, chatId: chat, messageId: "", labeled: true });
  }
  const lid = spellings.find(isLidJid);
  // So that the chat is found under both names.
  const contacts = labels.length > 0 && lid && chat !== lid ? { contacts: [{ jid: chat, lid }] } : {};
  return new ExecutorResult({ chat, labels }, contacts);
}

/** Throws `not_a_business`. When it resolves, the tables have all that was told on this connection. */
async function openBook({ sock, labels }: MutationContext): Promise<LabelBook> {
  if (!isBusiness(sock.authState.creds)) throw noBusiness();
  await labels.settled();
  return labels;
}

/** Of all labels there ever were. The app state may also have left of one only what carries it. */
async function highestId({ db, instanceId }: MutationContext): Promise<number> {
  const rows = await db.sql<{ id: string }[]>`
    select label_id as id from labels where instance_id = ${instanceId}
    union select label_id from label_targets where instance_id = ${instanceId}`;
  return Math.max(0, ...rows.map(({ id }) => numberOf(id)));
}

/** A command that is begun again may have done it already. */
async function wasDeletedMeanwhile({ db, instanceId, commandId }: MutationContext, labelId: string): Promise<boolean> {
  const rows = await db.sql`
    select 1 from labels where instance_id = ${instanceId} and label_id = ${labelId}
      and deleted_at > (select created_at from commands where id = ${commandId})`;
  return rows.length > 0;
}

function edit(sock: WASocket, { id, name, color, predefinedId }: Label, { deleted = false } = {}): Promise<void> {
  const predefined = predefinedId === null ? {} : { predefinedId: Number(predefinedId) };
  return patch(sock, "regular", () => sock.addLabel("", { id, name, color, deleted, ...predefined }));
}

/** Baileys does not tell of our own changes. */
function told(book: LabelBook, label: Label, { deleted = false } = {}): Label {
  const { id: labelId, ...rest } = label;
  book.add({ kind: "label", labelId, ...rest, deleted });
  return label;
}
