import * as z from "zod";
import { mediaId, uploadId } from "../../media/index.ts";
import { defineCommand } from "./define.ts";

/** A file of the instance that is in the bucket; nothing else can be named, least of all by a path. */
const source = z
  .object({
    /** What was uploaded for the instance, or was converted before. */
    upload: uploadId.optional(),
    /** The file of a message: what follows the instance's prefix in its storage key. */
    media: mediaId.optional(),
  })
  .refine((input) => (input.upload === undefined) !== (input.media === undefined), "give either an upload or a media");

const output = z.object({
  /** The converted file, kept for a day as an upload: it can be sent and converted like any other. */
  upload: uploadId,
  mimetype: z.string(),
  filename: z.string(),
  /** Bytes. */
  size: z.int(),
  /** Seconds; null where the file does not tell. */
  duration: z.number().nullable(),
});
export type Converted = z.output<typeof output>;

const errors = ["media_not_usable", "payload_too_large", "not_supported", "unavailable"] as const;

/** It reads a file and changes nothing of the instance: nobody waits for it, and it waits for no connection. */
const conversion = { kind: "query", input: source, output, errors, offline: true } as const;

export const convertVoice = defineCommand({
  ...conversion,
  name: "media.convertVoice",
  summary: "Make a voice note as WhatsApp plays it, Ogg/Opus with one channel, of a file with sound",
});

export const convertVideo = defineCommand({
  ...conversion,
  name: "media.convertVideo",
  summary: "Make a film as WhatsApp plays it, MP4 with H.264 and AAC, of a file with moving pictures",
});
