import { readFile, stat } from "node:fs/promises";
import type { Owner } from "../concurrency/fair-turns.ts";
import { parse } from "./parser.ts";
import { preview, toJpeg } from "./transcode.ts";

/** A JPEG up to this size is put into the message unchanged, in bytes. Thumbnails of videos have the same limit. */
const maxThumbnailBytes = 32 * 1024;
/** The largest picture of a preview: bytes, and pixels of the longer side. Larger ones are reduced. */
const maxLargeBytes = 512 * 1024;
const maxLargeSide = 1600;
/** A picture of at most this width is only shown small: `THUMBNAIL_WIDTH_PX` in Baileys' Utils/link-preview.ts. */
const smallWidth = 192;

/** The picture of a link's preview as JPEG: small, for the message itself, and large, for an upload. */
export interface LinkPicture {
  small?: Buffer | undefined;
  large?: { path: string; width: number; height: number } | undefined;
}

/**
 * Reads the picture of a preview, which may be any file. Nothing is returned for a file that is not a picture. Without ffmpeg,
 * only a JPEG within the limits is returned.
 */
export async function pictureOf(owner: Owner, path: string): Promise<LinkPicture> {
  const recognized = await parse(owner, { name: "recognize", path, claimed: "application/octet-stream" });
  if (recognized.kind !== "image") return {};
  const { mimetype, width = 0, height = 0 } = recognized;
  const { size } = await stat(path);
  const isJpeg = mimetype === "image/jpeg";
  const small =
    isJpeg && size <= maxThumbnailBytes
      ? await readFile(path)
      : await preview(owner, path, recognized).catch(() => undefined);
  if (width <= smallWidth) return { small };
  const fits = isJpeg && size <= maxLargeBytes && Math.max(width, height) <= maxLargeSide;
  if (fits) return { small, large: { path, width, height } };
  const reduced = `${path}.jpg`;
  const made = await toJpeg(owner, path, recognized, reduced, maxLargeSide).then(
    () => true,
    () => false,
  );
  const shape = made ? await parse(owner, { name: "recognize", path: reduced, claimed: "" }) : undefined;
  const tooLarge = made && (await stat(reduced)).size > maxLargeBytes;
  if (!shape?.width || !shape.height || tooLarge) return { small };
  return { small, large: { path: reduced, width: shape.width, height: shape.height } };
}
