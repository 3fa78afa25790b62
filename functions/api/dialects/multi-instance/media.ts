import * as z from "zod";
import { commandCatalog } from "../../../../core/command/catalog/index.ts";
import { fileName } from "../../../../core/media/filename.ts";
import { maxMediaBytes, uploadId } from "../../../../core/media/index.ts";
import { type StickerMetadata, stickerMetadata } from "../../../../core/media/sticker.ts";
import { optionsOf, singleSendOptions } from "../../../../core/restriction/index.ts";
import { commandEndpoint } from "../../engine/command-endpoint.ts";
import { instanceEndpoint } from "../../engine/endpoint.ts";
import * as media from "../../operations/media.ts";
import { isoDate, sendAt } from "../../shape/common.ts";
import { checkMediaOptions, mediaOptions, mediaOptionsInput } from "../../shape/media-options.ts";
import { schedulable } from "./scheduled.ts";

const { to, url, caption, filename, quoted, mentions, mentionAll, thumbnail } =
  commandCatalog["message.sendMedia"].input.shape;

/** Treats an empty string as absent, because forms send empty strings for fields that are not filled in. */
const orEmpty = <Field extends z.ZodType>(field: Field) =>
  z.preprocess((value) => (value === "" ? undefined : value), field);

/** A boolean in a form. */
const flag = orEmpty(
  z
    .enum(["true", "false"])
    .transform((text) => text === "true")
    .optional(),
);

/** Splits a comma-separated list of a form. */
const listOf = (value: unknown) =>
  typeof value === "string" ? value.split(",").filter((item) => item.trim() !== "") : value;

const sticker = stickerMetadata.shape;

/** Returns the metadata of a sticker in a form, if the form has any. */
function stickerOf(body: z.output<typeof formBody>): StickerMetadata | undefined {
  const { stickerPack: pack, stickerAuthor: author, stickerEmojis: emojis } = body;
  const given = pack !== undefined || author !== undefined || emojis !== undefined;
  return given ? { pack, author, emojis } : undefined;
}

/** Reads a boolean or a number in a form. */
const fromForm = (value: unknown) =>
  value === "true" || value === "false" ? value === "true" : /^\d{1,9}$/.test(String(value)) ? Number(value) : value;

const formBody = z
  .object({
    phone: to,
    caption: orEmpty(caption),
    file: z.file("must be one file"),
    filename: orEmpty(filename),
    quotedMessageId: orEmpty(quoted),
    /** Comma-separated, or one field each. */
    mentions: z.preprocess(listOf, mentions),
    mentionAll: flag,
    asVoice: flag,
    asGif: flag,
    asRound: flag,
    viewOnce: flag,
    hd: flag,
    type: orEmpty(mediaOptions.type),
    stickerPack: orEmpty(sticker.pack),
    stickerAuthor: orEmpty(sticker.author),
    /** Comma-separated, or one field each. */
    stickerEmojis: z.preprocess(listOf, sticker.emojis),
    sendAt: orEmpty(sendAt),
    onRestriction: orEmpty(singleSendOptions.onRestriction),
    typing: orEmpty(z.preprocess(fromForm, singleSendOptions.typing)),
    priority: orEmpty(singleSendOptions.priority),
    delay: orEmpty(z.preprocess(fromForm, singleSendOptions.delay)),
  })
  .transform((body, context) => {
    const name = fileName.safeParse(body.filename ?? (body.file.name || "file"));
    for (const { message } of name.error?.issues ?? []) {
      context.addIssue({ code: "custom", path: ["filename"], message });
    }
    return { ...body, filename: name.data };
  });

export const mediaEndpoints = [
  commandEndpoint({
    method: "post",
    path: "/api/whatsapp/{instanceId}/send-media",
    access: "write",
    command: "message.sendMedia",
    body: checkMediaOptions(
      z.object({
        phone: to,
        url,
        uploadId: uploadId.optional(),
        caption,
        filename,
        quotedMessageId: quoted,
        mentions,
        mentionAll,
        thumbnail,
        ...mediaOptions,
        sendAt,
        ...singleSendOptions,
      }),
    ).refine(
      (body) => (body.url === undefined) !== (body.uploadId === undefined),
      "give either url or uploadId, not both",
    ),
    ...schedulable,
    check: media.checkUpload,
    toInput: ({ body }) => ({
      to: body.phone,
      url: body.url,
      upload: body.uploadId,
      caption: body.caption,
      filename: body.filename,
      quoted: body.quotedMessageId,
      mentions: body.mentions,
      mentionAll: body.mentionAll,
      thumbnail: body.thumbnail,
      ...mediaOptionsInput(body),
    }),
  }),
  instanceEndpoint({
    method: "post",
    path: "/api/whatsapp/{instanceId}/send-file",
    summary: "Send a file from a form, up to 4.5 MB",
    description: "For larger files, create an upload.",
    access: "write",
    scope: "messages:send",
    form: true,
    idempotent: true,
    body: formBody,
    response: schedulable.response,
    errors: [
      ...commandCatalog["message.sendMedia"].errors,
      "instance_not_connected",
      "quota_exceeded",
      "account_restricted",
      "rate_limited",
      "idempotency_conflict",
      "outcome_unknown",
    ],
    toInput: ({ body }) => ({
      to: body.phone,
      file: body.file,
      caption: body.caption,
      filename: body.filename,
      quoted: body.quotedMessageId,
      mentions: body.mentions,
      mentionAll: body.mentionAll,
      ...mediaOptionsInput({ ...body, sticker: stickerOf(body) }),
      sendAt: body.sendAt,
      options: optionsOf(body),
    }),
    operation: media.sendFile,
    toResponse: schedulable.toResponse,
  }),
  instanceEndpoint({
    method: "post",
    path: "/api/whatsapp/{instanceId}/uploads",
    summary: "Create a URL for uploading a file",
    description: "For one day, the uploaded file can be sent any number of times.",
    access: "write",
    scope: "media:write",
    status: 201,
    body: z.object({
      filename: fileName.optional(),
      size: z.int().min(1).max(maxMediaBytes).meta({ description: "Bytes; the upload must have exactly this size" }),
      contentType: z
        .string()
        .regex(/^[\w.+-]{1,64}\/[\w.+-]{1,64}$/, "must be a media type")
        .optional(),
    }),
    response: z.object({
      uploadId,
      url: z.string(),
      method: z.literal("PUT"),
      /** Send these headers unchanged with the file. */
      headers: z.record(z.string(), z.string()),
      /** When the URL expires. */
      expiresAt: isoDate,
    }),
    errors: ["quota_exceeded"],
    toInput: ({ body }) => body,
    operation: media.createUpload,
    toResponse: (ticket) => ({ ...ticket, method: "PUT" as const, expiresAt: ticket.expiresAt.toISOString() }),
  }),
];
