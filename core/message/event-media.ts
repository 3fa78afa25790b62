import type { MessageMedia } from "./message.sql.ts";

/** Returns the properties of a message's file that its events contain. */
export function eventMedia({ mimetype, filename, size, sha256, storageKey }: MessageMedia) {
  return { mimetype, filename, size, sha256, storageKey };
}
