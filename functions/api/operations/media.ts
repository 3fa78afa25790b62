import QRCode from "qrcode";
import type { CommandInput } from "../../../core/command/catalog/index.ts";
import type { Converted } from "../../../core/command/catalog/media.ts";
import { AppError } from "../../../core/error.ts";
import { scannableQr } from "../../../core/instance/index.ts";
import { sendTime } from "../../../core/instance/timezone.ts";
import { uploadId } from "../../../core/media/index.ts";
import { keepInline, type MediaPlace } from "../../../core/media/inline.ts";
import { linkToMedia, linkToUpload, type MediaLink, waitForMedia } from "../../../core/media/link.ts";
import { assertStaged, type Staged } from "../../../core/media/staged.ts";
import { assertUploaded, openUpload, takeFile, type UploadTicket } from "../../../core/media/upload.ts";
import { takeUpload } from "../../../core/quota/index.ts";
import type { SendOptions } from "../../../core/restriction/index.ts";
import { openFileLink } from "../../../core/webhook/delivery/file-link.ts";
import { type Context, type InstanceContext, Pending, RawResponse } from "../engine/context.ts";
import { runCommand } from "../engine/run-command.ts";

type Media = CommandInput<"message.sendMedia">;

/** Stores the file of a form in the bucket and sends it from there. */
export async function sendFile(
  context: InstanceContext,
  {
    file,
    sendAt,
    options,
    ...input
  }: Omit<Media, "url" | "upload"> & { file: File; sendAt?: string | undefined; options?: SendOptions | undefined },
): Promise<{ messageId: string; scheduledAt?: string }> {
  const { uploadId: upload, keep } = await takeFile(context.deps, context.instance.id, file);
  const check = async () => {
    await takeUpload(context.deps, context.instance.userId, file.size);
    await keep();
  };
  const runAt = sendAt === undefined ? undefined : sendTime(sendAt, context.instance.timezone);
  const sent = await runCommand(context, "message.sendMedia", { ...input, upload }, { check, runAt, options });
  return sent as { messageId: string; scheduledAt?: string };
}

export async function createUpload(
  context: InstanceContext,
  file: { size: number; contentType?: string | undefined; filename?: string | undefined },
): Promise<UploadTicket> {
  await takeUpload(context.deps, context.instance.userId, file.size);
  return await openUpload(context.deps, context.instance.id, file);
}

/** Throws `media_not_usable` if the upload does not exist. */
export async function checkUpload(context: InstanceContext, input: Pick<Media, "upload">): Promise<void> {
  if (input.upload !== undefined) await assertUploaded(context.deps, context.instance.id, input.upload);
}

/**
 * Stores the file if the request contains one. If not, checks the upload that the request names, like `checkUpload`.
 */
export async function storeOrCheckFile(context: InstanceContext, place: MediaPlace): Promise<void> {
  if (place.inline) await storeInline(context, place);
  else await checkUpload(context, place);
}

async function storeInline(context: InstanceContext, place: Extract<MediaPlace, { inline: object }>): Promise<void> {
  await takeUpload(context.deps, context.instance.userId, place.inline.bytes.length);
  await keepInline(context.deps.storage, context.instance.id, place);
}

/** Converts a file in the bucket. If the request contains the file, stores it there first. */
export async function convertFile(
  context: InstanceContext,
  { command, file }: { command: "media.convertVoice" | "media.convertVideo"; file: Staged | MediaPlace },
): Promise<Pending | (MediaLink & Pick<Converted, "upload" | "duration">)> {
  const { upload } = file;
  const media = "media" in file ? file.media : undefined;
  const storeOrCheck = async () => {
    if ("inline" in file && file.inline) await storeInline(context, file);
    else await assertStaged(context.deps, context.instance.id, file as Staged);
  };
  const result = await runCommand(context, command, { upload, media }, { check: storeOrCheck });
  if (result instanceof Pending) return result;
  const converted = result as Converted;
  return { ...(await linkToUpload(context.deps, context.instance.id, converted.upload)), ...converted };
}

