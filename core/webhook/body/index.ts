import type { BodyContext, FileLink, NotifySettings } from "./context.ts";
import type { WebhookEvent } from "./event.ts";
import { gatewayBody } from "./gateway.ts";
import { multiInstanceBody } from "./multi-instance.ts";

/**
 * Returns the body that announces an event, as JSON text. Returns null if the settings of the instance turn off this
 * kind of event, or if its dialect has no such event. The text equals `JSON.stringify(JSON.parse(text))`, so that a
 * receiver that has only the parsed body can verify the signature.
 *
 * `link` is the URL of the message's file, if the message has a file. The session host fetches the file of a received
 * message after the event, and the link waits for it (`functions/api/operations/media.ts`). For permanent access, use
 * `GET /api/instances/{instanceId}/messages/{messageId}/media`.
 */
export function webhookBody(event: WebhookEvent, context: BodyContext, link: FileLink | null): string | null {
  return isEnabled(event, context) ? bodyOf(event, context, link) : null;
}

/** Returns the body that announces an event, whatever the settings, or null if the dialect has no such event. */
export function bodyOf(event: WebhookEvent, context: BodyContext, link: FileLink | null): string | null {
  const body =
    context.dialect === "gateway" ? gatewayBody(event, context, link) : multiInstanceBody(event, context, link);
  const { metadata } = context;
  return body && JSON.stringify(metadata ? { ...body, metadata } : body);
}

/**
 * Whether the settings of the instance turn on this kind of event. `message.failed` follows `notifySent`. Events of
 * connections, groups and calls have no setting and are always sent.
 */
export function isEnabled(event: WebhookEvent, context: NotifySettings): boolean {
  switch (event.type) {
    case "message.received":
    case "status.received":
      return context.notifyReceived;
    // What the owner does on the phone, and its files, follow the setting for sent messages.
    case "message.edited":
    case "message.deleted":
    case "message.reaction":
    case "message.pinned":
    case "message.kept":
    case "media.stored":
    case "media.failed":
    case "message.response":
    case "poll.voted":
    case "event.answered":
    case "message.unreadable":
      return event.data.fromMe ? context.notifySent : context.notifyReceived;
    case "message.sent":
    case "message.failed":
      return context.notifySent;
    case "message.delivered":
      return context.notifyDelivery;
    case "message.read":
    case "message.played":
      return context.notifyRead;
    default:
      return true;
  }
}
