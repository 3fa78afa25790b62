import { createHash, randomBytes, randomUUID } from "node:crypto";

/** Where identifiers come from. Injected, so that tests can fix them. */
export interface Ids {
  /** UUIDv7 (RFC 9562): sorts by creation time. */
  uuid(): string;
  /** A WhatsApp message id as WhatsApp Web makes them: `3EB0` and 18 upper-case hexadecimal digits. */
  messageId(): string;
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Whether a text can be an id of ours: Postgres refuses to compare anything else with one. */
export const isUuid = (text: string) => uuid.test(text);

/** The WhatsApp message id that belongs to a command whenever it is tried: in the form of `Ids.messageId`. */
export function derivedMessageId(commandId: string): string {
  return `3EB0${createHash("sha256").update(commandId).digest("hex").slice(0, 18).toUpperCase()}`;
}

/** UUIDv7 from a Unix time in milliseconds and the random bits of a UUIDv4, of which Node keeps some ready (RFC 9562, section 5.7). */
export function uuidv7(unixMs: number, random: string = randomUUID()): string {
  const time = unixMs.toString(16).padStart(12, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random.slice(15)}`;
}

export const systemIds: Ids = {
  uuid: () => uuidv7(Date.now()),
  messageId: () => `3EB0${randomBytes(9).toString("hex").toUpperCase()}`,
};
