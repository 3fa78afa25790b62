import { systemIds } from "../../../core/id.ts";
import { openDependencies } from "../../../functions/dependencies.ts";
import { createWebhookHandler } from "../../../functions/webhook/handler.ts";
import { now } from "../clock.ts";

export interface Work {
  instances: readonly string[];
  batches: number;
  /** Events per batch, spread over the instances in turn. */
  batchSize: number;
}

export interface Worked {
  spanMs: number;
  /** Events that the function reported as failed. */
  failed: number;
}

/** The remaining time of the Lambda. */
const context = { getRemainingTimeInMillis: () => 60_000 };
const dependencies = await openDependencies("bench", { ...process.env, ...JSON.parse(process.argv[2] ?? "{}") });
const handler = createWebhookHandler(async () => dependencies);
const numbers = new Map<string, number>();

process.on("disconnect", async () => {
  await dependencies.close();
  process.exit();
});
process.on("message", async ({ instances, batches, batchSize }: Work) => {
  let failed = 0;
  const queued = Array.from({ length: batches }, () => batchOf(instances, batchSize));
  const startedAt = now();
  for (const batch of queued) failed += (await handler(batch as never, context)).batchItemFailures.length;
  process.send?.({ spanMs: now() - startedAt, failed } satisfies Worked);
});

function batchOf(instances: readonly string[], size: number) {
  return {
    Records: Array.from({ length: size }, (_, index) => {
      const instanceId = instances[index % instances.length] ?? "";
      const seq = (numbers.get(instanceId) ?? 0) + 1;
      numbers.set(instanceId, seq);
      const id = systemIds.uuid();
      const data = {
        messageId: systemIds.messageId(),
        chatId: "4915550000002@s.whatsapp.net",
        type: "text",
        protoType: "conversation",
        body: `text ${seq}`,
        timestamp: Math.floor(Date.now() / 1000),
        media: null,
        quoted: null,
        mentions: [],
        senderId: "4915550000002@s.whatsapp.net",
        senderLid: null,
        pushName: "Bob",
        isGroup: false,
        to: "4915550000001@s.whatsapp.net",
      };
      const event = { v: 1, id, instanceId, seq, type: "message.received", data, correlationId: null };
      return { messageId: id, body: JSON.stringify({ ...event, at: new Date().toISOString() }) };
    }),
  };
}