/** Returns a new link to an upload. Throws `invalid_request` and `media_not_usable`. */
export async function getUpload(context: InstanceContext, { upload }: { upload: string }): Promise<MediaLink> {
  const { error } = uploadId.safeParse(upload);
  if (error) throw new AppError("invalid_request", `filePath: ${error.issues[0]?.message}`);
  return await linkToUpload(context.deps, context.instance.id, upload);
}

/** Redirects to the file of a message, or returns its link as JSON. */
export async function getMedia(context: InstanceContext, input: { messageId: string; asJson: boolean }) {
  return served(await linkToMedia(linkDeps(context, input), context.instance.id, input.messageId), input);
}

/** How long a link waits for a file that is being fetched from WhatsApp, in milliseconds. API Gateway gives up after 30 s. */
const fileWaitMs = 10_000;

/**
 * Redirects to the file that a link in a webhook names, as soon as the file is stored. Throws `forbidden` if the link is
 * not valid or has expired, `message_not_found`, `media_not_ready`, and `media_lost`.
 */
export async function openFile(context: Context, input: { fileId: string; token: string; asJson: boolean }) {
  const { deps } = context;
  const file = openFileLink(deps.vault, input, deps.clock.now());
  if (!file) throw new AppError("forbidden", "the link is not valid or has expired; request the file by its message");
  const options = { waitMs: Math.min(fileWaitMs, deps.waitMs ?? fileWaitMs), kind: "inline" as const };
  return served(await waitForMedia(linkDeps(context, input), file.instanceId, file.fileId, options), input);
}

/** A redirect also works if the gateway doesn't know its own URL. A link in JSON doesn't. */
const linkDeps = ({ deps, redirectStorage }: Context, { asJson }: { asJson: boolean }) =>
  asJson ? deps : { ...deps, storage: redirectStorage };

const served = (link: MediaLink, { asJson }: { asJson: boolean }) =>
  asJson ? link : new RawResponse(null, { location: link.url, "cache-control": "no-store" }, 302);

export const qrFormats = ["json", "png", "svg", "terminal"] as const;
export type QrFormat = (typeof qrFormats)[number];

const qrTypes: Record<QrFormat, string> = {
  json: "application/json",
  png: "image/png",
  svg: "image/svg+xml",
  terminal: "text/plain; charset=utf-8",
};
/** Width of the image in pixels: large enough for a phone's camera on any screen. */
const qrSide = 512;

/**
 * Draws the current QR code in the requested format. The response must not be cached, because the code is valid only
 * for seconds.
 */
export async function drawQr(context: InstanceContext, input: { format: QrFormat | undefined }): Promise<RawResponse> {
  const { qrCode } = scannableQr(context.deps, context.instance, context.deps.clock.now());
  const format = input.format ?? preferredFormat(context.accept);
  const headers = { "content-type": qrTypes[format], "cache-control": "no-store", vary: "accept" };
  switch (format) {
    case "json":
      return new RawResponse(JSON.stringify({ qrCode }), headers);
    case "png":
      return new RawResponse(new Uint8Array(await QRCode.toBuffer(qrCode, { width: qrSide })), headers);
    case "svg":
      return new RawResponse(await QRCode.toString(qrCode, { type: "svg", width: qrSide }), headers);
    case "terminal":
      return new RawResponse(`${await QRCode.toString(qrCode, { type: "utf8" })}\n`, headers);
  }
}

/** Returns the format that the `Accept` header prefers (RFC 9110, 12.5.1). JSON is the default. */
function preferredFormat(accept: string | undefined): QrFormat {
  const preferences = (accept ?? "*/*")
    .split(",")
    .map((part) => {
      const [type = "", ...parameters] = part.split(";").map((field) => field.trim().toLowerCase());
      const quality = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2);
      return { type, quality: quality === undefined ? 1 : Number(quality) || 0 };
    })
    .filter(({ quality }) => quality > 0)
    .sort((a, b) => b.quality - a.quality);
  for (const { type } of preferences) {
    if (type === "image/png" || type === "image/*") return "png";
    if (type === "image/svg+xml") return "svg";
    if (type === "application/json" || type === "*/*") return "json";
  }
  return "json";
}
