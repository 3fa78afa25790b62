import * as z from "zod";

/** The years that ISO 8601, JavaScript and Postgres write alike, in UTC. */
const first = Date.parse("0001-01-01T00:00:00.000Z");
const last = Date.parse("9999-12-31T23:59:59.999Z");

/** Whether the time in milliseconds is in the years 1 to 9999, in UTC. */
export const isInRange = (ms: number) => ms >= first && ms <= last;

const outOfRange = "must be in the years 1 to 9999, in UTC";

/** An instant in a request: ISO 8601 with an offset, in the years 1 to 9999 in UTC. */
export const instant = z.iso.datetime({ offset: true }).refine((text) => isInRange(Date.parse(text)), outOfRange);

/** The instant in a request as a date. */
export const instantDate = instant.transform((text) => new Date(text));

/** A time in a request with or without an offset. Without one, the time is in UTC or in a time zone that the caller knows. */
export const localOrInstant = z
  .union([z.iso.datetime({ offset: true, local: true }), z.iso.datetime({ offset: true, local: true, precision: -1 })])
  .refine((text) => isInRange(Date.parse(hasOffset(text) ? text : `${text}Z`)), outOfRange);

export const hasOffset = (text: string) => /(?:Z|[+-]\d\d:?\d\d)$/i.test(text);

/** The end of the whole days of the range. */
const lastMidnight = Date.parse("9999-12-31T00:00:00.000Z");

/** Returns the nearest time that can limit a range: queries round it up to whole days. */
export const nearestInstant = (ms: number) => new Date(Math.min(Math.max(ms, first), lastMidnight));
