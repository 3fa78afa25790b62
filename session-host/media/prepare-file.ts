import { writeFile } from "node:fs/promises";
import { AppError } from "../../core/error.ts";
import type { MediaKind } from "../../core/media/index.ts";
import {
  assertSendable,
  type Conversion,
  opusType,
  type Plan,
  planFor,
  type Recognized,
  type Wanted,
  webpType,
} from "../../core/media/kind.ts";
import { type Digest, digestOf } from "../../core/media/spool.ts";
import type { StickerMetadata } from "../../core/media/sticker.ts";
import type { Owner } from "../concurrency/fair-turns.ts";
import { ffmpegMissing, NoFfmpeg } from "./ffmpeg.ts";
import { parse } from "./parser.ts";
import { preview, toMp4, toOpus, toSquareMp4, toSticker, waveform } from "./transcode.ts";

/** A caller's file after it was fetched to the disk. */
export interface FetchedFile extends Digest {
  path: string;
  /** The content type that the file's server or uploader states, which may be wrong. */
  claimed: string;
  filename: string;
}

/** A file that is ready to be sent to WhatsApp. */
export interface PreparedFile extends Digest {
  path: string;
  filename: string;
  mimetype: string;
  kind: MediaKind;
  /** Whether the file is a voice note, a video that plays like a GIF, or a round video message. */
  voice: boolean;
  gif?: boolean;
  round?: boolean;
  /** Whether a sticker is animated. */
  animated?: boolean | undefined;
  /** Duration of audio and video. */
  seconds?: number | undefined;
  /** Size of a picture, video or sticker in pixels. */
  width?: number | undefined;
  height?: number | undefined;
  /** JPEG, and its size in pixels if the caller gave it. */
  thumbnail?: Buffer | undefined;
  thumbnailSize?: { width: number; height: number };
  /** Pages of a document. */
  pages?: number | undefined;
  /** 64 values of 0 to 100. */
  waveform?: Uint8Array | undefined;
}

const recognize = (owner: Owner, { path, claimed, filename }: FetchedFile): Promise<Recognized> =>
  parse(owner, { name: "recognize", path, claimed, filename });

/**
 * Detects the type of a file. If WhatsApp's apps can't show the file as it is, converts it to a new file in the same
 * folder. Throws `AppError`: `media_not_usable`, `not_supported`.
 */
export async function prepareFile(
  owner: Owner,
  file: FetchedFile,
  wanted: Wanted & { sticker?: StickerMetadata | undefined; thumbnail?: string | undefined },
): Promise<PreparedFile> {
  const prepared = await prepareContent(owner, file, wanted);
  assertSendable(prepared, wanted);
  if (wanted.thumbnail !== undefined) return await withThumbnail(owner, prepared, wanted.thumbnail);
  if (prepared.kind !== "sticker" || wanted.sticker === undefined) return prepared;
  const path = `${prepared.path}.named`;
  const { path: from } = prepared;
  const named = await parse(owner, { name: "stickerWithMetadata", path: from, metadata: wanted.sticker });
  await writeFile(path, Buffer.from(named, "base64"));
  return { ...prepared, path, ...(await digestOf(path)) };
}

/** Adds the thumbnail that the caller gives: a JPEG in base64. */
async function withThumbnail(owner: Owner, prepared: PreparedFile, base64: string): Promise<PreparedFile> {
  const { kind } = prepared;
  if (kind === "sticker" || kind === "audio") {
    throw new AppError("media_not_usable", `only a document, a picture or a video can have a thumbnail, not ${kind}`);
  }
  const thumbnail = Buffer.from(base64, "base64");
  const path = `${prepared.path}.thumbnail`;
  await writeFile(path, thumbnail);
  const { mimetype, width, height } = await parse(owner, { name: "recognize", path, claimed: "" });
  if (mimetype !== "image/jpeg" || !width || !height) {
    throw new AppError("media_not_usable", "the thumbnail is not a JPEG");
  }
  return { ...prepared, thumbnail, thumbnailSize: { width, height } };
}

async function prepareContent(owner: Owner, file: FetchedFile, wanted: Wanted): Promise<PreparedFile> {
  const recognized = await recognize(owner, file);
  const plan = planFor(recognized, wanted);
  const { voice, gif, round } = plan;
  const asIs = { ...file, mimetype: recognized.mimetype, voice, gif, round };
  if (!plan.convert) return await addPreview(owner, asIs, recognized, plan);
  try {
    const { shape, ...converted } = await convert(owner, file, recognized, { voice, convert: plan.convert }, wanted.hd);
    return await addPreview(owner, { ...converted, voice, gif, round }, shape, plan);
  } catch (error) {
    if (!plan.required && (error instanceof NoFfmpeg || error instanceof AppError))
      return { ...asIs, gif: false, kind: "document" };
    if (!(error instanceof NoFfmpeg)) throw error;
    const reason = recognized.notSticker ? `, which ${recognized.notSticker},` : "";
    throw ffmpegMissing(`the file of type ${recognized.mimetype}${reason}`);
  }
}

