import type * as z from "zod";
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
  const type = (value as { type?: unknown } | null)?.type;
  return schemaOf(type).parse(value) as WebhookEvent;
}

/** Schemas of whole events, by type, so that an event is parsed once. */
const schemas = new Map<unknown, z.ZodType>();

/** Returns the schema of events of a type, or the schema of the envelope for an unknown type, which refuses the event. */
function schemaOf(type: unknown): z.ZodType {
  const known = schemas.get(type);
  if (known) return known;
  if (typeof type !== "string" || !Object.hasOwn(eventCatalog, type)) return eventEnvelope;
  const schema = eventEnvelope.extend({ data: eventCatalog[type as EventType].data });
  schemas.set(type, schema);
  return schema;
}
