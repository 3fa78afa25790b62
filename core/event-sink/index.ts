import type { Database } from "../db/index.ts";

export interface SinkState {
  /** The name or the URL of the queue. */
  queue: string;
  /** Events that are not sent yet. */
  waiting: number;
  /** When the current failures began; null after a success. */
  failingSince: Date | null;
  /** The last error of SQS; null after a success. */
  error: string | null;
}

/** Returns the state of the event queue of an instance or of its user; null if none is set. */
export async function readSink(db: Database, instanceId: string): Promise<SinkState | null> {
  const [row] = await db.sql<SinkState[]>`
    select s.queue, (i.event_seq - s.sent_seq)::float8 as waiting, s.failing_since as "failingSince", s.error
    from event_sinks s join instances i on i.id = s.instance_id where s.instance_id = ${instanceId}`;
  return row ?? null;
}