/**
 * Converts a file to a new file in the same folder. A file that already has the format stays as it is. Throws
 * `AppError`: `media_not_usable`, `not_supported`.
 */
export async function convertFile(
  owner: Owner,
  file: FetchedFile,
  into: "opus" | "mp4",
): Promise<Omit<PreparedFile, "kind" | "voice">> {
  const recognized = await recognize(owner, file);
  const { mimetype, seconds } = recognized;
  // Throws if the file can't be converted to this format.
  planFor(recognized, into === "opus" ? { voice: true } : { kind: "video" });
  const hasFormat =
    into === "opus"
      ? (await parse(owner, { name: "opus", path: file.path }))?.channels === 1
      : recognized.kind === "video" && mimetype === "video/mp4";
  if (hasFormat) return { ...file, filename: renamed(file.filename, into), mimetype, seconds };
  try {
    const { shape, ...converted } = await convert(owner, file, recognized, { voice: into === "opus", convert: into });
    return { ...converted, seconds: shape.seconds };
  } catch (error) {
    throw error instanceof NoFfmpeg ? ffmpegMissing(`the file of type ${mimetype}`) : error;
  }
}

const extensions: Readonly<Record<Conversion, string>> = { opus: "ogg", mp4: "mp4", square: "mp4", webp: "webp" };
const renamed = (filename: string, into: Conversion) =>
  `${filename.replace(/\.[^.]*$/, "") || "file"}.${extensions[into]}`;

/** Converts a file to a new file. `shape` is what `recognize` would return for the new file. */
async function convert(
  owner: Owner,
  file: FetchedFile,
  recognized: Recognized,
  { voice, convert: into }: Pick<Plan, "voice"> & { convert: Conversion },
  hd = false,
) {
  const path = `${file.path}.${into}`;
  const filename = renamed(file.filename, into);
  if (into === "opus") {
    await toOpus(owner, file.path, recognized, path, voice);
    const { seconds } = (await parse(owner, { name: "opus", path })) ?? { seconds: 0 };
    const shape: Recognized = { ...recognized, demuxer: "ogg", mimetype: opusType, seconds };
    return { path, ...(await digestOf(path)), filename, mimetype: opusType, shape };
  }
  if (into === "webp") {
    await toSticker(owner, file.path, recognized, path);
    const found = await parse(owner, { name: "webp", path });
    const shape: Recognized = { ...recognized, kind: "image", mimetype: webpType, demuxer: "webp_pipe", ...found };
    return { path, ...(await digestOf(path)), filename, mimetype: webpType, shape };
  }
  if (into === "square") await toSquareMp4(owner, file.path, recognized, path);
  else await toMp4(owner, file.path, recognized, path, hd);
  const { seconds, width, height } = (await parse(owner, { name: "mp4", path })) ?? {
    seconds: 0,
    width: 0,
    height: 0,
  };
  const shape: Recognized = { ...recognized, demuxer: "mov", seconds, width, height };
  return { path, ...(await digestOf(path)), filename, mimetype: "video/mp4", shape };
}

/**
 * Adds the details that WhatsApp's apps show before a file is opened, such as a thumbnail. If that fails, returns the
 * file without these details, because it can be sent anyway.
 */
async function addPreview(
  owner: Owner,
  file: Omit<PreparedFile, "kind">,
  recognized: Recognized,
  { kind, voice }: Plan,
): Promise<PreparedFile> {
  const { width, height, animated } = recognized;
  if (kind === "sticker") return { ...file, kind, width, height, animated };
  const seconds =
    kind === "audio" && recognized.seconds === undefined
      ? await parse(owner, { name: "duration", path: file.path }).catch(() => undefined)
      : recognized.seconds;
  // WhatsApp uses whole seconds, and shows no duration for 0.
  const duration = seconds === undefined ? {} : { seconds: Math.max(1, Math.round(seconds)) };
  if (kind === "image" || kind === "video") {
    const thumbnail = await preview(owner, file.path, recognized).catch(() => undefined);
    return { ...file, kind, ...duration, width, height, thumbnail };
  }
  if (kind === "audio") {
    const bars = voice ? await waveform(owner, file.path, recognized).catch(() => undefined) : undefined;
    return { ...file, kind, ...duration, waveform: bars };
  }
  if (recognized.mimetype === "application/pdf") {
    const pages = await parse(owner, { name: "pages", path: file.path }).catch(() => undefined);
    return { ...file, kind, pages };
  }
  const isShown = recognized.kind === "image" || recognized.kind === "video";
  const thumbnail = isShown ? await preview(owner, file.path, recognized).catch(() => undefined) : undefined;
  return { ...file, kind, thumbnail };
}
