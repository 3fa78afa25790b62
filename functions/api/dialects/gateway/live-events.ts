import * as z from "zod";
import { createStreamToken } from "../../../../core/event-stream/token.ts";
import { callerEndpoint } from "../../engine/endpoint.ts";
import { pollEvents, streamEvents } from "../../operations/event-stream.ts";
import { isoDate } from "../../shape/common.ts";
import {
  cursorText,
  eventFilterOf,
  eventFilterQuery,
  formatQuery,
  instancesQuery,
  liveEvent,
  streamQueries,
  waitQuery,
} from "../../shape/live-event.ts";
import { envelope, enveloped } from "./envelope.ts";

const query = eventFilterQuery.extend({
  format: formatQuery,
  instances: instancesQuery,
  since: cursorText.optional().meta({ description: "The place after the last event that you have; default: now" }),
});

export const liveEventEndpoints = [
  callerEndpoint({
    method: "get",
    path: "/api/events",
    summary: "List the events of all instances from a place on, oldest first",
    description:
      "With `wait`, a request without new events waits for the first one (long polling). Without `since` and `startDate`, the list begins now, so that it is empty and tells the place to continue from.",
    access: "read",
    scope: "events:read",
    limitable: true,
    query: query.extend({ wait: waitQuery }),
    response: envelope(
      z.object({
        events: z.union([z.array(liveEvent), z.array(z.record(z.string(), z.unknown()))]),
        /** Send it as `since` in the next request to get each event exactly once. */
        nextSince: z.string(),
      }),
    ),
    secrets: true,
    toInput: ({ query: { since, instances, format, wait = 0, ...filter } }) => ({
      ...{ since, instances, format, waitMs: wait * 1000, filter: eventFilterOf(filter) },
    }),
    operation: pollEvents,
    toResponse: (page) => enveloped(page),
  }),
  callerEndpoint({
    method: "get",
    path: "/api/events/stream",
    summary: "Stream the events of all instances",
    description:
      "Server-Sent Events. The `id` of an event is a place in the events of all instances. A client that connects again with `Last-Event-ID` gets each event exactly once. Without it, and without `since` and `startDate`, the stream begins now.",
    access: "read",
    scope: "events:read",
    limitable: true,
    query: z.object(streamQueries.stream),
    response: z.object({}),
    rawTypes: ["text/event-stream"],
    errors: ["not_supported", "instance_not_found"],
    secrets: true,
    toInput: ({ query: { since, lastEventId, instances, format, token: _token, ...filter } }) => ({
      ...{ since: lastEventId || since, instances, format, filter: eventFilterOf(filter) },
    }),
    operation: streamEvents,
    toResponse: (response: never) => response,
  }),
  callerEndpoint({
    method: "post",
    path: "/api/events/stream/token",
    summary: "Create a token that opens one stream",
    description:
      "For browsers, whose `EventSource` can't send headers: add the token to the URL of a stream as `?token=`. It can be used once, within 30 seconds. The stream ends when the credentials of this request are no longer valid.",
    access: "read",
    scope: "events:read",
    limitable: true,
    response: envelope(z.object({ token: z.string(), expiresAt: isoDate })),
    toInput: () => ({}),
    operation: ({ deps, caller }) => createStreamToken(deps, caller),
    toResponse: ({ token, expiresAt }) => enveloped({ token, expiresAt: expiresAt.toISOString() }),
  }),
];
