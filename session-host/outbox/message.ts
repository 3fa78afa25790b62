import type { AppendedEvent } from "../../core/event/append.ts";
import type { EventEnvelope, EventType } from "../../core/event/catalog/index.ts";
import type { QueueMessage } from "../../core/queue/index.ts";

/** An event that is to be sent. */
export type OutboxEvent = AppendedEvent;

/** A row of `events` as the relay reads it. */
export interface OutboxRow {
  id: string;
  instance_id: string;
  seq: number;
  position: number;
  type: EventType;
  data: unknown;
  correlation_id: string | null;
  created_at: Date;
}

export const ofRow = (row: OutboxRow): OutboxEvent => ({
  id: row.id,
  instanceId: row.instance_id,
  seq: row.seq,
  position: row.position,
  type: row.type,
  json: JSON.stringify(row.data),
  // Events that an earlier version stored may have no correlation id.
  correlationId: row.correlation_id ?? row.id,
  at: row.created_at,
});

export function toMessage({ id, instanceId, seq, type, json, correlationId, at }: OutboxEvent): QueueMessage {
  const envelope: Omit<EventEnvelope, "data"> = {
    ...{ v: 1, id, instanceId, seq, type, correlationId },
    at: at.toISOString(),
  };
  return { body: `${JSON.stringify(envelope).slice(0, -1)},"data":${json}}`, groupId: instanceId, deduplicationId: id };
}
