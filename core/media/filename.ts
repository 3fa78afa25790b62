import * as z from "zod";
import { extensionOfType } from "./type-by-name.ts";

const maxLength = 255;

/**
 * A file name as the recipient sees it, without the folders that some clients prepend. Rejects control characters and
 * characters that change the writing direction, which can make `exe.gpj` look like `jpg.exe`.
 */
export const fileName = z
  .string()
  .transform((text, context) => {
    const name = text.slice(Math.max(text.lastIndexOf("/"), text.lastIndexOf("\\")) + 1).trim();
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to reject
    if (/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/.test(name)) {
      context.addIssue({ code: "custom", message: "must not contain control characters" });
    } else if (name === "" || /^\.+$/.test(name)) {
      context.addIssue({ code: "custom", message: "must be a file name" });
    } else if (name.length > maxLength) {
      context.addIssue({ code: "custom", message: `must be at most ${maxLength} characters` });
    }
    return name;
  })
  .meta({ description: "Folders in the name are removed" });

/** Control characters, characters that change the writing direction, invisible characters and folder separators. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to remove
const misleading = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff/\\]/g;

/**
 * Returns a name that a sender chose in a form that a browser may show: at most `max` characters without those that
 * mislead. Keeps the extension.
 */
export function safeName(name: string, max = maxLength): string {
  // More than enough for a name of `max` characters, whose first and last characters count.
  const ends = name.length > 4 * max ? name.slice(0, 2 * max) + name.slice(-2 * max) : name;
  const clean = ends.toWellFormed().replaceAll(misleading, "").trim();
  if (clean === "" || /^\.+$/.test(clean)) return "file";
  if (clean.length <= max) return clean;
  const extension = /\.[A-Za-z0-9]{1,10}$/.exec(clean.slice(-11))?.[0] ?? "";
  // The cut may split a surrogate pair.
  return clean.slice(0, max - extension.length).toWellFormed() + extension;
}

/**
 * Returns a `Content-Disposition` header (RFC 6266, RFC 8187). `attachment` makes browsers save the file and never show
 * it.
 */
export function disposition(kind: "attachment" | "inline", name: string, max = maxLength): string {
  const safe = safeName(name, max);
  const plain = safe.replaceAll(/[^\x20-\x7e]|["\\%]/g, "_");
  const encoded = encodeURIComponent(safe).replaceAll(
    /['()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `${kind}; filename="${plain}"; filename*=UTF-8''${encoded}`;
}

/** Returns the header to store with a file, so that its name is not lost. */
export const attachment = (name: string): string => disposition("attachment", name);

/** Returns the name in a header that `disposition` made. */
export function nameOfAttachment(header: string | undefined): string | undefined {
  const encoded = /filename\*=UTF-8''([^;]+)/.exec(header ?? "")?.[1];
  try {
    return encoded && decodeURIComponent(encoded);
  } catch {
    // The object was stored by other means.
    return undefined;
  }
}

const extensions: Record<string, string> = {
  "image/jpeg": "jpg",
  "video/3gpp": "3gp",
  "video/quicktime": "mov",
  "audio/mpeg": "mp3",
  "audio/mp4": "m4a",
};

/** Returns a name for a file that has none. */
export function inventedName(id: string, mimetype: string | null): string {
  const type = mimetype?.split(";")[0]?.trim().toLowerCase() ?? "";
  const extension = extensions[type] ?? extensionOfType(type) ?? /^[a-z]+\/([a-z0-9]{2,5})$/.exec(type)?.[1] ?? "bin";
  return `${id.replaceAll(/[^A-Za-z0-9-]/g, "_")}.${extension}`;
}
