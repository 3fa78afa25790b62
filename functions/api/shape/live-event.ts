import * as z from "zod";
import { type ErrorCode, errorCodes } from "../../../core/error.ts";
import { type EventType, eventCatalog } from "../../../core/event/catalog/index.ts";
import { publicEvent } from "../../../core/event-sink/envelope.ts";
import type { EventFilter } from "../../../core/event-stream/live.ts";
import { endReasons } from "../../../core/event-stream/session.ts";
import { dialects } from "../../../core/instance/instance.sql.ts";
import { pageQuery, pageRequest, wholeNumber } from "./common.ts";

const types = Object.keys(eventCatalog) as [EventType, ...EventType[]];

/** Values separated by commas. */
const list = (max: number) =>
  z
    .string()
    .max(max)
    .transform((text) => text.split(",").map((part) => part.trim()));

/** The query parameters that choose events. */
export const eventFilterQuery = z.object({
  types: list(1000)
    .pipe(z.array(z.enum(types)))
    .optional()
    .meta({ description: "Comma-separated event types" }),
  chats: list(5000)
    .pipe(z.array(z.string().min(1)).max(100))
    .optional()
    .meta({
      description:
        "Comma-separated JIDs of chats, as in `chatId`, `groupId` or `from` of events. Events about no chat are left out.",
    }),
  startDate: pageQuery(1).shape.startDate.meta({ description: "Begin with events from this time on; ISO 8601" }),
});

/** The query parameter that names instances. */
export const instancesQuery = list(4000)
  .pipe(z.array(z.uuid()).max(100))
  .optional()
  .meta({ description: "Comma-separated ids of instances; default: all instances of the caller" });

/** A place in the events of all instances. */
export const cursorText = z.string().max(2000);

const lastEventIdQuery = cursorText.optional().meta({
  description: "Like the header `Last-Event-ID`, for clients that can't send headers",
});

/** The query parameters for clients that can't send headers. */
export const headerless = {
  lastEventId: lastEventIdQuery,
  token: z.string().max(100).optional().meta({
    description: "A token of `POST /api/events/stream/token`, for clients that can't send headers",
  }),
};

/**
 * The forms of events: `event` is the form of docs/schemas/event.json, `webhook` that of webhooks in the dialect of each
 * instance, and the others that of webhooks in this dialect.
 */
export const eventFormats = ["event", "webhook", ...dialects] as const;
export type EventFormat = (typeof eventFormats)[number];

/** The query parameter that chooses the form of events. */
export const formatQuery = z.enum(eventFormats).optional().meta({
  description:
    "The form of the events: `event` (default), `webhook` (the webhook body in the API that created the instance), or the webhook body in one API: `gateway` or `multi-instance`. In these, events without a webhook are left out, and without `types` those that webhook endpoints don't get by default",
});

export const waitQuery = wholeNumber
  .pipe(z.number().max(25))
  .optional()
  .meta({ description: "Seconds to wait for the first event, up to 25; default 0" });

export function eventFilterOf(query: z.output<typeof eventFilterQuery>): EventFilter {
  return {
    types: query.types && new Set(query.types),
    chats: query.chats && new Set(query.chats),
    from: pageRequest({ startDate: query.startDate }, 1).from,
  };
}

/** The query parameters of the streams. */
export const streamQueries = {
  "instance-stream": {
    ...eventFilterQuery.shape,
    since: pageQuery(1).shape.skip.meta({ description: "Sequence number of the last event that you have" }),
    format: formatQuery,
    ...headerless,
  },
  stream: {
    ...eventFilterQuery.shape,
    format: formatQuery,
    instances: instancesQuery,
    since: cursorText.optional().meta({ description: "The place after the last event that you have; default: now" }),
    ...headerless,
  },
};

/** The comment of a stream that is silent otherwise. */
export const streamComment = "still here";

/** The data of the message `missing` of a stream: sequence numbers of its instance, or a time. */
export const missingMessage = z.union([
  z.object({ from: z.int(), to: z.int() }),
  /** Events before this time. */
  z.object({ before: z.iso.datetime() }),
]);

/** The data of the message `closing`, the last one of a stream that the gateway ends. */
export const closingMessage = z.object({
  reason: z.enum(endReasons),
  code: z.enum(Object.keys(errorCodes) as [ErrorCode, ...ErrorCode[]]).optional(),
});

/** An event as `docs/schemas/event.json` describes it, which also has the data of each type. */
export const liveEvent = publicEvent("message.received").extend({
  type: z.enum(types),
  data: z.record(z.string(), z.unknown()),
});
