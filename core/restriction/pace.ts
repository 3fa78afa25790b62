import * as z from "zod";
import type { OwnPace, Pace } from "./restriction.sql.ts";

/**
 * How many people per day an instance writes to for the first time by default: as many as WhatsApp lets a new business
 * reach in 24 hours outside of conversations that people began
 * (https://developers.facebook.com/documentation/business-messaging/whatsapp/messaging-limits).
 */
const defaultNewContacts = 250;

/**
 * The pace of an instance without own settings. It never delays an answer, or a message to a known chat. The jitter
 * applies to slow bulks, and to gaps.
 */
export const defaultPace: Pace = {
  perMinute: null,
  newContactsPerDay: defaultNewContacts,
  minGapMs: 0,
  jitter: 0.3,
  typing: false,
};

/** The `pace` of an instance, in requests. Null is the default. Replaces the whole setting. */
export const paceSetting = z
  .strictObject({
    perMinute: z.int().min(1).max(60_000).nullish(),
    newContactsPerDay: z.int().min(0).max(1_000_000).nullish(),
    minGapMs: z.int().min(0).max(600_000).optional(),
    jitter: z.number().min(0).max(1).optional(),
    typing: z.boolean().optional(),
  })
  .nullish()
  .meta({
    description:
      "How fast the instance sends. perMinute: maximum number of messages per minute, also for bulks. newContactsPerDay: maximum number of people per day (of the instance's timezone) to whom the account writes for the first time; null means no limit. minGapMs: minimum time between two messages. jitter: by which part gaps vary, 0 to 1. typing: show “typing…” before texts. null: the defaults, which are 250 new contacts per day, no other limits, and a jitter of 0.3",
  });

/** The `pace` of an instance, in responses. */
export const shownPace = z.object({
  perMinute: z.int().nullable(),
  newContactsPerDay: z.int().nullable(),
  minGapMs: z.int(),
  jitter: z.number(),
  typing: z.boolean(),
});

/** Returns the pace with these settings. */
export const paceOf = (own: OwnPace | null): Pace => ({
  ...defaultPace,
  ...Object.fromEntries(Object.entries(own ?? {}).filter(([, value]) => value !== undefined)),
});
