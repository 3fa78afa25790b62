import * as z from "zod";

/**
 * Key of the file of a message in the bucket. The id is one that the gateway chose: the id of the row, or WhatsApp's id of a
 * message that the gateway sends.
 */
export const mediaKey = (instanceId: string, id: string) => `${mediaPrefix(instanceId)}${id}`;

/** Prefix of the message files of an instance. */
export const mediaPrefix = (instanceId: string) => `media/${instanceId}/`;

/**
 * The id of a file that a caller uploaded for an instance: the SHA-256 of a file that came through the API, or a random
 * id. The id names an object only together with the instance.
 */
export const uploadId = z
  .string()
  .regex(/^[0-9a-f]{32,64}$/, "must be the id of an upload")
  .meta({ description: "The `uploadId` that an upload returned" });

/** The id in `mediaKey`. */
export const mediaId = z.string().regex(/^[\w-]{1,128}$/, "must be the id of a file");

export const uploadKey = (instanceId: string, id: string) => `${uploadPrefix(instanceId)}${id}`;
export const uploadPrefix = (instanceId: string) => `${uploadsPrefix}${instanceId}/`;
export const uploadsPrefix = "upload/";

/** How WhatsApp shows a file. */
export const mediaKinds = ["image", "video", "audio", "document", "sticker"] as const;
export type MediaKind = (typeof mediaKinds)[number];

/** Bytes. WhatsApp's limit for documents is 2 GB. This lower limit protects the disk of the host. */
export const maxMediaBytes = 100 * 1024 * 1024;

/** Bytes of a thumbnail, which is a part of the message. */
export const maxThumbnailBytes = 32 * 1024;

/** Returns the media type in a form that storage accepts as a header. A sender may state any text as the type. */
export function storableType(stated: string | null): string {
  return stated && /^[\w.+-]{1,64}\/[\w.+-]{1,64}(?:; ?[\w=". +-]{1,64})?$/.test(stated)
    ? stated
    : "application/octet-stream";
}
