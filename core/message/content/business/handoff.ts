import * as z from "zod";
import { defineContent } from "../define.ts";
import { firstText } from "../parts.ts";

export const handoff = defineContent({
  kind: "handoff",
  summary: "A chat of a business moved between the WhatsApp Business app and the Cloud API",
  schema: z.object({
    kind: z.literal("handoff"),
    control: z.enum(["passed", "taken"]).nullable(),
    /** What WhatsApp shows. */
    text: z.string(),
  }),
  text: ({ text }) => firstText(text, "Chat handed over"),
  protobuf: ({ text }) => ({
    type: "CLOUD_API_THREAD_CONTROL_NOTIFICATION",
    cloudApiThreadControlNotification: { notificationContent: { handoffNotificationText: text || undefined } },
  }),
});
