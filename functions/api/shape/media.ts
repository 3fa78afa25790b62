import * as z from "zod";
import type { MediaLink } from "../../../core/media/link.ts";
import type { MessageMedia } from "../../../core/message/message.sql.ts";
import { isoDate } from "./common.ts";

/** The file of a message in a history. */
export const historyMedia = z.object({
  mimetype: z.string().nullable(),
  filename: z.string().nullable(),
  /** Bytes. */
  size: z.number().nullable(),
  /** Hexadecimal. */
  sha256: z.string().nullable(),
  /**
   * `pending`: being fetched from WhatsApp, or waiting for another try. `failed`: lost, and `error` is the reason. `remote`: fetched when the file is
   * first requested, for a message from before the link.
   */
  state: z.enum(["pending", "stored", "failed", "remote"]),
  error: z.string().nullable(),
});

export const toHistoryMedia = (media: MessageMedia | null): z.input<typeof historyMedia> | null =>
  media && {
    mimetype: media.mimetype,
    filename: media.filename,
    size: media.size,
    sha256: media.sha256,
    state: media.state,
    error: media.error,
  };

/** A URL of the file of a message. */
export const mediaFile = z.object({
  url: z.string(),
  expiresAt: isoDate,
  mimetype: z.string(),
  filename: z.string(),
  /** Bytes. */
  size: z.int().nullable(),
  /** Hexadecimal. */
  sha256: z.string().nullable(),
});

export const toMediaFile = (link: MediaLink): z.input<typeof mediaFile> => ({
  ...link,
  expiresAt: link.expiresAt.toISOString(),
});
