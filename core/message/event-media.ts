import type { MessageMedia } from "./message.sql.ts";

/** Returns what events carry of a message's file. */
export function eventMedia({ mimetype, filename, size, sha256, storageKey }: MessageMedia) {
  return { mimetype, filename, size, sha256, storageKey };
}
