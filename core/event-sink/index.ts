import type { Database } from "../db/index.ts";

export interface SinkState {
  /** The name or the URL of the queue. */
  queue: string;
  /** Events that it has not got yet. */
  waiting: number;
  /** Since when it has taken nothing; null when it took the last. */
  failingSince: Date | null;
  /** What SQS said last; null when it took the last. */
  error: string | null;
}

/** How the events of an instance get to the queue that is set for it or its user; null when none is. */
export async function readSink(db: Database, instanceId: string): Promise<SinkState | null> {
  const [row] = await db.sql<SinkState[]>`
    select s.queue, (i.event_seq - s.sent_seq)::float8 as waiting, s.failing_since as "failingSince", s.error
    from event_sinks s join instances i on i.id = s.instance_id where s.instance_id = ${instanceId}`;
  return row ?? null;
}
