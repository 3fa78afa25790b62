import { proto, type WAPatchName } from "@whiskeysockets/baileys";
import { chatEnd, type FixedEnd, isWithin } from "../../core/chat/end.ts";
import type { ChatFact, ChatState, MessageEnd } from "../../core/chat/fact.ts";
import type { CommandInput, CommandName, CommandOutput } from "../../core/command/catalog/index.ts";
import { AppError } from "../../core/error.ts";
import { derivedMessageId } from "../../core/id.ts";
import { isGroupJid, isLidJid } from "../../core/message/recipient.ts";
import { personOf } from "../baileys/address/jids.ts";
import { endOf } from "../inbound/chats.ts";
import { unarchivesChats } from "../inbound/unarchival.ts";
import { answerOf } from "./answer.ts";
import { patchAppState } from "./app-state.ts";
import { resolveRecipient } from "./message.ts";
import { findUnread, sendReadReceipts } from "./message-action.ts";
import { spellingsOf } from "./message-extras.ts";
import { ExecutorResult } from "./result.ts";
import type { MutationContext } from "./types.ts";

type Result<Name extends CommandName> = Promise<ExecutorResult<CommandOutput<Name>>>;

/** The mute of a chat that has no end. Source: `BuildMute` in whatsmeow's appstate/encode.go. */
const withoutEnd = -1;

export async function setArchived(
  context: MutationContext,
  { chat: to, archived }: CommandInput<"chat.setArchived">,
): Result<"chat.setArchived"> {
  const chat = await findChat(context, to);
  if (archived && chat.pinned) {
    await pin(context, chat, false);
    context.accepted(changeOf(context, chat, { pinnedAt: null }));
  }
  await archive(context, chat, archived);
  return done(context, chat, archived ? archivedState(context, chat) : { archived }, { archived });
}

/** A message that is newer than the range takes the chat out of the archive again, if the account is set so. */
const archivedState = ({ sock }: MutationContext, chat: TargetChat): ChatState => ({
  ...{ archived: true, archivedThrough: endOf(rangeOf(chat)), unarchives: unarchivesChats(sock.authState.creds) },
});

export async function setPinned(
  context: MutationContext,
  { chat: to, pinned }: CommandInput<"chat.setPinned">,
): Result<"chat.setPinned"> {
  const chat = await findChat(context, to);
  // WhatsApp's apps show no pinned chats in the archive.
  const unarchives = pinned && chat.archived;
  if (unarchives) {
    await archive(context, chat, false);
    context.accepted(changeOf(context, chat, { archived: false }));
  }
  await pin(context, chat, pinned);
  const state = { pinnedAt: pinned ? new Date().toISOString() : null, ...(unarchives ? { archived: false } : {}) };
  return done(context, chat, state, { pinned });
}

export async function setMuted(
  context: MutationContext,
  { chat: to, muted, until }: CommandInput<"chat.setMuted">,
): Result<"chat.setMuted"> {
  const end = until === undefined ? undefined : new Date(until);
  if (end && end.getTime() <= Date.now()) throw new AppError("invalid_request", "until must be in the future");
  const chat = await findChat(context, to);
  await patch(context, chat, "mute", {
    muteAction: { muted, ...(muted && { muteEndTimestamp: end?.getTime() ?? withoutEnd }) },
  });
  const mutedUntil = end?.toISOString() ?? null;
  return done(context, chat, { mutedUntil: muted ? (mutedUntil ?? "infinity") : null }, { muted, mutedUntil });
}

export async function setRead(
  context: MutationContext,
  { chat: to, read, receipts = true, end: fixed }: CommandInput<"chat.setRead"> & FixedEnd,
): Result<"chat.setRead"> {
  const end = fixed ?? (await chatEnd(context, { chat: to }));
  const chat = await findChat(context, to, end);
  const unread = read && receipts ? await findUnread(context, chat.spellings, end) : [];
  await sendReadReceipts(context, unread);
  await patch(context, chat, "markChatAsRead", {
    markChatAsReadAction: { read, messageRange: rangeOf(chat) },
  });
  const state: ChatState = read
    ? { markedUnread: false, readThrough: end, ...(receipts && { keepsReadAt: true }) }
    : { markedUnread: true };
  const { output, change } = done(context, chat, state, { read, messages: unread.length });
  return new ExecutorResult(output, { ...change, readMarks: unread.map(({ id }) => id) });
}

