import { createHash } from "node:crypto";
import * as z from "zod";
import type { Storage } from "../storage/index.ts";
import { storableType, uploadId, uploadKey } from "./index.ts";

/** Where a caller's file is: at a URL, uploaded before, or in the request itself. */
export type MediaPlace =
  | { url: string; upload?: undefined; inline?: undefined }
  | { upload: string; url?: undefined; inline?: undefined }
  | { inline: { bytes: Buffer; type: string }; upload: string; url?: undefined };

/** In base64 with the rest of the request below the 6 MB that a request may have. */
export const maxInlineBytes = 4_400_000;

/** What is shorter is rather a name that somebody has put in the wrong field. Characters. */
const shortestBase64 = 64;
/** `data:[<type>][;<parameter>]…[;base64],<data>` (RFC 2397). */
const dataUrl = /^data:([\w.+-]{1,64}\/[\w.+-]{1,64})?((?:;[\w.+-]{1,64}=[^;,]{0,128}){0,8})(;base64)?,/i;
const base64 = /^[A-Za-z0-9+/]+={0,2}$/;
const url = z.url({ protocol: /^https?$/ }).max(2048);

/**
 * A file as callers name it: a URL, what `uploads` answered, a data URL or bare base64. In the request itself it may have 4.4 MB.
 * Such a file has the SHA-256 of its content as the id of its upload, so a request that is made again is the same request.
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
      return refuse(`may have ${maxInlineBytes} bytes at most in the request itself; larger ones go by URL or upload`);
    }
    return { inline, upload: createHash("sha256").update(inline.bytes).digest("hex") };
  })
  .meta({ description: "A URL, the id of an upload, a data URL or base64; in the request itself up to 4.4 MB" });

/** Only what `mediaPlace` takes in the request itself: a data URL or bare base64, of up to 4.4 MB. */
export const inlinePlace = z
  .string()
  .transform((text, context): Extract<MediaPlace, { inline: object }> => {
    const inline = inlineOf(text) ?? (text === "" ? undefined : decoded(text, "application/octet-stream"));
    if (inline && inline.bytes.length > 0 && inline.bytes.length <= maxInlineBytes) {
      return { inline, upload: createHash("sha256").update(inline.bytes).digest("hex") };
    }
    const large = inline && inline.bytes.length > maxInlineBytes;
    const reason = large ? `may have ${maxInlineBytes} bytes at most; upload larger files` : "must be a file in base64";
    context.addIssue({ code: "custom", message: reason });
    return z.NEVER;
  })
  .meta({ description: "Base64 or a data URL, up to 4.4 MB" });

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

/** Puts a file that came in the request where the session host takes uploads from. */
export async function keepInline(
  storage: Pick<Storage, "put">,
  instanceId: string,
  { inline, upload }: Extract<MediaPlace, { inline: object }>,
): Promise<void> {
  await storage.put(uploadKey(instanceId, upload), inline.bytes, { contentType: storableType(inline.type) });
}
