import { fileTypeFromFile } from "file-type";
import { AppError } from "../error.ts";
import type { MediaKind } from "./index.ts";
import { readMp4 } from "./mp4.ts";
import { readOggOpus } from "./ogg.ts";

export const opusType = "audio/ogg; codecs=opus";

/** What a file is according to its content. */
export interface Recognized {
  mimetype: string;
  /** How WhatsApp shows the file as it is. */
  kind: MediaKind;
  /** What the file can be converted to. */
  convertible: "audio" | "video" | null;
  /**
   * The ffmpeg demuxer to read the file with, so that ffmpeg doesn't guess. Null for a file that ffmpeg doesn't get.
   */
  demuxer: string | null;
  /** Whether the video is H.264 already, so that only the container and the audio need conversion. */
  h264: boolean;
  /** Length, and size in pixels, if known. */
  seconds?: number;
  width?: number;
  height?: number;
}

const images: Record<string, string> = {
  "image/jpeg": "jpeg_pipe",
  "image/png": "png_pipe",
  "image/webp": "webp_pipe",
};

/** Containers of ISO/IEC 14496-12 and related containers. Their codecs decide how WhatsApp shows them. */
const boxed = ["video/mp4", "video/3gpp", "video/3gpp2", "video/x-m4v", "video/quicktime", "audio/mp4", "audio/x-m4a"];
/** Audio types that WhatsApp plays. */
const playable: Record<string, string> = { "audio/mpeg": "mp3", "audio/aac": "aac", "audio/amr": "amr" };
const otherAudio: Record<string, string> = {
  "audio/ogg": "ogg",
  "audio/wav": "wav",
  "audio/flac": "flac",
  "audio/aiff": "aiff",
  "audio/matroska": "matroska",
  "audio/webm": "matroska",
};
const otherVideo: Record<string, string> = {
  "video/webm": "matroska",
  "video/matroska": "matroska",
  "video/vnd.avi": "avi",
  "video/mpeg": "mpeg",
  "video/mp2t": "mpegts",
  "video/x-flv": "flv",
  "video/ogg": "ogg",
};

/**
 * Determines the type from the content. The claimed type counts only for types without a magic number, such as text.
 */
export async function recognize(path: string, claimed: string): Promise<Recognized> {
  const found = (await fileTypeFromFile(path))?.mime.split(";")[0];
  const claim = claimed.split(";")[0]?.trim().toLowerCase() ?? "";
  const textual = /^(text\/|application\/(json|xml|rtf))/.test(claim) ? claim : "application/octet-stream";
  const mimetype = found ?? textual;
  const plain: Recognized = { mimetype, kind: "document", convertible: null, demuxer: null, h264: false };
  if (images[mimetype]) return { ...plain, kind: "image", demuxer: images[mimetype] };
  if (boxed.includes(mimetype)) return await recognizeBoxed(path, plain);
  if (playable[mimetype]) return { ...plain, kind: "audio", convertible: "audio", demuxer: playable[mimetype] };
  const opus = mimetype === "audio/ogg" ? await readOggOpus(path) : undefined;
  if (opus) {
    const { seconds } = opus;
    return { ...plain, mimetype: opusType, kind: "audio", convertible: "audio", demuxer: "ogg", seconds };
  }
  if (otherAudio[mimetype]) return { ...plain, convertible: "audio", demuxer: otherAudio[mimetype] };
  if (otherVideo[mimetype]) return { ...plain, convertible: "video", demuxer: otherVideo[mimetype] };
  return plain;
}

/** WhatsApp plays MP4 and 3GP files with H.264 and AAC, or with AAC alone. */
async function recognizeBoxed(path: string, plain: Recognized): Promise<Recognized> {
  const content = await readMp4(path);
  if (!content) return plain;
  const { video, audio, seconds, width, height } = content;
  const length = seconds > 0 ? { seconds } : {};
  const aac = audio.every((codec) => codec === "mp4a");
  if (video.length > 0) {
    const h264 = video.every((codec) => codec === "avc1" || codec === "avc3");
    const isPlayable = h264 && aac && plain.mimetype !== "video/quicktime";
    const size = width > 0 && height > 0 ? { width, height } : {};
    const videoFile = { ...plain, convertible: "video" as const, demuxer: "mov", h264, ...length, ...size };
    const mimetype = plain.mimetype === "video/3gpp" ? plain.mimetype : "video/mp4";
    return isPlayable ? { ...videoFile, kind: "video", mimetype } : videoFile;
  }
  if (audio.length === 0) return plain;
  const audioFile = { ...plain, convertible: "audio" as const, demuxer: "mov", ...length };
  return aac ? { ...audioFile, kind: "audio", mimetype: "audio/mp4" } : audioFile;
}

/** How to send a file: unchanged or converted. */
export interface Plan {
  kind: MediaKind;
  voice: boolean;
  convert: "opus" | "mp4" | null;
  /** Whether the send fails if the conversion fails. If false, the file is then sent as a document. */
  required: boolean;
}

/** Decides how to send a file. Throws `media_not_usable` if the file can't be sent as requested. */
export function planFor(
  file: Recognized,
  requested: { kind?: MediaKind | undefined; voice?: boolean | undefined },
): Plan {
  const asIs = { voice: false, convert: null, required: false };
  if (requested.voice) {
    if (file.mimetype === opusType) return { ...asIs, kind: "audio", voice: true };
    if (file.convertible) return { kind: "audio", voice: true, convert: "opus", required: true };
    throw new AppError("media_not_usable", `the file is ${file.mimetype}, which cannot be a voice note`);
  }
  const { kind } = requested;
  if (kind === "document" || kind === file.kind) return { ...asIs, kind };
  if (kind === undefined) {
    if (file.kind !== "document" || file.convertible !== "video") return { ...asIs, kind: file.kind };
    return { kind: "video", voice: false, convert: "mp4", required: false };
  }
  if (kind === file.convertible) {
    return { kind, voice: false, convert: kind === "audio" ? "opus" : "mp4", required: true };
  }
  throw new AppError("media_not_usable", `the file is ${file.mimetype}, which WhatsApp does not show as ${kind}`);
}
