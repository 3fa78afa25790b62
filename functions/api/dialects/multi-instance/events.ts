import * as z from "zod";
import { type EventType, eventCatalog } from "../../../../core/event/catalog/index.ts";
import { readLog } from "../../../../core/event/log.ts";
import { instanceEndpoint } from "../../engine/endpoint.ts";
import { isoDate, pageQuery, pageRequest } from "../../shape/common.ts";

const { limit, skip, startDate } = pageQuery(100).shape;
const eventTypes = z.array(z.enum(Object.keys(eventCatalog) as [EventType, ...EventType[]]));

const query = z.object({
  since: skip.meta({ description: "Sequence number of the last event that you have; default 0" }),
  limit,
  types: z
    .string()
    .max(1000)
    .transform((text) => text.split(",").map((type) => type.trim()))
    .pipe(eventTypes)
    .optional()
    .meta({ description: "Comma-separated event types" }),
  startDate,
});

interface PublicEvent {
  id: string;
  sequence: number;
  type: EventType;
  data: unknown;
  createdAt: string;
}

/** An event with the data of its type, without the fields that are stored encrypted. */
const event: z.ZodType<PublicEvent, PublicEvent> = z.discriminatedUnion(
  "type",
  Object.values(eventCatalog).map(({ type, data, sealed = [] }) =>
    z.object({
      /** The same as `eventId` in webhooks. */
      id: z.string(),
      sequence: z.int(),
      type: z.literal(type),
      data: z.object(Object.fromEntries(Object.entries(data.shape).filter(([field]) => !sealed.includes(field)))),
      createdAt: isoDate,
    }),
  ) as unknown as [z.ZodObject<{ type: z.ZodLiteral<EventType> }>],
) as unknown as z.ZodType<PublicEvent, PublicEvent>;

export const eventEndpoints = [
  instanceEndpoint({
    method: "get",
    path: "/api/instances/{instanceId}/events",
    summary: "List the events of an instance, oldest first",
    description: "Use this list to catch up after an outage. Events are kept for 30 days.",
    access: "read",
    query,
    response: z.object({
      events: z.array(event),
      /** Send it as `since` in the next request to get each event exactly once. */
      nextSince: z.int(),
      /** Whether more events follow. With filters, this can be true for an empty page. */
      hasMore: z.boolean(),
      /** The sequence number of the oldest event that is still kept. If your `since` is lower, you may have missed events. */
      oldestSequence: z.int(),
    }),
    toInput: ({ query: { since = 0, types, ...page } }) => ({
      since,
      types,
      limit: page.limit ?? 100,
      from: pageRequest({ ...page, skip: undefined, endDate: undefined }, 100).from,
    }),
    operation: ({ deps, instance }, input) => readLog(deps.db, instance.id, input),
    toResponse: (page) => ({
      ...page,
      events: page.events.map((logged) => ({ ...logged, createdAt: logged.createdAt.toISOString() })),
    }),
  }),
];
