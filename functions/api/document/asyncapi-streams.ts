import * as z from "zod";
import { eventCatalog } from "../../../core/event/catalog/index.ts";
import { gatewayBodies } from "../../../core/webhook/body/gateway.ts";
import { multiInstanceBodies } from "../../../core/webhook/body/multi-instance.ts";
import { closingMessage, missingMessage, streamComment } from "../shape/live-event.ts";
import { schema } from "./openapi.ts";

type Json = Record<string, unknown>;

const bodies = { gateway: gatewayBodies, "multi-instance": multiInstanceBodies };

/** The key of a webhook body among the messages. */
const bodyKey = (dialect: string, event: string) => `webhook.${dialect}.${event}`;

const bodyKeys = Object.entries(bodies).flatMap(([dialect, events]) =>
  Object.keys(events).map((event) => bodyKey(dialect, event)),
);

/** The messages of streams that are no events. */
const controls = ["stream.comment", "stream.missing", "stream.closing"];

const references = (names: readonly string[]) =>
  Object.fromEntries(names.map((name) => [name, { $ref: `#/components/messages/${name}` }]));

/** The server of the streams. */
export const streamServer = {
  host: "{host}",
  protocol: "https",
  description: "The REST API. On one machine, the protocol is http and the host is 127.0.0.1:3000",
  variables: { host: { default: "127.0.0.1:3000", description: "Host of the deployment, from PUBLIC_URL" } },
  security: [
    { type: "httpApiKey", name: "x-api-key", in: "header", description: "An API key" },
    {
      type: "httpApiKey",
      name: "token",
      in: "query",
      description:
        "A token of POST /api/events/stream/token, for clients that can't send headers. It opens one stream, within 30 seconds",
    },
  ],
};

const framing =
  "A response of the content type text/event-stream, as https://html.spec.whatwg.org/multipage/server-sent-events.html defines it. The payload of a message is its data, and the headers of a message here are its fields event and id. A message without the field event is an event. Continue with the header Last-Event-ID, or the query parameter lastEventId, after a lost connection: each event then arrives exactly once. The stream begins with `retry: 2000`.";

const channelOf = (address: string, title: string, place: string): Json => ({
  title,
  address,
  description: `${framing} ${place}`,
  servers: [{ $ref: "#/servers/api" }],
  ...(address.includes("{") && { parameters: { instanceId: { description: "Id of the instance" } } }),
  messages: references([...Object.keys(eventCatalog).map((type) => `event.${type}`), ...bodyKeys, ...controls]),
});

/** The channels of the streams, by key. */
export const streamChannels = {
  "instance-stream": channelOf(
    "/api/instances/{instanceId}/events/stream",
    "Stream of an instance",
    "The id of an event is its seq.",
  ),
  stream: channelOf("/api/events/stream", "Stream of all instances", "The id of an event is an opaque place."),
};

const query = (fields: z.ZodRawShape): Json => schema(z.object(fields), "input", "draft-7");

/** `parameters`: the schemas of the query parameters of each stream. */
export function streamOperations(parameters: Record<keyof typeof streamChannels, z.ZodRawShape>): Json {
  return Object.fromEntries(
    Object.entries(streamChannels).map(([key, { title }]) => [
      key,
      {
        action: "send",
        title,
        summary: "Receive events as they happen",
        channel: { $ref: `#/channels/${key}` },
        bindings: {
          http: {
            method: "GET",
            query: query(parameters[key as keyof typeof streamChannels]),
            bindingVersion: "0.3.0",
          },
        },
        "x-request-headers": {
          "Last-Event-ID": { type: "string", maxLength: 2000, description: "The last id that the client received" },
        },
      },
    ]),
  );
}

/** Declares a message. `event` is the field of that name, which events don't have. */
function message(name: string, summary: string, payload: z.ZodType, event?: string): [string, Json] {
  const fields = {
    type: "object",
    properties: { id: { type: "string" }, ...(event !== undefined && { event: { const: event } }) },
    ...(event !== undefined && { required: ["event"] }),
  };
  return [name, { name, title: name, summary, headers: fields, payload: schema(payload, "output", "draft-7") }];
}

/** The messages of streams that queues don't have. */
export const streamMessages = (): [string, Json][] => [
  ...Object.entries(bodies).flatMap(([dialect, events]) =>
    Object.entries(events).map(([event, type]) =>
      message(bodyKey(dialect, event), `The webhook body of ${event}, in a stream with format`, type),
    ),
  ),
  [
    "stream.comment",
    {
      name: "stream.comment",
      title: "Heartbeat",
      summary:
        "A comment, which a client ignores: after 15 seconds without an event, at the beginning, and where filters leave out events. An id before it is the new place to continue from",
      contentType: "text/plain",
      payload: { const: streamComment },
    },
  ],
  message("stream.missing", "Events before the first one are no longer stored", missingMessage, "missing"),
  message(
    "stream.closing",
    "The gateway ends the stream. `code` is the error that a new request with these credentials gets now",
    closingMessage,
    "closing",
  ),
];
