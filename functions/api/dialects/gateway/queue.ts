import * as z from "zod";
import { queueFilter, queueReasons, readWaitingQueue } from "../../../../core/command/waiting-queue.ts";
import { commandEndpoint } from "../../engine/command-endpoint.ts";
import { instanceEndpoint } from "../../engine/endpoint.ts";
import { isoDate, pageRequest, paginationShape, undatedPageQuery } from "../../shape/common.ts";
import { envelope, enveloped } from "./envelope.ts";

/** The fields of `queueFilter` in a query. */
const filter = {
  bulk: z
    .enum(["true", "false"])
    .optional()
    .meta({ description: "Only messages of bulks (true), or only others (false)" }),
  chatId: queueFilter.chat,
  acceptedBefore: queueFilter.acceptedBefore,
};
const filterQuery = z.object(filter);

const toFilter = ({ bulk, chatId: chat, acceptedBefore }: z.output<typeof filterQuery>) => ({
  bulk: bulk && bulk === "true",
  chat,
  acceptedBefore,
});

const waitingSend = z.object({
  messageId: z.string(),
  chatId: z.string(),
  type: z.string(),
  body: z.string(),
  reason: z.enum(queueReasons),
  bulkId: z.string().nullable(),
  priority: z.enum(["high", "normal"]),
  acceptedAt: isoDate,
  /** When the message is expected to go out: an estimate. Null if that is not known. */
  expectedAt: isoDate.nullable(),
});

/** The messages that an instance has accepted and not sent yet. */
export const queueEndpoints = [
  instanceEndpoint({
    method: "get",
    path: "/api/instance/{instanceId}/queue",
    summary: "List the messages that wait to be sent, with the reason and an estimate",
    access: "read",
    scope: "messages:read",
    query: undatedPageQuery(100).extend(filter),
    response: envelope(
      z.object({
        messages: z.array(waitingSend),
        /** How many messages wait for each reason. */
        counts: z.partialRecord(z.enum(queueReasons), z.int()),
        pagination: paginationShape,
      }),
    ),
    toInput: ({ query }) => ({ filter: toFilter(query), page: pageRequest(query, 100) }),
    operation: ({ deps, instance }, input) => readWaitingQueue(deps.db, instance, input.filter, input.page),
    toResponse: ({ sends, counts, pagination }) =>
      enveloped({
        messages: sends.map((send) => ({
          ...send,
          acceptedAt: send.acceptedAt.toISOString(),
          expectedAt: send.expectedAt?.toISOString() ?? null,
        })),
        counts,
        pagination,
      }),
  }),
  commandEndpoint({
    method: "delete",
    path: "/api/instance/{instanceId}/queue",
    access: "write",
    command: "instance.clearQueue",
    query: filterQuery,
    response: envelope(
      z.object({
        /** The number of messages that were canceled. */
        canceled: z.int(),
      }),
    ),
    toInput: ({ query }) => toFilter(query),
    toResponse: ({ canceled }) => enveloped({ canceled }, "Queue cleared"),
  }),
  commandEndpoint({
    method: "post",
    path: "/api/instance/{instanceId}/queue/pause",
    access: "write",
    command: "instance.pauseSends",
    response: envelope(z.object({ instanceId: z.string(), sendsPausedAt: isoDate })),
    toInput: () => ({}),
    toResponse: ({ pausedAt }, { params }) =>
      enveloped({ instanceId: params.instanceId, sendsPausedAt: pausedAt }, "Sends paused"),
  }),
  commandEndpoint({
    method: "post",
    path: "/api/instance/{instanceId}/queue/resume",
    access: "write",
    command: "instance.resumeSends",
    response: envelope(z.object({ instanceId: z.string(), sendsPausedAt: z.null() })),
    toInput: () => ({}),
    toResponse: (_result, { params }) =>
      enveloped({ instanceId: params.instanceId, sendsPausedAt: null }, "Sends resumed"),
  }),
];
