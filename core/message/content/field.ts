import * as z from "zod";

/**
 * The largest thumbnail in an event, in bytes. WhatsApp's apps make thumbnails of 1 to 10 kB. A larger one is left out
 * of the content, and is still in the stored protobuf.
 */
export const maxThumbnailBytes = 24 * 1024;

/** A small JPEG in Base64. Null if there is none, or if it has more than 24 KiB. */
export const thumbnail = z.string().nullable();

/** A description of a file for people who don't see or hear it, as the sender wrote it. */
export const altText = z.string().nullable();

/** What the sender states about a file. The fields `media` of events and webhooks have the file itself. */
export const file = {
  mimetype: z.string().nullable(),
  /** Bytes. */
  size: z.number().int().nullable(),
};

/** Of an image or video. */
export const visual = {
  ...file,
  /** Pixels. */
  width: z.number().int().nullable(),
  height: z.number().int().nullable(),
  /** Whether the file is in HD. The app then sends it twice: first in standard quality, then in HD. */
  isHd: z.boolean(),
  /** For the HD file: WhatsApp's id of the message that has the same file in standard quality. */
  hdOf: z.string().nullable(),
  thumbnail,
  altText,
};

/** A place on Earth, in degrees. */
export const coordinates = {
  latitude: z.number().nullable(),
  longitude: z.number().nullable(),
};

/** Returns the fields of a file as the protobuf has them. */
export const fileProtobuf = ({ mimetype, size }: { mimetype: string | null; size: number | null }) => ({
  mimetype,
  fileLength: size,
});

/** Returns "52.52, 13.4" for a place, or "". */
export const placeText = ({ latitude, longitude }: { latitude: number | null; longitude: number | null }): string =>
  latitude === null || longitude === null ? "" : `${latitude}, ${longitude}`;
