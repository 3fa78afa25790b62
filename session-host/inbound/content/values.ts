import { boundCount, boundText, maxBytes } from "../../../core/bound.ts";
import { maxThumbnailBytes } from "../../../core/message/content/field.ts";
import type { Scope } from "./parse.ts";

type Bytes = Uint8Array | null | undefined;
/** A number of a protobuf: `int64` fields are objects of the type Long. */
type Numeric = number | { toString(): string } | null | undefined;

/** Returns a text with at most `limit` bytes of JSON. Returns null for a missing or empty text. */
export function textOrNull(
  { noteCut }: Pick<Scope, "noteCut">,
  text: string | null | undefined,
  limit: number = maxBytes.detail,
): string | null {
  if (!text) return null;
  const bounded = boundText(text, limit);
  if (bounded.length < text.length) noteCut();
  return bounded || null;
}

/** Returns a whole number from 0, or null. */
export const countOrNull = (value: Numeric): number | null =>
  value === null || value === undefined ? null : boundCount(value);

/** Returns a whole number above 0, or null. WhatsApp's apps write 0 for an unknown size or duration. */
export const positiveOrNull = (value: Numeric): number | null => countOrNull(value) || null;

/** Returns a finite number, or null. */
export function numberOrNull(value: Numeric): number | null {
  const number = value === null || value === undefined ? Number.NaN : Number(value);
  return Number.isFinite(number) ? number : null;
}

/** Converts Unix seconds to ISO 8601. Returns null if the time is missing, or if `Date` cannot represent the time. */
export function instantOrNull(seconds: Numeric): string | null {
  const at = new Date((numberOrNull(seconds) ?? 0) * 1000);
  return at.getTime() > 0 ? at.toISOString() : null;
}

/** Returns bytes in Base64, or null if there are none or more than `limit`. */
export const base64OrNull = (bytes: Bytes, limit: number): string | null =>
  bytes?.length && bytes.length <= limit ? Buffer.from(bytes).toString("base64") : null;

/** Returns a thumbnail in Base64, or null if there is none or it is too large for an event. */
export const thumbnailOrNull = (bytes: Bytes): string | null => base64OrNull(bytes, maxThumbnailBytes);
