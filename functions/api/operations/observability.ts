import { GetQueueAttributesCommand } from "@aws-sdk/client-sqs";
import { AppError } from "../../../core/error.ts";
import { countInstances } from "../../../core/instance/store.ts";
import { commandQueue } from "../../../core/queue/index.ts";
import type { Context } from "../context.ts";

export const now = async (context: Context) => context.deps.clock.now();

/** A health check that hangs is no better than one that fails. */
const checkMs = 3_000;

export interface Health {
  uptimeSeconds: number;
  memory: NodeJS.MemoryUsage;
  instances: { total: number; active: number };
}

/** Asks the database and the queues. Throws `unavailable` with the same report in `data` when one does not answer. */
export async function health(context: Context): Promise<Health> {
  const { db, queues, log } = context.deps;
  const abortSignal = AbortSignal.timeout(checkMs);
  const [instances, queue] = await Promise.allSettled([
    within(checkMs, countInstances(db)),
    queues
      .url(commandQueue(0))
      .then((QueueUrl) =>
        queues.client.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["QueueArn"] }), { abortSignal }),
      ),
  ]);
  const figures = { uptimeSeconds: Math.floor(process.uptime()), memory: process.memoryUsage() };
  if (instances.status === "fulfilled" && queue.status === "fulfilled") {
    return { ...figures, instances: instances.value };
  }
  const broken: string[] = [];
  for (const [name, check] of Object.entries({ database: instances, queues: queue })) {
    if (check.status === "fulfilled") continue;
    broken.push(name);
    log.error({ err: check.reason }, `the health check of the ${name} failed`);
  }
  throw new AppError("unavailable", `not reachable: ${broken.join(", ")}`, {
    data: {
      data: {
        status: "unhealthy",
        database: { status: instances.status === "fulfilled" ? "connected" : "disconnected" },
        queues: { status: queue.status === "fulfilled" ? "connected" : "disconnected" },
      },
    },
  });
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}
