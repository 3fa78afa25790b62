import { open } from "node:fs/promises";
import { fileTypeFromFile } from "file-type";
import { gifType, opusType, type Recognized, webpType } from "./kind.ts";
import { readMp4 } from "./mp4.ts";
import { readOggOpus } from "./ogg.ts";
import { readPictureSize } from "./picture.ts";
import { textTypeOf, typeInContainer } from "./type-by-name.ts";
import { readWebP } from "./webp.ts";

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
 * Determines the type from the content. The claimed type and the name count only where the content doesn't tell: for types
 * without a magic number, such as text, and for documents that are ZIP files.
 */
export async function recognize(path: string, claimed: string, filename = ""): Promise<Recognized> {
  const named = textTypeOf(filename);
  const beginning = named === undefined ? undefined : await firstBytes(path);
  // The byte order mark of UTF-16 looks like MPEG audio.
  const found = beginning && isUtf16(beginning) ? undefined : await typeOf(path);
  const textual = beginning && isText(beginning) ? named : undefined;
  const mimetype = found ? typeInContainer(found, filename) : textType(claimed, textual);
  const plain: Recognized = { mimetype, kind: "document", convertible: null, demuxer: null, h264: false };
  if (images[mimetype]) {
    const shape = mimetype === webpType ? await readWebP(path) : await readPictureSize(path);
    return { ...plain, kind: "image", demuxer: images[mimetype], ...shape };
  }
  if (mimetype === gifType) return { ...plain, convertible: "video", demuxer: "gif" };
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

/** Returns undefined for a file that is damaged or without a magic number. */
async function typeOf(path: string): Promise<string | undefined> {
  // `file-type` rejects, for example, a ZIP file with too many entries.
  const found = await fileTypeFromFile(path).catch(() => undefined);
  return found?.mime.split(";")[0];
}

/** Returns the claimed type of a text. `text/plain` says no more than that a file is text, so the name may say more. */
function textType(claimed: string, named: string | undefined): string {
  const claim = claimed.split(";")[0]?.trim().toLowerCase() ?? "";
  const textual = /^(text\/|application\/(json|xml|rtf))/.test(claim) ? claim : undefined;
  if (textual && textual !== "text/plain") return textual;
  return named ?? textual ?? "application/octet-stream";
}

async function firstBytes(path: string): Promise<Buffer> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(8192), 0, 8192, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

const isUtf16 = (bytes: Buffer) => /^(?:fffe|feff)/.test(bytes.subarray(0, 2).toString("hex"));
const isText = (bytes: Buffer) => isUtf16(bytes) || !bytes.includes(0);

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
