import { createHash } from "node:crypto";
import * as z from "zod";
import type { Storage } from "../storage/index.ts";
import { storableType, uploadId, uploadKey } from "./index.ts";

/** Where a caller's file is: at a URL, in an upload, or in the request itself. */
export type MediaPlace =
  | { url: string; upload?: undefined; inline?: undefined }
  | { upload: string; url?: undefined; inline?: undefined }
  | { inline: { bytes: Buffer; type: string }; upload: string; url?: undefined };

/** Bytes. As base64, this and the rest of the request fit into the 6 MB of a request. */
export const maxInlineBytes = 4_400_000;

/** Characters. A shorter text is probably a file name in the wrong field. */
const shortestBase64 = 64;
/** `data:[<type>][;<parameter>]…[;base64],<data>` (RFC 2397). */
const dataUrl = /^data:([\w.+-]{1,64}\/[\w.+-]{1,64})?((?:;[\w.+-]{1,64}=[^;,]{0,128}){0,8})(;base64)?,/i;
const base64 = /^[A-Za-z0-9+/]+={0,2}$/;
const url = z.url({ protocol: /^https?$/ }).max(2048);

/**
 * A file as callers give it: a URL, the id of an upload, a data URL or base64. A file in the request may have 4.4 MB.
 * It becomes an upload with the SHA-256 of its content as id, so that a repeated request equals the first request.
 */
export const mediaPlace = z
  .string()
  .transform((text, context): MediaPlace => {
    const refuse = (message: string) => {
      context.addIssue({ code: "custom", message });
      return z.NEVER;
    };
    if (url.safeParse(text).success) return { url: text };
    if (uploadId.safeParse(text).success) return { upload: text };
    const inline = inlineOf(text);
    if (!inline) return refuse("must be a URL, the id of an upload, a data URL or base64");
    if (inline.bytes.length === 0) return refuse("is empty");
    if (inline.bytes.length > maxInlineBytes) {
      return refuse(
        `must be at most ${maxInlineBytes} bytes in the request itself; use a URL or an upload for larger files`,
      );
    }
    return { inline, upload: createHash("sha256").update(inline.bytes).digest("hex") };
  })
  .meta({ description: "A URL, the id of an upload, a data URL or base64. At most 4.4 MB in the request itself" });

/** A file in the request itself: a data URL or base64, of at most 4.4 MB. */
export const inlinePlace = z
  .string()
  .transform((text, context): Extract<MediaPlace, { inline: object }> => {
    const inline = inlineOf(text) ?? (text === "" ? undefined : decoded(text, "application/octet-stream"));
    if (inline && inline.bytes.length > 0 && inline.bytes.length <= maxInlineBytes) {
      return { inline, upload: createHash("sha256").update(inline.bytes).digest("hex") };
    }
    const large = inline && inline.bytes.length > maxInlineBytes;
    const reason = large ? `must be at most ${maxInlineBytes} bytes; upload larger files` : "must be a file in base64";
    context.addIssue({ code: "custom", message: reason });
    return z.NEVER;
  })
  .meta({ description: "Base64 or a data URL, at most 4.4 MB" });

function inlineOf(text: string): { bytes: Buffer; type: string } | undefined {
  const [head, type = "text/plain", , encoded] = dataUrl.exec(text) ?? [];
  if (head === undefined) {
    return text.length >= shortestBase64 ? decoded(text, "application/octet-stream") : undefined;
  }
  const data = text.slice(head.length);
  if (encoded) return data === "" ? { bytes: Buffer.alloc(0), type } : decoded(data, type);
  try {
    return { bytes: Buffer.from(decodeURIComponent(data)), type };
  } catch {
    return undefined;
  }
}

function decoded(text: string, type: string): { bytes: Buffer; type: string } | undefined {
  return text.length % 4 === 0 && base64.test(text) ? { bytes: Buffer.from(text, "base64"), type } : undefined;
}

/** Stores a file from a request as an upload, where the session host reads it. */
export async function keepInline(
  storage: Pick<Storage, "put">,
  instanceId: string,
  { inline, upload }: Extract<MediaPlace, { inline: object }>,
): Promise<void> {
  await storage.put(uploadKey(instanceId, upload), inline.bytes, { contentType: storableType(inline.type) });
}
