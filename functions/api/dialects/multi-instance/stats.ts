import * as z from "zod";
import { type Period, periods } from "../../../../core/usage/index.ts";
import { timeZone } from "../../../../core/user/field.ts";
import { callerEndpoint, instanceEndpoint } from "../../engine/endpoint.ts";
import { getQuotas } from "../../operations/quota.ts";
import { instanceStats, systemStats, userStats } from "../../operations/stats.ts";
import { isoDate } from "../../shape/common.ts";
import { quotasShape, toQuotas } from "../../shape/quota.ts";

const query = (defaultPeriod: Period) =>
  z.object({
    period: z
      .enum(periods)
      .default(defaultPeriod)
      .meta({ description: `Today, the last 7, 30 or 365 days including today, or all; default ${defaultPeriod}` }),
    timeZone: timeZone.unwrap().optional().meta({
      description:
        "IANA time zone whose midnight starts a day, such as Europe/Berlin; default: that of the user, otherwise UTC",
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
  /** Requests with valid credentials, including failed ones. */
  apiCalls: z.int(),
  webhookSent: z.int(),
};

const totalAndActive = z.object({ total: z.int(), active: z.int() });

export const statsEndpoints = [
  callerEndpoint({
    method: "get",
    path: "/api/stats/user",
    summary: "Get the usage of your instances and your API calls",
    access: "read",
    scope: "stats:read",
    query: query("month"),
    response: z.object({
      /** Includes deleted instances. */
      total: z.object({ ...usage, instanceCount: z.int() }),
      instances: z.array(z.object({ instanceId: z.string(), name: z.string(), ...usage })),
    }),
    toInput: ({ query: { period, timeZone } }) => ({ period, timeZone }),
    operation: userStats,
    toResponse: (result) => result,
  }),
  callerEndpoint({
    method: "get",
    path: "/api/stats/quotas",
    summary: "Get the usage and the limits of your quotas",
    access: "read",
    scope: "stats:read",
    response: z.object({ quotas: quotasShape }),
    toInput: () => undefined,
    operation: getQuotas,
    toResponse: (quotas) => ({ quotas: toQuotas(quotas) }),
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/stats/instances/{instanceId}",
    summary: "Get the usage of an instance, in total and by day",
    access: "read",
    scope: "stats:read",
    query: query("today"),
    response: z.object({
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
    toInput: ({ query: { period, timeZone } }) => ({ period, timeZone }),
    operation: instanceStats,
    toResponse: ({ days, ...sums }) => ({
      usage: { ...sums, dailyStats: days.map((day) => ({ ...day, date: day.date.toISOString() })) },
    }),
  }),
  callerEndpoint({
    method: "get",
    path: "/api/stats/system",
    summary: "Get the usage of all users together",
    access: "admin",
    scope: "system:read",
    query: query("all"),
    response: z.object({ instances: totalAndActive, users: totalAndActive, usage: z.object(usage) }),
    toInput: ({ query: { period, timeZone } }) => ({ period, timeZone }),
    operation: systemStats,
    toResponse: (result) => result,
  }),
];
