import * as z from "zod";
import { defineEvent } from "./define.ts";

export const parked = defineEvent({
  type: "event.parked",
  summary: "An event was skipped, because a queue never accepts it. The event log still has it",
  data: z.object({
    /** Id, number and type of the event that was skipped. */
    eventId: z.uuid(),
    sequence: z.int().positive(),
    eventType: z.string(),
    /** `event_queue`: the gateway's queue, so no webhook has the event. `own_queue`: the queue of the instance or user. */
    destination: z.enum(["event_queue", "own_queue"]),
    /** The error of the queue. */
    reason: z.string(),
  }),
});
