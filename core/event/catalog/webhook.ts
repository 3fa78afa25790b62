import * as z from "zod";
import { defineEvent } from "./define.ts";

export const disabled = defineEvent({
  type: "webhook.disabled",
  summary: "A webhook endpoint was disabled because it failed for days",
  data: z.object({
    /** The first endpoint of an instance has the id of the instance. Absent in events of version 0.1. */
    endpointId: z.string().optional(),
    url: z.string(),
    /** When the failures began. */
    failingSince: z.iso.datetime(),
    /** Consecutive failures. A probe counts as one, even if it attempts two deliveries. */
    failures: z.number().int(),
  }),
});
