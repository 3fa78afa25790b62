import * as z from "zod";
import { type EventType, eventCatalog } from "../../../../core/event/catalog/index.ts";
import { readLog } from "../../../../core/event/log.ts";
import { instanceEndpoint } from "../../engine/endpoint.ts";
import { isoDate, pageQuery, pageRequest } from "../../shape/common.ts";

const { limit, skip, startDate } = pageQuery(100).shape;
const eventTypes = z.array(z.enum(Object.keys(eventCatalog) as [EventType, ...EventType[]]));

const query = z.object({
  since: skip.meta({ description: "Sequence number of the last event you have, default 0" }),
  limit,
  types: z
    .string()
    .max(1000)
    .transform((text) => text.split(",").map((type) => type.trim()))
    .pipe(eventTypes)
    .optional()
    .meta({ description: "Comma-separated types of events" }),
  startDate,
});

interface Shown {
  id: string;
  sequence: number;
  type: EventType;
  data: unknown;
  createdAt: string;
}

/** Each event with the data of its type, as declared but for what is sealed. */
const event: z.ZodType<Shown, Shown> = z.discriminatedUnion(
  "type",
  Object.values(eventCatalog).map(({ type, data, sealed = [] }) =>
    z.object({
      /** The same that webhooks carry as `eventId`. */
      id: z.string(),
      sequence: z.int(),
      type: z.literal(type),
      data: z.object(Object.fromEntries(Object.entries(data.shape).filter(([field]) => !sealed.includes(field)))),
      createdAt: isoDate,
    }),
  ) as unknown as [z.ZodObject<{ type: z.ZodLiteral<EventType> }>],
) as unknown as z.ZodType<Shown, Shown>;

export const eventEndpoints = [
  instanceEndpoint({
    method: "get",
    path: "/api/instances/{instanceId}/events",
    summary: "What happened, from the oldest to the newest: to catch up after an outage. Events are kept for 30 days",
    access: "read",
    query,
    answer: z.object({
      events: z.array(event),
      /** Ask for this next: with it nothing is missed and nothing comes twice. */
      nextSince: z.int(),
      /** There are more; with filters also when this page has none. */
      hasMore: z.boolean(),
      /** Events before this one are no longer kept: with an older `since` you have missed some. */
      oldestSequence: z.int(),
    }),
    in: ({ query: { since = 0, types, ...page } }) => ({
      since,
      types,
      limit: page.limit ?? 100,
      from: pageRequest({ ...page, skip: undefined, endDate: undefined }, 100).from,
    }),
    does: ({ deps, instance }, input) => readLog(deps.db, instance.id, input),
    out: (page) => ({
      ...page,
      events: page.events.map((one) => ({ ...one, createdAt: one.createdAt.toISOString() })),
    }),
  }),
];
