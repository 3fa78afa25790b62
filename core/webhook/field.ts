import * as z from "zod";
import type { EventData } from "../event/catalog.ts";

/** What a receiver learns of a file. Where it lies in our bucket stays ours. */
export const media = z.object({
  mimetype: z.string().nullable(),
  filename: z.string().nullable(),
  /** Bytes. */
  size: z.number().nullable(),
  /** Of the file, in hexadecimal. */
  sha256: z.string().nullable(),
});

export function withoutStorage(known: EventData<"message.received">["media"]): z.output<typeof media> | null {
  return known && { mimetype: known.mimetype, filename: known.filename, size: known.size, sha256: known.sha256 };
}

/** The digits of a JID that is a phone number; null for any other. */
export function numberOf(jid: string): string | null {
  return /^([0-9]+)@s\.whatsapp\.net$/.exec(jid)?.[1] ?? null;
}
