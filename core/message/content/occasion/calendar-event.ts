import * as z from "zod";
import { defineContent } from "../define.ts";
import { coordinates } from "../field.ts";

export const calendarEvent = defineContent({
  kind: "event",
  summary: "A calendar event",
  schema: z.object({
    kind: z.literal("event"),
    name: z.string(),
    description: z.string().nullable(),
    location: z.object({ name: z.string().nullable(), address: z.string().nullable(), ...coordinates }).nullable(),
    /** ISO 8601. */
    startTime: z.iso.datetime().nullable(),
    endTime: z.iso.datetime().nullable(),
    /** The link to the call of the event. */
    joinLink: z.string().nullable(),
    isCall: z.boolean(),
    isCanceled: z.boolean(),
    extraGuestsAllowed: z.boolean(),
    /** How many seconds before the start the app reminds. Null without a reminder. */
    reminderSeconds: z.number().int().nullable(),
  }),
  text: ({ name }) => name,
  protobuf: ({ name, joinLink }) => ({ name, joinLink }),
});
