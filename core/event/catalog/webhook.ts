import * as z from "zod";
import { defineEvent } from "./define.ts";

export const disabled = defineEvent({
  type: "webhook.disabled",
  summary: "The webhook was switched off: its endpoint has failed for days",
  data: z.object({
    url: z.string(),
    /** Since when nothing has succeeded. */
    failingSince: z.iso.datetime(),
    /** In a row; a probe counts once. */
    failures: z.number().int(),
  }),
});
