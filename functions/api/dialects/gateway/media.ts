import * as z from "zod";
import { commandCatalog } from "../../../../core/command/catalog/index.ts";
import { uploadId } from "../../../../core/media/index.ts";
import { inlinePlace } from "../../../../core/media/inline.ts";
import { stagedFile } from "../../../../core/media/staged.ts";
import { type Endpoint, instanceEndpoint } from "../../engine/endpoint.ts";
import { convertFile, getUpload } from "../../operations/media.ts";
import { isoDate } from "../../shape/common.ts";
import { envelope, enveloped } from "./envelope.ts";

const body = z
  .object({
    filePath: stagedFile.optional(),
    base64: inlinePlace.optional(),
    mimeType: z
      .string()
      .regex(/^[\w.+-]{1,64}\/[\w.+-]{1,64}(?:; ?[\w=". +-]{1,64})?$/, "must be a media type")
      .optional()
      .meta({ description: "Declared type of the base64 data. The type is detected from the content" }),
  })
  .refine((given) => (given.filePath === undefined) !== (given.base64 === undefined), "give either filePath or base64");

const link = z.object({
  filePath: uploadId.meta({
    description: "Identifies the file for one day: in conversions, and instead of a URL in sends",
  }),
  fileName: z.string(),
  mimeType: z.string(),
  /** Bytes. */
  size: z.int(),
  /** Valid for five minutes. Request the file again for a new URL. */
  url: z.string(),
  expiresAt: isoDate,
});
const converted = envelope(
  link.extend({
    /** Seconds; null if the file does not contain it. */
    duration: z.number().nullable(),
  }),
);

type Link = Awaited<ReturnType<typeof getUpload>>;
const toLink = (filePath: string, { filename, mimetype, size, url, expiresAt }: Link): z.input<typeof link> => ({
  filePath,
  fileName: filename,
  mimeType: mimetype,
  size: size ?? 0,
  url,
  expiresAt: expiresAt.toISOString(),
});

const convertEndpoint = (
  path: "/api/media/{instanceId}/convert/voice" | "/api/media/{instanceId}/convert/video",
  command: "media.convertVoice" | "media.convertVideo",
  done: string,
): Endpoint => ({
  ...instanceEndpoint({
    method: "post",
    path,
    summary: commandCatalog[command].summary,
    description: "The result is a file that can be downloaded, sent and converted for one day.",
    access: "write",
    idempotent: true,
    mayPend: true,
    body,
    answer: converted,
    errors: [...commandCatalog[command].errors, "idempotency_conflict"],
    in: ({ body: { filePath, base64, mimeType } }) => {
      if (base64) {
        const { inline, upload } = base64;
        return { command, file: { upload, inline: { ...inline, type: mimeType ?? inline.type } } };
      }
      // The schema requires one of the two, so filePath is set here.
      return { command, file: filePath ?? { upload: "" } };
    },
    does: convertFile,
    out: (result) => enveloped({ ...toLink(result.upload, result), duration: result.duration }, done),
  }),
  command,
});

export const mediaEndpoints = [
  convertEndpoint("/api/media/{instanceId}/convert/voice", "media.convertVoice", "Audio converted to Opus"),
  convertEndpoint("/api/media/{instanceId}/convert/video", "media.convertVideo", "Video converted to MP4"),
  instanceEndpoint({
    method: "get",
    path: "/api/media/{instanceId}/{filePath}",
    summary: "Get a new URL for an uploaded or converted file",
    access: "read",
    answer: envelope(link),
    errors: ["invalid_request", "media_not_usable"],
    in: ({ params }) => ({ upload: params.filePath }),
    does: getUpload,
    out: (found, { params }) => enveloped(toLink(params.filePath, found)),
  }),
];
