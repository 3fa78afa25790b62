import * as z from "zod";

/**
 * The largest thumbnail in an event, in bytes. WhatsApp's apps make thumbnails of 1 to 10 kB. A larger one is left out
 * of the content, and is still in the stored protobuf.
 */
export const maxThumbnailBytes = 24 * 1024;

/** A small JPEG in Base64. Null if there is none, or if it has more than 24 KiB. */
export const thumbnail = z.string().nullable();
