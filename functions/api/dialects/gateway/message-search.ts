import * as z from "zod";
import type { SearchRequest, SearchResult } from "../../../../core/message/search/index.ts";
import { matchModes } from "../../../../core/message/search/words.ts";
import { callerEndpoint, instanceEndpoint } from "../../engine/endpoint.ts";
import { searchAll, searchInstance } from "../../operations/search.ts";
import { pageQuery, pageRequest, queryText, wholeNumber } from "../../shape/common.ts";
import { messageFilterQuery, toMessageFilters } from "../../shape/message-filter.ts";
import { envelope, enveloped } from "./envelope.ts";
import { message, toMessage } from "./message-shape.ts";

const { startDate, endDate } = pageQuery(20).shape;
/** The search has `q`. */
const { text: _text, ...filterQuery } = messageFilterQuery;
const mark = queryText(64).optional();

const query = z.object({
  q: queryText(200).meta({
    description: "The words that a message must have. Upper and lower case and accents are equal",
  }),
  match: z
    .enum(matchModes)
    .default("prefix")
    .meta({ description: "Whether words of the message begin with, equal, or contain the words of `q`" }),
  chatId: queryText(128).optional().meta({ description: "Only messages of this chat" }),
  ...filterQuery,
  startDate,
  endDate,
  limit: wholeNumber.pipe(z.number().min(1).max(100)).default(20).meta({ description: "1 to 100, default 20" }),
  cursor: queryText(200).optional().meta({ description: "`nextCursor` of the previous page" }),
  markStart: mark.meta({ description: "Text before each match in `excerpt`, such as `<mark>`" }),
  markEnd: mark.meta({ description: "Text after each match in `excerpt`, such as `</mark>`" }),
});

const found = message.extend({
  instanceId: z.string(),
  /** Where the words are in `body`, in UTF-16 code units. */
  highlights: z.array(z.object({ start: z.int(), length: z.int() })),
  /** The part of `body` with the first match as escaped HTML, with the marks. Null unless the request has marks. */
  excerpt: z.string().nullable(),
});

const declaration = {
  method: "get",
  access: "read",
  query,
  response: envelope(z.array(found)).extend({
    /** Null on the last page. */
    nextCursor: z.string().nullable(),
    /** Whether older messages are still being indexed after an update, so that matches may be missing. */
    indexing: z.boolean(),
  }),
  errors: ["query_too_broad"],
} as const;

function toRequest(parsed: z.output<typeof query>): SearchRequest {
  const { q, match, chatId, limit, cursor, markStart, markEnd } = parsed;
  const { from, before } = pageRequest({ startDate: parsed.startDate, endDate: parsed.endDate }, limit);
  return {
    ...{ text: q, mode: match, chat: chatId, from, before, limit, cursor },
    filters: toMessageFilters(parsed),
    marks:
      markStart === undefined && markEnd === undefined ? undefined : { start: markStart ?? "", end: markEnd ?? "" },
  };
}

const toResponse = ({ messages, next, indexing }: SearchResult) => ({
  ...enveloped(
    messages.map((one) => ({
      ...toMessage(one),
      instanceId: one.instanceId,
      highlights: one.highlights,
      excerpt: one.excerpt,
    })),
  ),
  nextCursor: next,
  indexing,
});

export const messageSearchEndpoints = [
  callerEndpoint({
    ...declaration,
    path: "/api/message/search",
    scope: "messages:read",
    limitable: true,
    summary: "Search the messages of all your instances, newest first",
    toInput: ({ query: parsed }) => toRequest(parsed),
    operation: searchAll,
    toResponse,
  }),
  instanceEndpoint({
    ...declaration,
    path: "/api/message/search/{instanceId}",
    scope: "messages:read",
    summary: "Search the messages of an instance, newest first",
    toInput: ({ query: parsed }) => toRequest(parsed),
    operation: searchInstance,
    toResponse,
  }),
];
