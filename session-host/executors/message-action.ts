import { proto } from "@whiskeysockets/baileys";
import { type FixedEnd, isWithin } from "../../core/chat/end.ts";
import type { MessageEnd } from "../../core/chat/fact.ts";
import type { CommandInput, CommandOutput } from "../../core/command/catalog/index.ts";
import { editWindowMs, maxReadMarks } from "../../core/command/catalog/message/action.ts";
import { AppError } from "../../core/error.ts";
import { derivedMessageId } from "../../core/id.ts";
import { type FoundMessage, findMessage } from "../../core/message/find.ts";
import { isChannelJid, isGroupJid } from "../../core/message/recipient.ts";
import { readAudience, statusChat } from "../../core/message/status.ts";
import { defined } from "../../core/object.ts";
import type { Addressing } from "../baileys/address/addressing.ts";
import { lidsOf, plainJid } from "../baileys/address/jids.ts";
import { lookedUp } from "../baileys/look-up.ts";
import { editAttribute } from "../baileys/send/edit-attribute.ts";
import { editOf } from "../inbound/message/edit.ts";
import type { AboutMessage, EditedMessage, Revision } from "../ledger/change.ts";
import { inTime } from "./answer.ts";
import { reactToPost } from "./channel.ts";
import { resolveRecipient } from "./message.ts";
import { contentOf, spellingsOf, withText } from "./message-extras.ts";
import { ExecutorResult } from "./result.ts";
import type { MutationContext } from "./types.ts";

const { Type } = proto.Message.ProtocolMessage;

export async function remove(
  context: MutationContext,
  input: CommandInput<"message.delete">,
): Promise<ExecutorResult<CommandOutput<"message.delete">>> {
  const row = await find(context, input);
  if (isChannelJid(row.chatId)) {
    const change = { revisions: [revision(context, row, { kind: "delete" })] };
    return new ExecutorResult({}, change, revisedPost(row, {}, editAttribute.postDeletion));
  }
  if (!row.fromMe) await assertAdmin(context, row.chatId);
  const isStatusPost = row.chatId === statusChat;
  const seen = isStatusPost ? await readAudience(context.db, context.instanceId, row.waId) : undefined;
  return new ExecutorResult(
    {},
    { revisions: [revision(context, row, { kind: "delete" })] },
    {
      waId: derivedMessageId(context.commandId),
      jid: row.chatId,
      message: { protocolMessage: { key: keyOf(row), type: Type.REVOKE } },
      attributes: { edit: row.fromMe ? editAttribute.ownDeletion : editAttribute.adminDeletion },
      ...defined({ audience: seen?.audience }),
    },
  );
}

export async function edit(
  context: MutationContext,
  input: CommandInput<"message.edit">,
): Promise<ExecutorResult<CommandOutput<"message.edit">>> {
  const row = await find(context, input);
  if (!row.fromMe) throw new AppError("forbidden", "only the sender of a message can edit it");
  if (row.chatId === statusChat) throw new AppError("not_supported", "WhatsApp does not support editing a status post");
  const isChannelPost = isChannelJid(row.chatId);
  if (!isChannelPost && Date.now() - row.sentAt.getTime() > editWindowMs) {
    throw new AppError(
      "too_late",
      `WhatsApp allows edits only for ${editWindowMs / 60_000} minutes after a message is sent`,
    );
  }
  const editedMessage = await withNewText(context, row, input.text);
  const edited = await editOf(editedMessage, {
    me: { id: context.sock.user?.id ?? "", lid: context.sock.user?.lid ?? "" },
    chatId: row.chatId,
    phoneOf: (lid) => context.sock.signalRepository.lidMapping.getPNForLID(lid),
    lidsOf: (phones) => lidsOf(context.sock.authState.keys, phones),
  });
  if (isChannelPost) {
    const change = { revisions: [revision(context, row, { kind: "edit", edited })] };
    return new ExecutorResult({}, change, revisedPost(row, editedMessage, editAttribute.postEdit));
  }
  return new ExecutorResult(
    {},
    { revisions: [revision(context, row, { kind: "edit", edited })] },
    {
      waId: derivedMessageId(context.commandId),
      jid: row.chatId,
      message: {
        protocolMessage: { key: keyOf(row), type: Type.MESSAGE_EDIT, editedMessage, timestampMs: Date.now() },
      },
      attributes: { edit: editAttribute.messageEdit },
    },
  );
}

