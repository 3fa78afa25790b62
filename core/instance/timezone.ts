import * as z from "zod";
import { AppError } from "../error.ts";
import { hasOffset } from "../instant.ts";

/** The name of an IANA time zone, such as `Europe/Berlin`. Offsets such as `+02:00` are no names. */
export const timeZoneName = z
  .string()
  .max(64)
  .refine(
    (name) => /^[A-Za-z]/.test(name) && isTimeZone(name),
    "must be the name of an IANA time zone, such as Europe/Berlin",
  );

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

/** Returns how far the clocks of a time zone are ahead of UTC, in milliseconds. */
function offsetAt(instant: number, timeZone: string): number {
  const parts = new Intl.DateTimeFormat("en-US", {
    ...{ timeZone, hourCycle: "h23", era: "short" },
    ...{ year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric" },
  }).formatToParts(instant);
  const of = (type: Intl.DateTimeFormatPartTypes) => Number(parts.find((part) => part.type === type)?.value);
  const shown = Date.UTC(of("year"), of("month") - 1, of("day"), of("hour"), of("minute"), of("second"));
  return shown - Math.floor(instant / 1000) * 1000;
}

const dayMs = 24 * 60 * 60 * 1000;

/**
 * Returns the instant of a time. Without an offset, it is a time of the time zone: the first one if clocks are set back,
 * and later by the change if clocks skip it. Without a time zone, it is UTC.
 */
export function instantOf(text: string, timeZone: string | null): Date {
  if (hasOffset(text)) return new Date(text);
  const local = new Date(`${text}Z`).getTime();
  if (timeZone === null) return new Date(local);
  const before = offsetAt(local - dayMs, timeZone);
  const after = offsetAt(local + dayMs, timeZone);
  const exists = (offset: number) => offsetAt(local - offset, timeZone) === offset;
  return new Date(local - (exists(before) || !exists(after) ? before : after));
}

/** Returns the instant of `sendAt`. Throws `invalid_request` for a time without an offset if there is no time zone. */
export function sendTime(text: string, timeZone: string | null): Date {
  if (timeZone !== null || hasOffset(text)) return instantOf(text, timeZone);
  const details = "sendAt: must have an offset, such as Z or +02:00, because the instance has no timezone";
  throw new AppError("invalid_request", details);
}

/** Returns the day of an instant in a time zone, as `2026-12-31`, and when the next day begins there. */
export function dayOf(instant: Date, timeZone: string | null): { day: string; end: Date } {
  const local = instant.getTime() + (timeZone === null ? 0 : offsetAt(instant.getTime(), timeZone));
  const dayText = (ms: number) => new Date(ms).toISOString().slice(0, 10);
  const day = dayText(local);
  return { day, end: instantOf(`${dayText(Date.parse(day) + dayMs)}T00:00:00`, timeZone) };
}
