import * as z from "zod";
import type { Vault } from "../crypto/index.ts";
import { sealedPlace } from "../crypto/sealed-place.ts";
import { type EventType, eventCatalog } from "../event/catalog/index.ts";

/** The public fields that replace sealed ones. */
const openedFields = {
  "connection.qr": {
    /** The text to show as a QR code. Null if the code has expired. */
    qr: z.string().nullable(),
  },
} as const satisfies Partial<Record<EventType, z.ZodRawShape>>;

/**
 * Returns the schema of an event's data on a queue: what `GET /api/instances/{id}/events` returns, plus the QR code.
 */
export function publicData(type: EventType): z.ZodObject {
  const { data, sealed = [] } = eventCatalog[type];
  const shown = Object.entries(data.shape).filter(([field]) => !sealed.includes(field));
  return z.object({
    ...Object.fromEntries(shown),
    ...(openedFields as Partial<Record<EventType, z.ZodRawShape>>)[type],
  });
}

/** One event on a queue, version 1. It is the body of a message whose message group is the instance. */
export function publicEvent(type: EventType) {
  return z.object({
    v: z.literal(1),
    /** The same each time the event is sent, so that a receiver recognizes a repeat. */
    id: z.uuid(),
    instanceId: z.uuid(),
    /**
     * Numbers the events of an instance: 1, 2, 3 … without gaps. A queue that is set later starts at a higher number.
     */
    seq: z.int().positive(),
    type: z.literal(type),
    data: publicData(type),
    /**
     * The correlation id, as in API responses (`x-request-id`), replies and logs: the id of the request, queue message,
     * or WhatsApp message or stanza that led to the event, otherwise the event's own id.
     */
    correlationId: z.string().nullable(),
    at: z.iso.datetime(),
    /** The instance's `metadata` when the event was sent. Absent if it has none. */
    metadata: z.record(z.string(), z.string()).optional(),
  });
}

/** An event as a row of the event log. */
export interface LogRow {
  id: string;
  instance_id: string;
  seq: number;
  type: string;
  data: Record<string, unknown>;
  correlation_id: string | null;
  created_at: Date;
  /** The pairs of the instance's user. */
  metadata?: Record<string, string> | null;
}

const isEventType = (type: string): type is EventType => Object.hasOwn(eventCatalog, type);

/**
 * Returns the body that announces an event on a queue. Returns null for a type that this version does not know, because
 * the secret fields of an unknown type are also unknown.
 */
export function publicBody(row: LogRow, vault: Vault, now: Date): string | null {
  if (!isEventType(row.type)) return null;
  const { sealed = [] } = eventCatalog[row.type];
  const data = Object.fromEntries(Object.entries(row.data).filter(([field]) => !sealed.includes(field)));
  if (row.type === "connection.qr") data.qr = openQr(row, vault, now);
  const envelope = {
    v: 1,
    id: row.id,
    instanceId: row.instance_id,
    seq: row.seq,
    type: row.type,
    data,
    correlationId: row.correlation_id,
    at: row.created_at.toISOString(),
    ...(row.metadata && { metadata: row.metadata }),
  };
  return JSON.stringify(envelope);
}

/** Returns null for an expired QR code. The code is useless, and the key that decrypts it may no longer exist. */
function openQr(row: LogRow, vault: Vault, now: Date): string | null {
  const { sealedQr, expiresAt } = row.data as { sealedQr: string; expiresAt: string };
  if (new Date(expiresAt) <= now) return null;
  return vault.open(Buffer.from(sealedQr, "base64"), sealedPlace.qr(row.instance_id)).toString();
}
