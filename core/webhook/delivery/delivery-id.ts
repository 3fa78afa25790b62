import { hash } from "node:crypto";

/**
 * Returns the id of the delivery of an event to an endpoint, a UUIDv8 (RFC 9562, section 5.8). Receivers see it as
 * `webhook-id`. A worker that attempts the delivery again after a crash finds the same id without a stored row.
 *
 * The first 48 bits are those of the event's id, a UUIDv7, so that ids sort by time: `prune` and the index need that. The
 * rest is the beginning of the SHA-256 of `<event id> <endpoint id>`, both in lowercase with hyphens, in which the version
 * follows the 48 bits, and the variant replaces the 13th and the 14th bit.
 */
export function deliveryIdOf(eventId: string, endpointId: string): string {
  const event = eventId.toLowerCase();
  const digest = hash("sha256", `${event} ${endpointId.toLowerCase()}`);
  const variant = (8 | (Number.parseInt(digest.charAt(3), 16) & 3)).toString(16);
  return `${event.slice(0, 13)}-8${digest.slice(0, 3)}-${variant}${digest.slice(4, 7)}-${digest.slice(7, 19)}`;
}
