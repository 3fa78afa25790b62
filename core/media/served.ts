import type { ServedHeaders } from "../storage/index.ts";
import { disposition } from "./filename.ts";
import { statedOrNamedType } from "./type-by-name.ts";

/**
 * Maximum length of the name in a link, in characters. The name is encoded twice in the URL, and some proxies accept at
 * most 4 KB of headers.
 */
const maxName = 120;

/** Types that browsers show or play, and that can't run scripts. Not SVG, which can. */
const shown = new Set([
  ...["image/jpeg", "image/png", "image/webp", "image/gif"],
  ...["audio/mpeg", "audio/mp4", "audio/aac", "audio/amr", "audio/ogg", "audio/wav", "audio/webm", "audio/flac"],
  ...["video/mp4", "video/3gpp", "video/webm", "video/quicktime", "video/mpeg", "video/ogg"],
]);
/** Types of documents, which browsers only save. */
const saved = new Set([
  ...["application/pdf", "application/json", "application/rtf", "application/epub+zip"],
  ...["application/zip", "application/gzip", "application/x-7z-compressed", "application/vnd.rar", "application/x-tar"],
  ...["application/msword", "application/vnd.ms-excel", "application/vnd.ms-powerpoint"],
  ...["spreadsheet", "text", "presentation"].map((kind) => `application/vnd.oasis.opendocument.${kind}`),
  ...["wordprocessingml.document", "spreadsheetml.sheet", "presentationml.presentation"].map(
    (kind) => `application/vnd.openxmlformats-officedocument.${kind}`,
  ),
  ...["text/plain", "text/csv", "text/markdown", "text/vcard", "text/calendar"],
]);

/**
 * Returns the headers with which a file is served. Senders choose types and names, so the type is one of a closed list, or
 * `application/octet-stream`, and only pictures, audio and video can be `inline`.
 */
export function servedAs(kind: "attachment" | "inline", mimetype: string | null, filename: string): ServedHeaders {
  const [stated = "", parameter] = (mimetype ?? "").slice(0, 200).toLowerCase().split(";");
  const type = statedOrNamedType(stated.trim(), filename);
  const isShown = shown.has(type);
  const codecs = isShown && parameter?.trim() === "codecs=opus" ? "; codecs=opus" : "";
  return {
    contentType: isShown || saved.has(type) ? type + codecs : "application/octet-stream",
    contentDisposition: disposition(isShown ? kind : "attachment", filename, maxName),
  };
}
