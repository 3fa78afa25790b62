import * as z from "zod";
import { readChats } from "../../../../core/chat/index.ts";
import { commandCatalog } from "../../../../core/command/catalog/index.ts";
import { eventTypes } from "../../../../core/command/catalog/message/calendar-event.ts";
import { readHistory } from "../../../../core/message/history.ts";
import { readReceipts } from "../../../../core/message/receipt.ts";
import type { Respondent, Tally } from "../../../../core/message/response.ts";
import { readTally } from "../../../../core/message/response.ts";
import { instanceEndpoint } from "../../engine/endpoint.ts";
import { chatsQuery, chatsRequest, listedChat, toListedChats } from "../../shape/chat.ts";
import { isoDate, pageQuery, pageRequest, paginationShape, undatedPageQuery } from "../../shape/common.ts";
import { messageFilterQuery, toMessageFilters } from "../../shape/message-filter.ts";
import { messageReceipts, toMessageReceipts } from "../../shape/receipt.ts";
import { envelope, enveloped } from "./envelope.ts";
import { message, toMessage } from "./message-shape.ts";

const { chat: optionalChat } = commandCatalog["message.delete"].input.shape;

const respondent = {
  /** The JID, with the phone number if known; null for the account itself. */
  id: z.string().nullable(),
  respondedAt: isoDate,
};
const surveyIds = { messageId: z.string(), chatId: z.string() };
const guestList = z.array(z.object({ ...respondent, guests: z.int() }));

const tally = z.discriminatedUnion("type", [
  z.object({
    ...surveyIds,
    type: z.literal("poll"),
    question: z.string(),
    /** The number of options that a voter can choose; 0 means any number. Null if the number is not stored. */
    selectableCount: z.int().nullable(),
    options: z.array(z.object({ name: z.string(), voters: z.array(z.object(respondent)) })),
  }),
  z.object({
    ...surveyIds,
    type: z.literal("event"),
    name: z.string(),
    /** The type of the event; null for events from others. */
    event: z.enum(eventTypes).nullable(),
    /** `guests` is the number of extra guests. */
    going: guestList,
    notGoing: guestList,
    maybe: guestList,
  }),
]);

export const messageChatEndpoints = [
  instanceEndpoint({
    method: "get",
    path: "/api/message/chats/{instanceId}",
    summary: "List the chats of an instance, newest message first",
    access: "read",
    scope: "chats:read",
    query: chatsQuery,
    response: envelope(z.array(listedChat)).extend({ pagination: paginationShape, nextCursor: z.string().nullable() }),
    toInput: ({ query }) => chatsRequest(query),
    operation: ({ deps, instance }, input) => readChats(deps.db, instance.id, input),
    toResponse: ({ chats, pagination, nextCursor }) => ({ ...enveloped(toListedChats(chats)), pagination, nextCursor }),
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/message/{instanceId}/{messageId}/responses",
    summary: "Get the responses to a poll or event",
    access: "read",
    scope: "messages:read",
    query: z.object({ chatId: optionalChat }),
    response: envelope(tally),
    errors: ["message_not_found"],
    toInput: ({ params, query }) => ({ messageId: params.messageId, chat: query.chatId }),
    operation: ({ deps, instance }, input) => readTally(deps.db, instance.id, input),
    toResponse: (result) => enveloped(toTally(result)),
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/message/{instanceId}/{messageId}/receipts",
    summary: "List who has received and read a message",
    description: "For messages and status posts that the account sent. Each person is listed once.",
    access: "read",
    scope: "messages:read",
    query: undatedPageQuery(100).extend({ chatId: optionalChat }),
    response: envelope(messageReceipts).extend({ pagination: paginationShape }),
    errors: ["message_not_found"],
    toInput: ({ params, query }) => ({ messageId: params.messageId, chat: query.chatId, ...pageRequest(query, 100) }),
    operation: ({ deps, instance }, { messageId, chat, ...page }) =>
      readReceipts(deps.db, instance.id, { messageId, chat }, page),
    toResponse: (found) => ({ ...enveloped(toMessageReceipts(found)), pagination: found.pagination }),
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/message/chat/{instanceId}/{chatId}",
    summary: "List the messages of a chat, newest first",
    access: "read",
    scope: "messages:read",
    query: pageQuery(50).extend(messageFilterQuery),
    response: envelope(z.array(message)).extend({ pagination: paginationShape }),
    errors: ["query_too_broad"],
    toInput: ({ params, query }) => ({
      chatId: params.chatId,
      ...pageRequest(query, 50),
      filters: toMessageFilters(query),
    }),
    operation: ({ deps, instance }, { chatId, ...page }) => readHistory(deps.db, instance.id, chatId, page),
    toResponse: ({ messages, pagination }) => ({
      ...enveloped(messages.map(toMessage)),
      pagination,
    }),
  }),
];

function toTally(result: Tally): z.input<typeof tally> {
  const { messageId, chatId, body } = result;
  if (result.type === "poll") {
    const options = result.options.map(({ name, voters }) => ({ name, voters: voters.map(toRespondent) }));
    return { messageId, chatId, type: "poll", question: body, selectableCount: result.selectableCount, options };
  }
  const { going, notGoing, maybe } = result.answers;
  const guests = (answers: typeof going) =>
    answers.map((answer) => ({ ...toRespondent(answer), guests: answer.guests }));
  return {
    messageId,
    chatId,
    type: "event",
    name: body,
    event: eventTypes.find((type) => type === result.kind) ?? null,
    going: guests(going),
    notGoing: guests(notGoing),
    maybe: guests(maybe),
  };
}

const toRespondent = ({ senderId, respondedAt }: Respondent) => ({
  id: senderId,
  respondedAt: respondedAt.toISOString(),
});