/** Clears a chat, also of starred messages (the first option), but leaves files on the phone (the second one). */
export async function clear(
  context: MutationContext,
  { chat: to, end: fixed }: CommandInput<"chat.clear"> & FixedEnd,
): Result<"chat.clear"> {
  const end = fixed ?? (await chatEnd(context, { chat: to }));
  const chat = await findChat(context, to, end);
  await patch(context, chat, "clearChat", { clearChatAction: { messageRange: rangeOf(chat) } }, ["1", "0"]);
  return done(context, chat, clearedState(end), {});
}

export async function remove(
  context: MutationContext,
  { chat: to, end: fixed }: CommandInput<"chat.delete"> & FixedEnd,
): Result<"chat.delete"> {
  const end = fixed ?? (await chatEnd(context, { chat: to }));
  const chat = await findChat(context, to, end);
  await patch(context, chat, "deleteChat", { deleteChatAction: { messageRange: rangeOf(chat) } }, ["1"]);
  return done(context, chat, { ...clearedState(end), deleted: true }, {});
}

const clearedState = (end: MessageEnd): ChatState => ({ clearedThrough: end, markedUnread: false });

/**
 * Sets the timer of a group by a request, and that of a chat with one person by a message, as `SetDisappearingTimer` in
 * whatsmeow's send.go does.
 */
export async function setTimer(
  context: MutationContext,
  { chat: to, seconds }: CommandInput<"chat.setTimer">,
): Result<"chat.setTimer"> {
  const { sock, disappearing, commandId } = context;
  const jid = await resolveRecipient(sock, to);
  if (isGroupJid(jid)) {
    await answerOf(sock.groupToggleEphemeral(jid, seconds));
    return new ExecutorResult({ chat: jid, seconds }, { groupTimers: [{ chatId: jid, seconds }] });
  }
  const spellings = await spellingsOf(context, jid);
  const chatId = spellings.find((spelling) => !isLidJid(spelling)) ?? jid;
  const setAt = Math.floor(Date.now() / 1000);
  const by = personOf(sock.user?.id, sock.user?.lid);
  const change = await disappearing.learn({ chatId, seconds, setAt, change: { by, fromMe: true, source: "api" } });
  const protocolMessage = {
    type: proto.Message.ProtocolMessage.Type.EPHEMERAL_SETTING,
    ephemeralExpiration: seconds,
    ephemeralSettingTimestamp: setAt,
  };
  const stanza = { waId: derivedMessageId(commandId), jid: chatId, message: { protocolMessage }, attributes: {} };
  return new ExecutorResult({ chat: chatId, seconds }, change, stanza);
}

/** A chat to change, and the messages in its newest second that WhatsApp has. */
interface TargetChat {
  chatId: string;
  spellings: string[];
  stateJid: string;
  archived: boolean;
  pinned: boolean;
  last: readonly LastMessage[];
  /** The end of the range of a chat without messages. */
  end: Date;
}

interface LastMessage {
  waId: string;
  fromMe: boolean;
  senderId: string;
  senderLid: string | null;
  sentAt: Date;
}

/** Maximum number of messages of one second that a change names. */
const maxNamed = 100;

/**
 * Returns a chat, with its newest messages up to the end. Throws if the person is not on WhatsApp, or if the group is neither known nor one of
 * the account's.
 */
