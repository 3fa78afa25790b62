import { proto } from "@whiskeysockets/baileys";
import type { CommandInput, CommandOutput } from "../../core/command/catalog/index.ts";
import { sha256 } from "../../core/crypto/index.ts";
import { AppError } from "../../core/error.ts";
import type { NewEvent } from "../../core/event/catalog/index.ts";
import { derivedMessageId } from "../../core/id.ts";
import { announcedOptions } from "../../core/message/context.ts";
import type { FoundMessage } from "../../core/message/find.ts";
import { isChannelJid, isGroupJid, isLidJid } from "../../core/message/recipient.ts";
import type { ResponseAnswer } from "../../core/message/response.sql.ts";
import { plainJid } from "../baileys/address/jids.ts";
import { openPayload } from "../inbound/content/stored.ts";
import { type SealTarget, sealResponse } from "../inbound/response/encrypt.ts";
import { pollOf } from "../inbound/response/survey.ts";
import { by, find, keyOf } from "./message-action.ts";
import { ExecutorResult } from "./result.ts";
import type { MutationContext } from "./types.ts";

const { EventResponseType } = proto.Message.EventResponseMessage;
const responses: Readonly<Record<ResponseAnswer, proto.Message.EventResponseMessage.EventResponseType>> = {
  going: EventResponseType.GOING,
  notGoing: EventResponseType.NOT_GOING,
  maybe: EventResponseType.MAYBE,
};

export async function vote(
  context: MutationContext,
  input: CommandInput<"message.vote">,
): Promise<ExecutorResult<CommandOutput<"message.vote">>> {
  const { row, content, target } = await surveyOf(context, input, "poll");
  const poll = pollOf(content);
  if (!poll) throw new AppError("not_supported", "this kind of poll is not supported");
  const { options } = input;
  const unknown = options.find((option) => !poll.options.includes(option));
  if (unknown !== undefined) throw new AppError("invalid_request", `options: the poll has no option "${unknown}"`);
  const { selectableCount } = poll;
  if (selectableCount > 0 && options.length > selectableCount) {
    throw new AppError("invalid_request", `options: the poll allows at most ${selectableCount} per voter`);
  }
  const at = new Date();
  const selectedOptions = options.map((option) => sha256(option));
  const plaintext = proto.Message.PollVoteMessage.encode({ selectedOptions }).finish();
  const message: proto.IMessage = {
    pollUpdateMessage: {
      pollCreationMessageKey: keyOf(row),
      vote: sealResponse("Poll Vote", target, plaintext),
      senderTimestampMs: at.getTime(),
    },
  };
  const choices = poll.options.filter((option) => options.includes(option));
  const shown = { question: row.body, options: announcedOptions(choices) };
  const event: NewEvent = { type: "poll.voted", data: { ...about(context, row, at), ...shown } };
  return answered(context, row, { message, choices, guests: 0, at, event, type: "poll" });
}

export async function answerEvent(
  context: MutationContext,
  input: CommandInput<"message.answerEvent">,
): Promise<ExecutorResult<CommandOutput<"message.answerEvent">>> {
  const { row, content, target } = await surveyOf(context, input, "event");
  const { answer, guests } = input;
  if (content.eventMessage?.isCanceled) throw new AppError("conflict", "the event is canceled");
  if (guests > 0 && !content.eventMessage?.extraGuestsAllowed) {
    throw new AppError("conflict", "guests: the event allows no guests");
  }
  const at = new Date();
  const response = { response: responses[answer], timestampMs: at.getTime() };
  const plaintext = proto.Message.EventResponseMessage.encode({
    ...response,
    ...(guests > 0 && { extraGuestCount: guests }),
  }).finish();
  const message: proto.IMessage = {
    encEventResponseMessage: {
      eventCreationMessageKey: keyOf(row),
      ...sealResponse("Event Response", target, plaintext),
    },
  };
  const data = { ...about(context, row, at), name: row.body, answer, guests };
  const event: NewEvent = { type: "event.answered", data };
  return answered(context, row, { message, choices: [answer], guests, at, event, type: "event" });
}

/**
 * Returns a poll or calendar event with what is needed to answer it. Throws `message_not_found`, `not_supported` for a
 * channel, and `conflict` if its secret is not known.
 */
async function surveyOf(
  context: MutationContext,
  input: { messageId: string; chat?: string | undefined },
  type: "poll" | "event",
): Promise<{ row: FoundMessage; content: proto.IMessage; target: SealTarget }> {
  const row = await find(context, input);
  const name = type === "poll" ? "poll" : "calendar event";
  if (row.type !== type) throw new AppError("message_not_found", `the message is not a ${name}`);
  if (isChannelJid(row.chatId)) throw new AppError("not_supported", "voting in channels is not supported");
  const [stored] = await context.db.sql<
    { payload: Buffer | null }[]
  >`select payload from messages where id = ${row.id}`;
  const opened = stored?.payload ? openPayload(stored.payload) : undefined;
  const secret = opened?.info.messageSecret;
  if (!opened || !secret?.length) {
    const reason = "it is older than the link of the instance, or was not received with its content";
    throw new AppError("conflict", `the key of the ${name} is not known, because ${reason}`);
  }
  return { row, content: opened.content, target: { waId: row.waId, secret, ...(await namesOf(context, row)) } };
}

/**
 * Returns the JIDs on which the key depends. The account uses the kind of JID by which the message names its creator
 * (whatsmeow, msgsecret.go, `EncryptPollVote`): a LID in groups, and in a direct chat the address of the chat.
 */
async function namesOf(
  { sock, addressing }: MutationContext,
  { chatId, fromMe, senderId, senderLid }: FoundMessage,
): Promise<{ creator: string; responder: string }> {
  const own = { lid: plainJid(sock.user?.lid), number: plainJid(sock.user?.id) };
  if (isGroupJid(chatId)) {
    const creator = fromMe ? own.lid || own.number : (senderLid ?? senderId);
    return { creator, responder: (isLidJid(creator) && own.lid) || own.number };
  }
  const { to, kind = "number" } = await addressing.of(chatId);
  const responder = own[kind] || own.number;
  return { creator: fromMe ? responder : to, responder };
}

const about = (context: MutationContext, { waId, chatId }: FoundMessage, at: Date) => ({
  ...by(context),
  ...{ messageId: waId, chatId, timestamp: Math.floor(at.getTime() / 1000) },
});

/** Returns the result of an answer: WhatsApp sends none back, so it is recorded here. */
function answered(
  context: MutationContext,
  { waId, chatId }: FoundMessage,
  {
    message,
    choices,
    guests,
    at,
    event,
    type,
  }: {
    message: proto.IMessage;
    choices: string[];
    guests: number;
    at: Date;
    event: NewEvent;
    type: "poll" | "event";
  },
): ExecutorResult<{ messageId: string }> {
  const id = derivedMessageId(context.commandId);
  return new ExecutorResult(
    { messageId: id },
    { responses: [{ waId, chatId, senderId: "", choices, guests, at, event }] },
    { waId: id, jid: chatId, message, attributes: { type } },
  );
}
