import { type EventData, type EventType, eventCatalog, eventEnvelope } from "../../event/catalog/index.ts";

/** An event from the event queue, validated. */
export type WebhookEvent = {
  [Type in EventType]: {
    id: string;
    instanceId: string;
    seq: number;
    type: Type;
    data: EventData<Type>;
    correlationId: string | null;
    at: string;
  };
}[EventType];

/** Parses the body of a record of the event queue. Throws if it is not JSON or does not match the event's schema. */
export function parseEvent(body: string): WebhookEvent {
  const envelope = eventEnvelope.parse(JSON.parse(body));
  const data = eventCatalog[envelope.type].data.parse(envelope.data);
  return { ...envelope, data } as WebhookEvent;
}
