import * as z from "zod";
import { instant } from "../../../instant.ts";
import { recipient } from "../../../message/recipient.ts";
import { defineCommand } from "../define.ts";
import { checkContext, contextFields, sent } from "./fields.ts";

/**
 * What a calendar event is for. WhatsApp has no field for it, and the caller's texts stay unchanged, so recipients
 * don't see it. The gateway stores the type with the message, and the API returns it.
 */
export const eventTypes = ["birthday", "appointment", "meeting", "reminder", "custom"] as const;

/** Characters. These limits are Switchboard's own, because WhatsApp states no limits. */
const eventBounds = { name: 255, description: 4096, place: 255, address: 1024 } as const;

const line = (maxLength: number) => z.string().trim().min(1).max(maxLength);

/** WhatsApp's times are whole seconds. */
const secondsOf = (text: string) => Math.floor(Date.parse(text) / 1000);

/** A place: its name, or name, address and coordinates in degrees (WGS 84). */
const place = z.union([
  line(eventBounds.place),
  z
    .object({
      name: line(eventBounds.place),
      address: line(eventBounds.address).optional(),
      latitude: z.number().min(-90).max(90).optional(),
      longitude: z.number().min(-180).max(180).optional(),
    })
    .refine(({ latitude, longitude }) => (latitude === undefined) === (longitude === undefined), {
      message: "give both latitude and longitude, or neither",
    }),
]);

/**
 * A calendar event that people can answer with going, not going or maybe. The event has an end only if `endTime` is
 * given.
 */
export const sendEvent = defineCommand({
  name: "message.sendEvent",
  kind: "send",
  summary: "Send a calendar event that recipients can respond to",
  input: z
    .object({
      to: recipient,
      event: z.enum(eventTypes),
      name: line(eventBounds.name),
      description: z.string().max(eventBounds.description).optional(),
      location: place.optional(),
      /** Like WhatsApp, this accepts a time in the past. */
      startTime: instant,
      endTime: instant.optional(),
      /** Whether guests may bring others. */
      extraGuestsAllowed: z.boolean().optional(),
      ...contextFields,
    })
    .refine((input) => input.endTime === undefined || secondsOf(input.endTime) > secondsOf(input.startTime), {
      path: ["endTime"],
      message: "must be after startTime",
    }),
  output: sent,
  errors: ["recipient_not_on_whatsapp", "message_not_found", "whatsapp_error"],
  precheck: checkContext,
  preview: ({ to, name: body }) => ({ to, type: "event", protoType: "eventMessage", body }),
});
