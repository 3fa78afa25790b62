import * as z from "zod";

const maxLength = 255;

/**
 * A file name as the recipient sees it, without the folders that some clients prepend. Rejects control characters and
 * characters that change the writing direction, which can make `exe.gpj` look like `jpg.exe`.
 */
export const fileName = z
  .string()
  .transform((text, context) => {
    const name = (text.split(/[/\\]/).at(-1) ?? "").trim();
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

/** Returns a `Content-Disposition` header (RFC 6266) that makes browsers save the file and never show it. */
export function attachment(name: string): string {
  const plain = name.replaceAll(/[^\x20-\x7e]|["\\%]/g, "_");
  const encoded = encodeURIComponent(name.toWellFormed()).replaceAll(
    /['()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`;
}

/** Returns the name in a header that `attachment` made. */
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
  "text/plain": "txt",
};

/** Returns a name for a file that has none. */
export function inventedName(id: string, mimetype: string | null): string {
  const type = mimetype?.split(";")[0]?.trim().toLowerCase() ?? "";
  const extension = extensions[type] ?? /^[a-z]+\/([a-z0-9]{2,5})$/.exec(type)?.[1] ?? "bin";
  return `${id.replaceAll(/[^A-Za-z0-9-]/g, "_")}.${extension}`;
}
