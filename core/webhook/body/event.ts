import { type EventData, type EventType, eventCatalog, eventEnvelope } from "../../event/catalog/index.ts";

/** An event as it comes off the event queue, checked. */
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

/** Reads the body of a record of the event queue. Throws when it is not JSON or does not fit the event's declaration. */
export function parseEvent(body: string): WebhookEvent {
  const envelope = eventEnvelope.parse(JSON.parse(body));
  const data = eventCatalog[envelope.type].data.parse(envelope.data);
  return { ...envelope, data } as WebhookEvent;
}
