import * as z from "zod";
import { type EventType, eventCatalog } from "../../../../core/event/catalog/index.ts";
import { defined } from "../../../../core/object.ts";
import { instanceEndpoint } from "../../engine/endpoint.ts";
import { listEvents, streamEvents } from "../../operations/event-stream.ts";
import { isoDate, pageQuery } from "../../shape/common.ts";
import { eventFilterOf, eventFilterQuery, formatQuery, streamQueries, waitQuery } from "../../shape/live-event.ts";

const { limit, skip } = pageQuery(100).shape;

const query = eventFilterQuery.extend({
  since: skip.meta({ description: "Sequence number of the last event that you have; default 0" }),
  limit,
  format: formatQuery.meta({
    description:
      "`webhook`, `gateway` or `multi-instance`: each event also has `webhook`, the webhook body in the API that created the instance, or in the API with this name",
  }),
  wait: waitQuery,
});

interface PublicEvent {
  id: string;
  sequence: number;
  type: EventType;
  data: unknown;
  createdAt: string;
  webhook?: Record<string, unknown> | null | undefined;
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
      /** The instance's `metadata`. Absent if it has none. */
      metadata: z.record(z.string(), z.string()).optional(),
      /** Only with `format`: the webhook body. Null if the event has none in this format. */
      webhook: z.record(z.string(), z.unknown()).nullable().optional(),
    }),
  ) as unknown as [z.ZodObject<{ type: z.ZodLiteral<EventType> }>],
) as unknown as z.ZodType<PublicEvent, PublicEvent>;

export const eventEndpoints = [
  instanceEndpoint({
    method: "get",
    path: "/api/instances/{instanceId}/events",
    summary: "List the events of an instance, oldest first",
    description:
      "Use this list to catch up after an outage. Events are kept for 30 days. With `wait`, a request without new events waits for the first one.",
    access: "read",
    scope: "events:read",
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
    secrets: true,
    toInput: ({ query: { since = 0, limit: most = 100, format, wait = 0, ...filter } }) => ({
      ...{ since, format, limit: most, waitMs: wait * 1000, filter: eventFilterOf(filter) },
    }),
    operation: listEvents,
    toResponse: ({ webhooks, metadata, ...page }) => ({
      ...page,
      events: page.events.map((logged) => ({
        ...logged,
        createdAt: logged.createdAt.toISOString(),
        ...defined({ metadata }),
        ...(webhooks && { webhook: (webhooks.get(logged.id) ?? null) as Record<string, unknown> | null }),
      })),
    }),
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/instances/{instanceId}/events/stream",
    summary: "Stream the events of an instance",
    description:
      "Server-Sent Events. The `id` of an event is its sequence number. A client that connects again with `Last-Event-ID` gets each event exactly once. Without it, and without `since` and `startDate`, the stream begins now.",
    access: "read",
    scope: "events:read",
    query: z.object(streamQueries["instance-stream"]),
    response: z.object({}),
    rawTypes: ["text/event-stream"],
    errors: ["not_supported"],
    secrets: true,
    toInput: ({ query: { since, lastEventId, format, token: _token, ...filter } }) => ({
      format,
      filter: eventFilterOf(filter),
      since: lastEventId || (since === undefined ? undefined : String(since)),
    }),
    operation: streamEvents,
    toResponse: (response: never) => response,
  }),
];
