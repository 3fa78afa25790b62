import { createHash } from "node:crypto";

/**
 * Returns the id of an event that WhatsApp may report more than once: a UUIDv8 (RFC 9562) derived from the instance and
 * from the parts that identify the event within it. Equal parts give the same id, so the event is appended only once.
 */
export function derivedEventId(instanceId: string, ...parts: readonly string[]): string {
  const bytes = createHash("sha256")
    .update(JSON.stringify([instanceId, ...parts]))
    .digest()
    .subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
