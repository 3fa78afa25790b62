import { createHash, randomBytes, randomUUID } from "node:crypto";

/** The source of identifiers. The source is injected, so that tests can fix the identifiers. */
export interface Ids {
  /** UUIDv7 (RFC 9562), which sorts by creation time. */
  uuid(): string;
  /** A WhatsApp message id in the form of WhatsApp Web: `3EB0` and 18 uppercase hexadecimal digits. */
  messageId(): string;
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Whether a text has the form of our ids. Postgres refuses to compare a `uuid` with anything else. */
export const isUuid = (text: string) => uuid.test(text);

/** Returns the WhatsApp message id of a command, the same for every attempt, in the form of `Ids.messageId`. */
export function derivedMessageId(commandId: string): string {
  return `3EB0${createHash("sha256").update(commandId).digest("hex").slice(0, 18).toUpperCase()}`;
}

/**
 * Builds a UUIDv7 from a Unix time in milliseconds and the random bits of a UUIDv4 (RFC 9562, section 5.7). Node.js
 * keeps a pool of UUIDv4 ready.
 */
export function uuidv7(unixMs: number, random: string = randomUUID()): string {
  const time = unixMs.toString(16).padStart(12, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random.slice(15)}`;
}

export const systemIds: Ids = {
  uuid: () => uuidv7(Date.now()),
  messageId: () => `3EB0${randomBytes(9).toString("hex").toUpperCase()}`,
};
