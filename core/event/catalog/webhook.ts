import * as z from "zod";
import { defineEvent } from "./define.ts";

export const disabled = defineEvent({
  type: "webhook.disabled",
  summary: "A webhook endpoint was disabled because it failed for days",
  data: z.object({
    url: z.string(),
    /** When the failures began. */
    failingSince: z.iso.datetime(),
    /** Consecutive failures. A probe counts as one, even if it attempts two deliveries. */
    failures: z.number().int(),
  }),
});
