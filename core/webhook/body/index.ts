import type { BodyContext, FileLink } from "./context.ts";
import type { WebhookEvent } from "./event.ts";
import { gatewayBody } from "./gateway.ts";
import { multiInstanceBody } from "./multi-instance.ts";

/**
 * The body that announces an event, as JSON text, or null when the instance is not to be told: it switched this kind off, or
 * its dialect has no such event. The text is exactly what `JSON.stringify(JSON.parse(text))` gives, so that a receiver
 * that has only the parsed body can still verify its signature.
 *
 * `link` leads to the file of a message, if it has one. The file of one that came in is fetched from WhatsApp after its
 * event, so for the first seconds there may be nothing behind the link (404). The lasting way to a file is
 * `GET /api/instances/{instanceId}/messages/{messageId}/media`.
 */
export function webhookBody(event: WebhookEvent, context: BodyContext, link: FileLink | null): string | null {
  if (!wanted(event, context)) return null;
  const body =
    context.dialect === "gateway" ? gatewayBody(event, context, link) : multiInstanceBody(event, context, link);
  return body && JSON.stringify(body);
}

/**
 * That a message could not be sent belongs to what the sender wants to know of sending. What has no switch is always told:
 * connections, groups and calls.
 */
function wanted(event: WebhookEvent, context: BodyContext): boolean {
  switch (event.type) {
    case "message.received":
    case "status.received":
      return context.notifyReceived;
    // What the owner does on the phone is told with what they write there.
    case "poll.voted":
    case "event.answered":
      return event.data.fromMe ? context.notifySent : context.notifyReceived;
    case "message.sent":
    case "message.failed":
      return context.notifySent;
    case "message.delivered":
      return context.notifyDelivery;
    case "message.read":
      return context.notifyRead;
    default:
      return true;
  }
}
