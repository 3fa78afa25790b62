import * as z from "zod";
import { commandCatalog } from "../../../../core/command/catalog/index.ts";
import { scopeOfCommand } from "../../../../core/command/scope.ts";
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
      .meta({ description: "Declared type of the base64 data. The gateway detects the actual type from the content" }),
  })
  .refine(
    (fields) => (fields.filePath === undefined) !== (fields.base64 === undefined),
    "give either filePath or base64",
  );

const mediaFile = z.object({
  filePath: uploadId.meta({
    description: "Identifies the file for one day. Use it in conversions, and instead of a URL in sends",
  }),
  fileName: z.string(),
  mimeType: z.string(),
  /** Bytes. */
  size: z.int(),
  /** Valid for five minutes. Request the file again for a new URL. */
  url: z.string(),
  expiresAt: isoDate,
});
const convertedFile = envelope(
  mediaFile.extend({
    /** Seconds; null if the file does not state its duration. */
    duration: z.number().nullable(),
  }),
);

type Link = Awaited<ReturnType<typeof getUpload>>;
const toMediaFile = (
  filePath: string,
  { filename, mimetype, size, url, expiresAt }: Link,
): z.input<typeof mediaFile> => ({
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
  confirmation: string,
): Endpoint => ({
  ...instanceEndpoint({
    method: "post",
    path,
    summary: commandCatalog[command].summary,
    description: "For one day, the new file can be downloaded, sent and converted.",
    access: "write",
    scope: scopeOfCommand(command),
    idempotent: true,
    mayPend: true,
    body,
    response: convertedFile,
    errors: [...commandCatalog[command].errors, "quota_exceeded", "idempotency_conflict", "outcome_unknown"],
    toInput: ({ body: { filePath, base64, mimeType } }) => {
      if (base64) {
        const { inline, upload } = base64;
        return { command, file: { upload, inline: { ...inline, type: mimeType ?? inline.type } } };
      }
      // The schema requires one of the two, so filePath is set here.
      return { command, file: filePath ?? { upload: "" } };
    },
    operation: convertFile,
    toResponse: (result) =>
      enveloped({ ...toMediaFile(result.upload, result), duration: result.duration }, confirmation),
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
    scope: "media:read",
    response: envelope(mediaFile),
    errors: ["invalid_request", "media_not_usable"],
    toInput: ({ params }) => ({ upload: params.filePath }),
    operation: getUpload,
    toResponse: (found, { params }) => enveloped(toMediaFile(params.filePath, found)),
  }),
];
