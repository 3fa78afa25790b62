import * as z from "zod";

/**
 * Where the file of a message stands in the bucket: by an id of ours, that of its row or for what we send WhatsApp's, never by
 * one that a stranger chose.
 */
export const mediaKey = (instanceId: string, id: string) => `${mediaPrefix(instanceId)}${id}`;

/** Prefix of all that is kept for an instance. */
export const mediaPrefix = (instanceId: string) => `media/${instanceId}/`;

/**
 * Names a file that a caller has brought for an instance: the SHA-256 of what came through the API, or a random id of ours.
 * It means nothing but an object of the instance that it is used with.
 */
export const uploadId = z
  .string()
  .regex(/^[0-9a-f]{32,64}$/, "must be the id of an upload")
  .meta({ description: "What `uploads` answered" });

/** What `mediaKey` puts behind the prefix: the id of a message's row, or WhatsApp's id of one that we sent. */
export const mediaId = z.string().regex(/^[\w-]{1,128}$/, "must be the id of a file");

export const uploadKey = (instanceId: string, id: string) => `${uploadPrefix(instanceId)}${id}`;
export const uploadPrefix = (instanceId: string) => `${uploadsPrefix}${instanceId}/`;
export const uploadsPrefix = "upload/";

/** How WhatsApp shows a file. */
export const mediaKinds = ["image", "video", "audio", "document"] as const;
export type MediaKind = (typeof mediaKinds)[number];

/** WhatsApp's own limit for documents is 2 GB; ours keeps a host's disk safe. Bytes. */
export const maxMediaBytes = 100 * 1024 * 1024;

/** The type as a header can carry it: a sender may state anything, and storage would refuse the file for ever. */
export function storableType(stated: string | null): string {
  return stated && /^[\w.+-]{1,64}\/[\w.+-]{1,64}(?:; ?[\w=". +-]{1,64})?$/.test(stated)
    ? stated
    : "application/octet-stream";
}
