import * as z from "zod";
import { defineContent } from "../define.ts";

export const masked = defineContent({
  kind: "masked",
  summary: "A message that WhatsApp shows on the phone only, such as a one-time code",
  schema: z.object({ kind: z.literal("masked"), reason: z.enum(["oneTimeCode", "unknown"]) }),
  text: ({ reason }) =>
    reason === "oneTimeCode"
      ? "You received a one-time code. For security, only the phone shows it."
      : "Only the phone shows this message.",
});
