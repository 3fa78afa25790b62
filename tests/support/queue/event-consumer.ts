import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { CreateQueueCommand } from "@aws-sdk/client-sqs";
import { endpointCredentials } from "../../../core/config.ts";
import type { EventType } from "../../../core/event/catalog/index.ts";
import { publicEvent } from "../../../core/event-sink/envelope.ts";
import { openQueues } from "../../../core/queue/index.ts";
import type { Gateway } from "../../../local/gateway/index.ts";
import { until } from "../until.ts";

export interface QueuedEvent {
  v: 1;
  id: string;
  instanceId: string;
  seq: number;
  type: EventType;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into the data of every type
  data: any;
  correlationId: string | null;
  at: string;
}

/** The consumer example of the docs, running in a separate process. */
export interface EventConsumer {
  /** The events that the consumer printed. Each matches its schema exactly. */
  events: QueuedEvent[];
  of(instanceId: string): QueuedEvent[];
  waitFor(matches: (event: QueuedEvent) => boolean, timeoutMs?: number): Promise<QueuedEvent>;
  stop(): Promise<void>;
}

const example = fileURLToPath(new URL("../../../docs/examples/consume-events.mjs", import.meta.url));

/** Creates a FIFO queue in the SQS of a gateway. */
export async function makeQueue({ config }: Gateway, name: string): Promise<void> {
  const { client } = openQueues(config);
  const Attributes = { FifoQueue: "true", VisibilityTimeout: "5" };
  await client.send(new CreateQueueCommand({ QueueName: name, Attributes }));
  client.destroy();
}

export function startConsumer({ config }: Gateway, queue: string): EventConsumer {
  const { accessKeyId, secretAccessKey } = endpointCredentials(config);
  const child = spawn(process.execPath, [example], {
    env: {
      PATH: process.env.PATH ?? "",
      EVENT_QUEUE: queue,
      AWS_ENDPOINT_URL_SQS: config.SQS_ENDPOINT,
      AWS_REGION: config.AWS_REGION,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  const events: QueuedEvent[] = [];
  const problems: unknown[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => {
    try {
      const event = JSON.parse(line) as QueuedEvent;
      const schema = publicEvent(event.type);
      schema.extend({ data: schema.shape.data.strict() }).strict().parse(event);
      events.push(event);
    } catch (error) {
      problems.push(error);
    }
  });
  return {
    events,
    of: (instanceId) => events.filter((event) => event.instanceId === instanceId),
    waitFor: (matches, timeoutMs) =>
      until(async () => {
        if (problems.length > 0) throw new AggregateError(problems, "an event does not match its schema");
        if (child.exitCode !== null) throw new Error(`the consumer exited with ${child.exitCode}`);
        return events.find(matches);
      }, timeoutMs),
    stop: async () => {
      child.kill("SIGTERM");
      const [code] = await ended;
      if (code !== 0) throw new Error(`the consumer exited with ${code}`);
    },
  };
}
