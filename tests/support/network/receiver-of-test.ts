import { onTestFinished } from "vitest";
import { startWebhookReceiver, type WebhookReceiver } from "./webhook-receiver.ts";

/** Starts a webhook receiver that stops when the running test ends. */
export async function receiverOfTest(...given: Parameters<typeof startWebhookReceiver>): Promise<WebhookReceiver> {
  const receiver = await startWebhookReceiver(...given);
  onTestFinished(() => receiver.stop());
  return receiver;
}