async function findChat(context: MutationContext, to: string, end?: MessageEnd): Promise<TargetChat> {
  const { sock, db, instanceId } = context;
  const jid = await resolveRecipient(sock, to);
  const spellings = await spellingsOf(context, jid);
  const rows = await db.sql<{ stateJid: string | null; archived: boolean; pinned: boolean }[]>`
    select state_jid as "stateJid", archived, pinned_at is not null as pinned from chats
    where instance_id = ${instanceId} and chat_id = any(${spellings}::text[]) order by state_jid is null`;
  const [row] = rows;
  // WhatsApp accepts changes for a group that the account is not in. This lookup throws for such a group.
  if (!row && isGroupJid(jid)) await answerOf(sock.groupMetadata(jid));
  const newest = await db.sql<LastMessage[]>`
    select newest.* from unnest(${spellings}::text[]) as chat(jid), lateral (
      select wa_id as "waId", from_me as "fromMe", sender_id as "senderId", sender_lid as "senderLid", sent_at as "sentAt"
      from messages where instance_id = ${instanceId} and chat_id = chat.jid
        and status not in ('pending', 'failed', 'canceled') and type <> 'reaction'
        ${end ? db.sql`and ${isWithin(db.sql, end)}` : db.sql``}
      order by sent_at desc, id desc limit ${maxNamed}) newest
    order by "sentAt" desc limit ${maxNamed}`;
  const last = newest.filter(({ sentAt }) => secondsOf(sentAt) === secondsOf(newest[0]?.sentAt ?? sentAt));
  const chatId = spellings.find((spelling) => !isLidJid(spelling)) ?? jid;
  const { archived = false, pinned = false } = row ?? {};
  return {
    chatId,
    spellings,
    stateJid: row?.stateJid ?? chatId,
    archived,
    pinned,
    last,
    end: end ? new Date(end.through) : new Date(),
  };
}

const secondsOf = (time: Date) => Math.floor(time.getTime() / 1000);

/** The collection and the format version of each action. Source: `chatModificationToAppPatch` in Baileys' Utils/chat-utils.js. */
const actions = {
  archive: { type: "regular_low", apiVersion: 3 },
  pin_v1: { type: "regular_low", apiVersion: 5 },
  mute: { type: "regular_high", apiVersion: 2 },
  markChatAsRead: { type: "regular_low", apiVersion: 3 },
  clearChat: { type: "regular_high", apiVersion: 6 },
  deleteChat: { type: "regular_high", apiVersion: 6 },
} as const satisfies Record<string, { type: WAPatchName; apiVersion: number }>;

function patch(
  { sock }: MutationContext,
  { stateJid }: TargetChat,
  action: keyof typeof actions,
  value: proto.ISyncActionValue,
  options: readonly string[] = [],
): Promise<void> {
  const { type, apiVersion } = actions[action];
  const operation = proto.SyncdMutation.SyncdOperation.SET;
  return patchAppState(sock, type, () =>
    sock.appPatch({
      ...{ type, apiVersion, operation, index: [action, stateJid, ...options] },
      syncAction: { ...value, timestamp: Date.now() },
    }),
  );
}

const archive = (context: MutationContext, chat: TargetChat, archived: boolean) =>
  patch(context, chat, "archive", { archiveChatAction: { archived, messageRange: rangeOf(chat) } });

const pin = (context: MutationContext, chat: TargetChat, pinned: boolean) =>
  patch(context, chat, "pin_v1", { pinAction: { pinned } });

/**
 * Returns the range of messages that a change is about: all before the newest second, and in that second those that it
 * names. Other devices compare it with what they have. Source: `BuildArchive` in whatsmeow's appstate/encode.go,
 * `getMessageRange` in Baileys' Utils/chat-utils.js.
 */
function rangeOf({ stateJid, last, end }: TargetChat): proto.SyncActionValue.ISyncActionMessageRange {
  const timestamp = secondsOf(last[0]?.sentAt ?? end);
  const messages = last.map(({ waId: id, fromMe, senderId, senderLid }) => {
    const participant = isGroupJid(stateJid) && !fromMe ? { participant: senderLid ?? senderId } : {};
    return { key: { remoteJid: stateJid, id, fromMe, ...participant }, timestamp };
  });
  return { lastMessageTimestamp: timestamp, ...(messages.length > 0 && { messages }) };
}

/** Returns the result of a change, with the fact that records it. */
function done<Output extends object>(context: MutationContext, chat: TargetChat, state: ChatState, output: Output) {
  return new ExecutorResult({ chat: chat.chatId, ...output }, changeOf(context, chat, state));
}

/** Returns the change that records the new state of a chat. Baileys emits no event for our own changes. */
function changeOf({ sock }: MutationContext, { chatId, stateJid }: TargetChat, state: ChatState) {
  const by = personOf(sock.user?.id, sock.user?.lid);
  const fact: ChatFact = { ...state, chatId, stateJid, by, source: "api", at: new Date().toISOString() };
  return { chats: [fact] };
}