export async function react(
  context: MutationContext,
  input: CommandInput<"message.react">,
): Promise<ExecutorResult<CommandOutput<"message.react">>> {
  const row = await find(context, input);
  const isStatusPost = row.chatId === statusChat;
  if (isStatusPost && row.fromMe)
    throw new AppError("not_supported", "WhatsApp does not support reactions to your own status posts");
  const waId = derivedMessageId(context.commandId);
  const inChannel = isChannelJid(row.chatId);
  if (inChannel) await reactToPost(context, row, waId, input.reaction);
  const message: proto.IMessage = {
    reactionMessage: { key: keyOf(row), text: input.reaction, senderTimestampMs: Date.now() },
  };
  const change = { reactions: [{ ...aboutRow(context, row), emoji: input.reaction, reactionId: waId }] };
  if (inChannel) return new ExecutorResult({ messageId: waId }, change);
  return new ExecutorResult(
    { messageId: waId },
    change,
    // A reaction to a status post is sent only to the author of the post.
    { waId, jid: row.chatId, message, attributes: {}, ...(isStatusPost ? { audience: [row.senderId] } : {}) },
  );
}

export async function setTyping(
  { sock, addressing }: MutationContext,
  { to, state }: CommandInput<"chat.setTyping">,
): Promise<CommandOutput<"chat.setTyping">> {
  await sock.sendPresenceUpdate(state, await addressing.jidOf(await resolveRecipient(sock, to)));
  return {};
}

export async function markRead(
  context: MutationContext,
  input: CommandInput<"message.markRead"> & FixedEnd,
): Promise<ExecutorResult<CommandOutput<"message.markRead">>> {
  const chats = input.chat && (await spellingsOf(context, await resolveRecipient(context.sock, input.chat)));
  const rows = input.messageIds
    ? await findReceived(context, [...new Set(input.messageIds)], chats)
    : await findUnread(context, chats || [], input.end);
  await sendReadReceipts(context, rows);
  return new ExecutorResult({ messages: rows.length }, { readMarks: rows.map((row) => row.id) });
}

/** Sends read receipts. Channels have none. */
export async function sendReadReceipts(
  { sock, addressing }: MutationContext,
  rows: readonly Received[],
): Promise<void> {
  const outsideChannels = rows.filter((row) => !isChannelJid(row.chatId));
  if (outsideChannels.length > 0)
    await inTime(sock.readMessages(await Promise.all(outsideChannels.map((row) => receiptKey(addressing, row)))));
}

/** Returns the key to mark a message as read. In a chat with one person, the receipt goes to the address of the chat. */
export async function receiptKey(addressing: Addressing, row: Received) {
  const key = keyOf({ ...row, fromMe: false });
  return "participant" in key ? key : { ...key, remoteJid: await addressing.jidOf(row.chatId) };
}

export type Received = Pick<FoundMessage, "id" | "waId" | "chatId" | "senderId" | "senderLid">;

/** Returns the received messages with these ids, in these chats or in any chat. Throws `message_not_found`. */
async function findReceived(
  { db, instanceId }: MutationContext,
  ids: string[],
  chats?: string[] | "",
): Promise<Received[]> {
  const rows = await db.sql<Received[]>`
    select id, wa_id as "waId", chat_id as "chatId", sender_id as "senderId", sender_lid as "senderLid" from messages
    where instance_id = ${instanceId} and wa_id = any(${ids}::text[]) and not from_me
      ${chats ? db.sql`and chat_id = any(${chats}::text[])` : db.sql``}
    limit ${10 * maxReadMarks}`;
  const missing = ids.find((id) => !rows.some((row) => row.waId === id));
  if (missing !== undefined) throw new AppError("message_not_found", `no message ${missing} was received`);
  return rows;
}

/**
 * Returns unread messages among the newest ones of each chat. The search is limited, because a chat may have millions
 * of messages.
 */
