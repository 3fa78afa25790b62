import { AppError } from "../error.ts";
import type { MediaKind } from "./index.ts";

export const opusType = "audio/ogg; codecs=opus";
export const gifType = "image/gif";
export const webpType = "image/webp";

/** What a file is according to its content. */
export interface Recognized {
  mimetype: string;
  /** How WhatsApp shows the file as it is. */
  kind: MediaKind;
  /** What the file can be converted to. Videos and pictures can also become stickers. */
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
  /** Whether the picture is an animated WebP. */
  animated?: boolean;
  /** Of a WebP picture: why WhatsApp's apps would not accept it as a sticker, or null. Ends a sentence about the file. */
  notSticker?: string | null;
}

/** How a caller wants a file to be sent. */
export interface Wanted {
  kind?: MediaKind | undefined;
  voice?: boolean | undefined;
  gif?: boolean | undefined;
  round?: boolean | undefined;
  viewOnce?: boolean | undefined;
  hd?: boolean | undefined;
  caption?: string | undefined;
  /** Whether WhatsApp has delivered the file before in a message of this kind, so that the file is sent unchanged. */
  forwarded?: boolean | undefined;
}

/** What a file is converted to: Ogg/Opus, MP4, a square MP4 of at most `maxRoundSeconds`, or a WebP sticker. */
export type Conversion = "opus" | "mp4" | "square" | "webp";

/** The longest round video. The limit of WhatsApp's apps. */
export const maxRoundSeconds = 60;

/** How to send a file: unchanged or converted. */
export interface Plan {
  kind: MediaKind;
  voice: boolean;
  /** Whether a video plays like a GIF: silently, and again and again. */
  gif: boolean;
  /** Whether a video is a round video message. */
  round: boolean;
  convert: Conversion | null;
  /** Whether the send fails if the conversion fails. If false, the file is then sent as a document. */
  required: boolean;
}

/**
 * Size of an HD picture or video: its longer side has at least this many pixels. WhatsApp Web reduces pictures to 1600 pixels
 * if they are not sent in HD (`maxDimension` in wa-js, src/chat/functions/sendFileMessage.ts). HD videos have 720p.
 */
const hdPixels = { image: 1601, video: 1280 } as const;

/**
 * Checks a file that is ready to be sent. Throws `media_not_usable` if it can't have a caption, or be view-once or HD as
 * requested. `AudioMessage` and `StickerMessage` have no field for a caption (WAProto in Baileys).
 */
export function assertSendable(
  file: { kind: MediaKind; voice: boolean; gif?: boolean; width?: number | undefined; height?: number | undefined },
  { viewOnce, hd, caption }: Wanted,
): void {
  const { kind, width = 0, height = 0 } = file;
  if (caption && (kind === "audio" || kind === "sticker"))
    throw new AppError("media_not_usable", `the file is sent as ${kind}, which cannot have a caption`);
  const isPicture = kind === "image" || kind === "video";
  if (viewOnce && !(file.voice || (isPicture && !file.gif))) {
    throw new AppError(
      "media_not_usable",
      `only pictures, videos and voice notes can be view-once, not a ${nameOf(file)}`,
    );
  }
  if (!hd) return;
  if (!isPicture) throw new AppError("media_not_usable", `only pictures and videos can be HD, not a ${nameOf(file)}`);
  if (Math.max(width, height) < hdPixels[kind]) {
    throw new AppError(
      "media_not_usable",
      `the ${kind} has ${width} by ${height} pixels; for HD, its longer side must have at least ${hdPixels[kind]}`,
    );
  }
}

const nameOf = ({ kind, gif }: { kind: MediaKind; gif?: boolean }) =>
  gif ? "GIF" : kind === "audio" ? "sound that is not a voice note" : kind;

/** Decides how to send a file. Throws `media_not_usable` if the file can't be sent as requested. */
export function planFor(file: Recognized, requested: Wanted): Plan {
  const isGif = file.mimetype === gifType;
  const asIs = { voice: false, gif: isGif || requested.gif === true, round: false, convert: null, required: false };
  if (requested.voice) {
    if (file.mimetype === opusType) return { ...asIs, kind: "audio", voice: true };
    if (file.convertible && !isGif) return { ...asIs, kind: "audio", voice: true, convert: "opus", required: true };
    throw new AppError("media_not_usable", `the file is ${file.mimetype}, which cannot be a voice note`);
  }
  const kind = requested.kind ?? (requested.gif || requested.round ? "video" : undefined);
  if (kind === "sticker") return { ...asIs, kind, ...stickerPlan(file, requested), gif: false };
  if (requested.round && file.convertible === "video")
    return { ...asIs, kind: "video", ...roundPlan(file), gif: false };
  if (kind === "document" || kind === file.kind) return { ...asIs, kind, gif: asIs.gif && kind === "video" };
  if (kind === undefined) {
    if (file.kind !== "document" || file.convertible !== "video") return { ...asIs, kind: file.kind };
    return { ...asIs, kind: "video", convert: "mp4", required: false };
  }
  // WhatsApp shows a GIF only as a video that repeats.
  if (kind === "image" && isGif) return { ...asIs, kind: "video", convert: "mp4", required: true };
  if (kind === file.convertible && !(isGif && kind === "audio")) {
    return { ...asIs, kind, convert: kind === "audio" ? "opus" : "mp4", required: true };
  }
  throw new AppError("media_not_usable", `the file is ${file.mimetype}, which WhatsApp does not show as ${kind}`);
}

/** A WebP file within the limits of stickers is sent unchanged. Other pictures, GIFs and videos are converted. */
function stickerPlan(file: Recognized, { forwarded }: Wanted): Pick<Plan, "convert" | "required"> {
  if (file.mimetype === webpType && (forwarded || file.notSticker === null)) return { convert: null, required: false };
  // ffmpeg doesn't read animated WebP files.
  if (file.animated) {
    throw new AppError(
      "media_not_usable",
      `the animated WebP file cannot be a sticker: it ${file.notSticker ?? "is damaged"}. Send a GIF or a video, which is converted`,
    );
  }
  if (file.kind === "image" || file.convertible === "video") return { convert: "webp", required: true };
  throw new AppError("media_not_usable", `the file is ${file.mimetype}, which cannot be a sticker`);
}

function roundPlan(file: Recognized): Pick<Plan, "round" | "convert" | "required"> {
  const { kind, width, height, seconds = Number.POSITIVE_INFINITY } = file;
  const isRound = kind === "video" && width !== undefined && width === height && seconds <= maxRoundSeconds;
  return { round: true, convert: isRound ? null : "square", required: true };
}
