import * as z from "zod";
import { type Period, periods } from "../../../../core/usage/index.ts";
import { timeZone } from "../../../../core/user/field.ts";
import { callerEndpoint, instanceEndpoint } from "../../engine/endpoint.ts";
import { instanceStats, systemStats, userStats } from "../../operations/stats.ts";
import { isoDate } from "../../shape/common.ts";

const query = (standard: Period) =>
  z.object({
    period: z
      .enum(periods)
      .default(standard)
      .meta({ description: `The last 1, 7, 30 or 365 days including today, or all; default ${standard}` }),
    timeZone: timeZone.unwrap().optional().meta({
      description:
        "IANA time zone in which days begin, such as Europe/Berlin; default: the zone of the user, otherwise UTC",
    }),
  });

const messages = {
  messagesSent: z.int(),
  messagesReceived: z.int(),
  mediaSent: z.int(),
  mediaReceived: z.int(),
};

const usage = {
  ...messages,
  /** Bytes sent and received. */
  totalMediaSize: z.int(),
  /** Requests with valid credentials, whatever their answer. */
  apiCalls: z.int(),
  webhookSent: z.int(),
};

const counted = z.object({ total: z.int(), active: z.int() });

export const statsEndpoints = [
  callerEndpoint({
    method: "get",
    path: "/api/stats/user",
    summary: "Get the usage of your instances and your API calls",
    access: "read",
    query: query("month"),
    answer: z.object({
      /** Includes deleted instances. */
      total: z.object({ ...usage, instanceCount: z.int() }),
      instances: z.array(z.object({ instanceId: z.string(), name: z.string(), ...usage })),
    }),
    in: ({ query: { period, timeZone } }) => ({ period, timeZone }),
    does: userStats,
    out: (result) => result,
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/stats/instances/{instanceId}",
    summary: "Get the usage of an instance, in total and by day",
    access: "read",
    query: query("today"),
    answer: z.object({
      usage: z.object({
        ...usage,
        /** Days with messages, oldest first. */
        dailyStats: z.array(
          z.object({
            /** The start of the day. */
            date: isoDate,
            ...messages,
          }),
        ),
      }),
    }),
    in: ({ query: { period, timeZone } }) => ({ period, timeZone }),
    does: instanceStats,
    out: ({ days, ...sums }) => ({
      usage: { ...sums, dailyStats: days.map((day) => ({ ...day, date: day.date.toISOString() })) },
    }),
  }),
  callerEndpoint({
    method: "get",
    path: "/api/stats/system",
    summary: "Get the usage of all users together",
    access: "admin",
    query: query("all"),
    answer: z.object({ instances: counted, users: counted, usage: z.object(usage) }),
    in: ({ query: { period, timeZone } }) => ({ period, timeZone }),
    does: systemStats,
    out: (result) => result,
  }),
];