export async function findUnread(
  { db, instanceId }: MutationContext,
  chats: string[],
  end?: MessageEnd,
): Promise<Received[]> {
  return await db.sql<Received[]>`
    select id, wa_id as "waId", chat_id as "chatId", sender_id as "senderId", sender_lid as "senderLid"
    from unnest(${chats}::text[]) as chat(jid), lateral (
      select * from messages where instance_id = ${instanceId} and chat_id = chat.jid
      order by sent_at desc, id desc limit ${5 * maxReadMarks}) newest
    where not from_me and read_at is null and type <> 'reaction' ${end ? db.sql`and ${isWithin(db.sql, end)}` : db.sql``}
    order by sent_at desc, id desc limit ${maxReadMarks}`;
}

/**
 * Returns a message to act on. Throws `message_not_found` if the message is unknown, was deleted or was never sent, and
 * `conflict` if it is not sent yet.
 */
export async function find(context: MutationContext, input: { messageId: string; chat?: string | undefined }) {
  const chats = input.chat === undefined ? undefined : await spellingsOf(context, input.chat);
  const row = await findMessage(context.db, context.instanceId, input.messageId, chats);
  if (row.deletedAt) throw new AppError("message_not_found", "the message was deleted");
  if (row.status === "failed" || row.status === "canceled") {
    throw new AppError("message_not_found", "the message was never sent");
  }
  if (row.scheduled) throw new AppError("conflict", "the message is not sent yet: cancel the message instead");
  return row;
}

/** Returns the stanza that edits or deletes a channel post. The stanza has the id of the post and replaces the post. */
const revisedPost = (row: FoundMessage, message: proto.IMessage, edit: string) => ({
  waId: row.waId,
  jid: row.chatId,
  message,
  attributes: { edit },
});

/**
 * Returns WhatsApp's key of a message. WhatsApp addresses the sender by LID in groups, and nowadays also in direct
 * chats.
 */
export function keyOf(row: Pick<FoundMessage, "waId" | "chatId" | "fromMe" | "senderId" | "senderLid">) {
  const { waId: id, chatId, fromMe } = row;
  const sender = fromMe ? undefined : (row.senderLid ?? row.senderId);
  const hasParticipant = isGroupJid(chatId) || chatId.endsWith("@broadcast");
  if (hasParticipant) return { remoteJid: chatId, id, fromMe, ...(sender && { participant: sender }) };
  return { remoteJid: sender ?? chatId, id, fromMe };
}

async function assertAdmin({ sock }: MutationContext, chatId: string): Promise<void> {
  if (!isGroupJid(chatId)) throw new AppError("forbidden", "only the sender of a message can delete it for everyone");
  const me = [sock.user?.id, sock.user?.lid].map((jid) => plainJid(jid));
  const { participants } = await lookedUp("the group", sock.groupMetadata(chatId));
  const own = participants.find(({ id, phoneNumber, lid }) =>
    [id, phoneNumber, lid].some((jid) => jid && me.includes(jid)),
  );
  if (!own?.admin) throw new AppError("forbidden", "only an admin of the group can delete messages of others");
}

function revision(
  context: MutationContext,
  row: FoundMessage,
  change: { kind: "delete" } | { kind: "edit"; edited: EditedMessage },
): Revision {
  const author = row.fromMe ? ("me" as const) : [row.senderId];
  return { ...change, ...by(context), waId: row.waId, chatIds: [row.chatId], author, at: new Date() };
}

/** The account itself, as the person who does something to another message. */
export const by = ({ sock }: MutationContext) => ({
  ...{ by: plainJid(sock.user?.id), byLid: plainJid(sock.user?.lid) || null },
  ...{ pushName: null, fromMe: true },
});

const aboutRow = (context: MutationContext, row: FoundMessage): AboutMessage => ({
  ...by(context),
  ...{ waId: row.waId, chatIds: [row.chatId], at: new Date(), author: null },
});

/** Returns the message with another text. WhatsApp requires the whole message for an edit. */
async function withNewText(context: MutationContext, row: FoundMessage, text: string): Promise<proto.IMessage> {
  if (row.type === "text") return { extendedTextMessage: { text } };
  const content = await contentOf(context, row);
  const changed = content && withText(content, text);
  if (changed) return changed;
  throw new AppError("not_supported", `editing the text of a message of type ${row.type} is not supported`);
}
