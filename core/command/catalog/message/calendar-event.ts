import * as z from "zod";
import { recipient } from "../../../message/recipient.ts";
import { defineCommand } from "../define.ts";
import { checkQuoted, contextFields, sent } from "./fields.ts";

/**
 * What an event is for. WhatsApp's own event has no such thing, and the texts are the caller's: nothing is added to them. So
 * recipients do not see the type; it is kept with the message, and the answer says it.
 */
export const eventTypes = ["birthday", "appointment", "meeting", "reminder", "custom"] as const;
export type EventKind = (typeof eventTypes)[number];

/** Characters. Bounds of ours: WhatsApp states none. */
export const eventBounds = { name: 255, description: 4096, place: 255, address: 1024 } as const;

const line = (longest: number) => z.string().trim().min(1).max(longest);

/** With the time zone. One of the past is taken, as WhatsApp does. */
const instant = z.iso.datetime({ offset: true });
/** WhatsApp counts whole seconds. */
const secondsOf = (text: string) => Math.floor(Date.parse(text) / 1000);

/** A place by its name alone, or with its address and where it is on the map, in degrees (WGS 84). */
const place = z.union([
  line(eventBounds.place),
  z
    .object({
      name: line(eventBounds.place),
      address: line(eventBounds.address).optional(),
      latitude: z.number().min(-90).max(90).optional(),
      longitude: z.number().min(-180).max(180).optional(),
    })
    .refine((one) => (one.latitude === undefined) === (one.longitude === undefined), {
      message: "give both latitude and longitude, or neither",
    }),
]);

/** An event that people can answer to: going, not going, maybe. Without `endTime` it has none, whatever its type. */
export const sendEvent = defineCommand({
  name: "message.sendEvent",
  kind: "send",
  summary: "Send an event that its recipients can answer to",
  input: z
    .object({
      to: recipient,
      event: z.enum(eventTypes),
      name: line(eventBounds.name),
      description: z.string().max(eventBounds.description).optional(),
      location: place.optional(),
      startTime: instant,
      endTime: instant.optional(),
      /** Whether those who come may bring others. */
      extraGuestsAllowed: z.boolean().optional(),
      ...contextFields,
    })
    .refine((input) => input.endTime === undefined || secondsOf(input.endTime) > secondsOf(input.startTime), {
      path: ["endTime"],
      message: "must be after startTime",
    }),
  output: sent,
  errors: ["recipient_not_on_whatsapp", "message_not_found", "whatsapp_error"],
  precheck: checkQuoted,
  preview: ({ to, name: body }) => ({ to, type: "event", protoType: "eventMessage", body }),
});
