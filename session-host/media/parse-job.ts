import type { Recognized } from "../../core/media/kind.ts";
import type { Mp4 } from "../../core/media/mp4.ts";
import type { OggOpus } from "../../core/media/ogg.ts";
import type { StickerMetadata } from "../../core/media/sticker.ts";
import type { WebP } from "../../core/media/webp.ts";
import type { PageInfo } from "../../core/message/link-page.ts";

/** A file on the disk to parse in a worker process. */
export type ParseJob =
  | { name: "recognize"; path: string; claimed: string; filename?: string }
  | { name: "mp4"; path: string }
  | { name: "opus"; path: string }
  | { name: "webp"; path: string }
  | { name: "stickerWithMetadata"; path: string; metadata: StickerMetadata }
  | { name: "pages"; path: string }
  | { name: "duration"; path: string }
  | { name: "page"; path: string; url: string };

export interface ParseResults {
  recognize: Recognized;
  mp4: Mp4 | undefined;
  opus: OggOpus | undefined;
  webp: WebP | undefined;
  /** The file in base64. */
  stickerWithMetadata: string;
  /** Pages of a PDF. */
  pages: number | undefined;
  /** Seconds of audio. */
  duration: number | undefined;
  page: PageInfo;
}
