import * as z from "zod";
import { type EventType, eventCatalog } from "../../../core/event/catalog/index.ts";
import { publicEvent } from "../../../core/event-sink/envelope.ts";
import type { EventFilter } from "../../../core/event-stream/live.ts";
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

/** An event as `docs/schemas/event.json` describes it, which also has the data of each type. */
export const liveEvent = publicEvent("message.received").extend({
  type: z.enum(types),
  data: z.record(z.string(), z.unknown()),
});
