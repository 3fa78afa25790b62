import QRCode from "qrcode";
import type { CommandInput } from "../../../core/command/catalog/index.ts";
import type { Converted } from "../../../core/command/catalog/media.ts";
import { AppError } from "../../../core/error.ts";
import { scannableQr } from "../../../core/instance/index.ts";
import { uploadId } from "../../../core/media/index.ts";
import { keepInline, type MediaPlace } from "../../../core/media/inline.ts";
import { linkToMedia, linkToUpload, type MediaLink } from "../../../core/media/link.ts";
import { assertStaged, type Staged } from "../../../core/media/staged.ts";
import { assertUploaded, openUpload as open, takeFile } from "../../../core/media/upload.ts";
import { type InstanceContext, Pending, Raw } from "../engine/context.ts";
import { runCommand } from "../engine/run-command.ts";

type Media = CommandInput<"message.sendMedia">;

/** Stores the file of the request in the bucket and sends it from there. */
export async function sendFile(
  context: InstanceContext,
  { file, sendAt, ...input }: Omit<Media, "url" | "upload"> & { file: File; sendAt?: string | undefined },
): Promise<{ messageId: string; scheduledAt?: string }> {
  const { uploadId: upload, keep } = await takeFile(context.deps, context.instance.id, file);
  const runAt = sendAt === undefined ? undefined : new Date(sendAt);
  const sent = await runCommand(context, "message.sendMedia", { ...input, upload }, { check: keep, runAt });
  return sent as { messageId: string; scheduledAt?: string };
}

export const openUpload = (
  context: InstanceContext,
  file: { size: number; contentType?: string | undefined; filename?: string | undefined },
) => open(context.deps, context.instance.id, file);

/** Throws `media_not_usable` if the upload does not exist. */
export async function checkUpload(context: InstanceContext, input: Pick<Media, "upload">): Promise<void> {
  if (input.upload !== undefined) await assertUploaded(context.deps, context.instance.id, input.upload);
}

/** Stores a file of the request itself, or checks an upload like `checkUpload`. */
export async function checkPlace(context: InstanceContext, place: MediaPlace): Promise<void> {
  if (place.inline) await keepInline(context.deps.storage, context.instance.id, place);
  else await checkUpload(context, place);
}

/** Converts a file in the bucket, or a file of the request itself after storing it there. */
export async function convertFile(
  context: InstanceContext,
  { command, file }: { command: "media.convertVoice" | "media.convertVideo"; file: Staged | MediaPlace },
): Promise<Pending | (MediaLink & Pick<Converted, "upload" | "duration">)> {
  const { upload } = file;
  const media = "media" in file ? file.media : undefined;
  const check = async () => {
    if ("inline" in file && file.inline) await keepInline(context.deps.storage, context.instance.id, file);
    else await assertStaged(context.deps, context.instance.id, file as Staged);
  };
  const done = await runCommand(context, command, { upload, media }, { check });
  if (done instanceof Pending) return done;
  const made = done as Converted;
  return { ...(await linkToUpload(context.deps, context.instance.id, made.upload)), ...made };
}

/** Returns a new link to an upload. Throws `invalid_request` and `media_not_usable`. */
export async function getUpload(context: InstanceContext, { upload }: { upload: string }): Promise<MediaLink> {
  const { error } = uploadId.safeParse(upload);
  if (error) throw new AppError("invalid_request", `filePath: ${error.issues[0]?.message}`);
  return await linkToUpload(context.deps, context.instance.id, upload);
}

/** Redirects to the file of a message, or returns its link as JSON. */
export async function getMedia(context: InstanceContext, input: { messageId: string; asJson: boolean }) {
  const link = await linkToMedia(context.deps, context.instance.id, input.messageId);
  return input.asJson ? link : new Raw(null, { location: link.url, "cache-control": "no-store" }, 302);
}

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

/** Draws the current QR code in the requested format. Not cacheable: the code is valid for seconds. */
export async function drawQr(context: InstanceContext, input: { format: QrFormat | undefined }): Promise<Raw> {
  const { qrCode } = scannableQr(context.deps, context.instance, context.deps.clock.now());
  const format = input.format ?? preferredFormat(context.accept);
  const headers = { "content-type": qrTypes[format], "cache-control": "no-store", vary: "accept" };
  switch (format) {
    case "json":
      return new Raw(JSON.stringify({ qrCode }), headers);
    case "png":
      return new Raw(new Uint8Array(await QRCode.toBuffer(qrCode, { width: qrSide })), headers);
    case "svg":
      return new Raw(await QRCode.toString(qrCode, { type: "svg", width: qrSide }), headers);
    case "terminal":
      return new Raw(`${await QRCode.toString(qrCode, { type: "utf8" })}\n`, headers);
  }
}

/** Returns the format that the `Accept` header prefers (RFC 9110, 12.5.1). JSON is the default. */
function preferredFormat(accept: string | undefined): QrFormat {
  const wanted = (accept ?? "*/*")
    .split(",")
    .map((part) => {
      const [type = "", ...parameters] = part.split(";").map((one) => one.trim().toLowerCase());
      const quality = parameters.find((one) => one.startsWith("q="))?.slice(2);
      return { type, quality: quality === undefined ? 1 : Number(quality) || 0 };
    })
    .filter(({ quality }) => quality > 0)
    .sort((one, other) => other.quality - one.quality);
  for (const { type } of wanted) {
    if (type === "image/png" || type === "image/*") return "png";
    if (type === "image/svg+xml") return "svg";
    if (type === "application/json" || type === "*/*") return "json";
  }
  return "json";
}
