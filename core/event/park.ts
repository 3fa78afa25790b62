import type postgres from "postgres";
import { boundText, maxBytes } from "../bound.ts";
import type { Logger } from "../log.ts";
import { appendEvents } from "./append.ts";
import type { EventData } from "./catalog/index.ts";
import { derivedEventId } from "./derived-id.ts";

/** An event that a queue never accepts. */
export interface ParkedEvent {
  id: string;
  instanceId: string;
  seq: number;
  type: string;
  /** The error of the queue. */
  reason: string;
}

/**
 * Reports events that are skipped because a queue never accepts them: appends an `event.parked` for each, and logs
 * them. Idempotent. An `event.parked` that is itself skipped is only logged.
 */
export async function reportParked(
  { sql, log }: { sql: postgres.ISql; log: Logger },
  parked: readonly ParkedEvent[],
  destination: EventData<"event.parked">["destination"],
): Promise<void> {
  if (parked.length === 0) return;
  for (const { id: eventId, instanceId, seq, type, reason } of parked)
    log.error(
      { eventId, instanceId, seq, type, destination, reason },
      "an event was parked: its queue never accepts it",
    );
  const told = parked.filter(({ type }) => type !== "event.parked");
  await appendEvents(
    sql,
    told.map(({ id: eventId, instanceId, seq: sequence, type: eventType, reason }) => ({
      type: "event.parked" as const,
      id: derivedEventId(instanceId, "parked", eventId, destination),
      instanceId,
      at: new Date(),
      data: { eventId, sequence, eventType, destination, reason: boundText(reason, maxBytes.name) },
    })),
  );
}
