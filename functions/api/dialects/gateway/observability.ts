import * as z from "zod";
import { health, now } from "../../operations/observability.ts";
import { openRow } from "../../row.ts";
import { isoDate } from "../../shapes.ts";
import { envelope, enveloped } from "./envelope.ts";

const megabytes = (bytes: number) => `${(bytes / 1024 / 1024).toFixed(2)} MB`;

const duration = (seconds: number) =>
  `${Math.floor(seconds / 3600)}h ${Math.floor((seconds % 3600) / 60)}m ${seconds % 60}s`;

const link = z.object({ status: z.literal("connected") });

export const observabilityRows = [
  openRow({
    method: "get",
    path: "/api/observability/ping",
    summary: "Whether the API answers",
    access: "public",
    answer: z.object({ success: z.literal(true), message: z.literal("pong"), timestamp: isoDate }),
    does: now,
    in: () => undefined,
    out: (timestamp) => ({ success: true as const, message: "pong" as const, timestamp: timestamp.toISOString() }),
  }),
  openRow({
    method: "get",
    path: "/api/observability/health",
    summary: "Whether the database and the queues answer; 503 when one does not",
    access: "public",
    answer: envelope(
      z.object({
        status: z.literal("healthy"),
        uptime: z.object({ seconds: z.int(), formatted: z.string() }),
        memory: z.object({ rss: z.string(), heapTotal: z.string(), heapUsed: z.string(), external: z.string() }),
        database: link,
        queues: link,
        instances: z.object({ total: z.int(), active: z.int() }),
      }),
    ),
    does: health,
    in: () => undefined,
    out: ({ uptimeSeconds, memory, instances }) =>
      enveloped({
        status: "healthy" as const,
        uptime: { seconds: uptimeSeconds, formatted: duration(uptimeSeconds) },
        memory: {
          rss: megabytes(memory.rss),
          heapTotal: megabytes(memory.heapTotal),
          heapUsed: megabytes(memory.heapUsed),
          external: megabytes(memory.external),
        },
        database: { status: "connected" as const },
        queues: { status: "connected" as const },
        instances,
      }),
  }),
];
