import { AppError } from "../error.ts";
import type { MediaKind } from "./index.ts";

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
