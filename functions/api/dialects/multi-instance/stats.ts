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
      .meta({ description: `Whole days up to now: 1, 7, 30, 365 or all; default ${standard}` }),
    timeZone: timeZone.unwrap().optional().meta({
      description: "IANA name, as Europe/Berlin: at its midnight days begin; default the user's own, else UTC",
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
  /** Bytes, both ways. */
  totalMediaSize: z.int(),
  /** Answered or refused, with credentials that were valid. */
  apiCalls: z.int(),
  webhookSent: z.int(),
};

const counted = z.object({ total: z.int(), active: z.int() });

export const statsEndpoints = [
  callerEndpoint({
    method: "get",
    path: "/api/stats/user",
    summary: "What your instances did, and what you called",
    access: "read",
    query: query("month"),
    answer: z.object({
      /** With what instances did that were deleted since. */
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
    summary: "What an instance did, with its days",
    access: "read",
    query: query("today"),
    answer: z.object({
      usage: z.object({
        ...usage,
        /** Days with messages, the oldest first. */
        dailyStats: z.array(
          z.object({
            /** When the day begins. */
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
    summary: "What everybody together has and did; for administrators",
    access: "admin",
    query: query("all"),
    answer: z.object({ instances: counted, users: counted, usage: z.object(usage) }),
    in: ({ query: { period, timeZone } }) => ({ period, timeZone }),
    does: systemStats,
    out: (result) => result,
  }),
];
