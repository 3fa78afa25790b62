import { expect, test } from "vitest";
import { dayOf, instantOf, timeZoneName } from "../../../core/instance/timezone.ts";

test.each([
  ["with an offset, the offset counts", "2026-07-01T09:00:00+05:00", "Europe/Berlin", "2026-07-01T04:00:00Z"],
  ["in UTC, the offset counts", "2026-07-01T09:00Z", "Europe/Berlin", "2026-07-01T09:00:00Z"],
  ["in summer", "2026-07-01T09:00", "Europe/Berlin", "2026-07-01T07:00:00Z"],
  ["in winter", "2026-12-01T09:00:30", "Europe/Berlin", "2026-12-01T08:00:30Z"],
  ["twice, because clocks are set back: the first one", "2026-10-25T02:30", "Europe/Berlin", "2026-10-25T00:30:00Z"],
  ["never, because clocks skip it: later", "2026-03-29T02:30", "Europe/Berlin", "2026-03-29T01:30:00Z"],
  ["with half an hour", "2026-01-01T00:00", "Asia/Kolkata", "2025-12-31T18:30:00Z"],
  ["far ahead of UTC", "2026-01-01T00:00", "Pacific/Kiritimati", "2025-12-31T10:00:00Z"],
  ["without a time zone", "2026-07-01T09:00", null, "2026-07-01T09:00:00Z"],
])("reads a time %s", (_name, text, timeZone, expected) => {
  expect(instantOf(text, timeZone)).toEqual(new Date(expected));
});

test.each([
  ["2026-06-30T21:59:59Z", "Europe/Berlin", "2026-06-30", "2026-06-30T22:00:00Z"],
  ["2026-06-30T22:00:00Z", "Europe/Berlin", "2026-07-01", "2026-07-01T22:00:00Z"],
  ["2026-10-25T10:00:00Z", "Europe/Berlin", "2026-10-25", "2026-10-25T23:00:00Z"],
  ["2026-06-30T23:00:00Z", "America/New_York", "2026-06-30", "2026-07-01T04:00:00Z"],
  ["2026-06-30T23:00:00Z", null, "2026-06-30", "2026-07-01T00:00:00Z"],
])("the day of %s in %s is %s and ends at %s", (instant, timeZone, day, end) => {
  expect(dayOf(new Date(instant), timeZone)).toEqual({ day, end: new Date(end) });
});

test("accepts names of time zones only", () => {
  const accepted = (name: string) => timeZoneName.safeParse(name).success;
  expect(["Europe/Berlin", "UTC", "America/Argentina/Buenos_Aires"].every(accepted)).toBe(true);
  expect(["Europe/Atlantis", "+02:00", "", "Europe", "x".repeat(65)].some(accepted)).toBe(false);
});
