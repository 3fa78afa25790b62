import { type EventData, type EventType, eventCatalog, eventEnvelope } from "../../event/catalog/index.ts";
import { readJson } from "../../json.ts";

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

/**
 * Parses the body of a record of the event queue. Throws if it is not JSON, is nested too deep, or does not match the
 * event's schema.
 */
export function parseEvent(body: string): WebhookEvent {
  const { value, error } = readJson(body, "event");
  if (error) throw error;
  const envelope = eventEnvelope.parse(value);
  const data = eventCatalog[envelope.type].data.parse(envelope.data);
  return { ...envelope, data } as WebhookEvent;
}
