import * as z from "zod";
import { mediaId, uploadId } from "../../media/index.ts";
import { defineCommand } from "./define.ts";

/** A stored file of the instance, given by its id and never by a path. */
const source = z
  .object({
    /** An upload of the instance, or the result of an earlier conversion. */
    upload: uploadId.optional(),
    /** The file of a message: the part of its storage key after the instance's prefix. */
    media: mediaId.optional(),
  })
  .refine((input) => (input.upload === undefined) !== (input.media === undefined), "give either upload or media");

const output = z.object({
  /** The converted file, stored as an upload for a day. It can be sent and converted like any other upload. */
  upload: uploadId,
  mimetype: z.string(),
  filename: z.string(),
  /** Bytes. */
  size: z.int(),
  /** Seconds. Null if the file does not state its duration. */
  duration: z.number().nullable(),
});
export type Converted = z.output<typeof output>;

const errors = ["media_not_usable", "payload_too_large", "not_supported", "unavailable"] as const;

/** A conversion only reads a file, so it blocks no other command and needs no connection. */
const conversion = { kind: "query", input: source, output, errors, offline: true } as const;

export const convertVoice = defineCommand({
  ...conversion,
  name: "media.convertVoice",
  summary: "Convert an audio or video file to a WhatsApp voice note: mono Ogg/Opus",
});

export const convertVideo = defineCommand({
  ...conversion,
  name: "media.convertVideo",
  summary: "Convert a video file to a format that WhatsApp plays: MP4 with H.264 and AAC",
});
