import * as z from "zod";
import type { EventData } from "../event/catalog.ts";
import type { FileLink } from "./context.ts";

/** What a receiver learns of a file. Where it lies in our bucket stays ours. */
export const media = z.object({
  mimetype: z.string().nullable(),
  filename: z.string().nullable(),
  /** Bytes. */
  size: z.number().nullable(),
  /** Of the file, in hexadecimal. */
  sha256: z.string().nullable(),
  /** Downloads it, until then. */
  url: z.string().nullable(),
  urlExpiresAt: z.iso.datetime().nullable(),
});

export function mediaOf(
  known: EventData<"message.received">["media"],
  link: FileLink | null,
): z.output<typeof media> | null {
  if (!known) return null;
  const { mimetype, filename, size, sha256 } = known;
  return { mimetype, filename, size, sha256, url: link?.url ?? null, urlExpiresAt: link?.urlExpiresAt ?? null };
}

/** The message that one answers to, as its sender quotes it. */
export const quotedMessage = z.object({
  messageId: z.string(),
  /** JID of who wrote it. */
  participant: z.string().nullable(),
  body: z.string(),
});

export function quotedOf(quoted: EventData<"message.received">["quoted"]): z.output<typeof quotedMessage> | null {
  return quoted && { messageId: quoted.messageId, participant: quoted.senderId, body: quoted.body };
}

/** The digits of a JID that is a phone number; null for any other. */
export function numberOf(jid: string): string | null {
  return /^([0-9]+)@s\.whatsapp\.net$/.exec(jid)?.[1] ?? null;
}
