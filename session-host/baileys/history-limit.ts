import { syncBuiltinESMExports } from "node:module";
import zlib from "node:zlib";
import type { proto } from "@whiskeysockets/baileys";

/**
 * Maximum size of a part of the history that the phone sends after linking, in bytes after decompression. The phone is
 * the user's, and a user can replace WhatsApp on it.
 */
const maxHistoryBytes = 128 * 1024 * 1024;
/** Maximum size of a part that is in the notification itself. */
const maxInlineBytes = 16 * 1024 * 1024;

const { createInflate } = zlib;

/**
 * Limits what Baileys decompresses: a megabyte can become a gigabyte. Baileys has no setting for it, but it calls
 * `createInflate` without options only for the history (7.0.0-rc14, `Utils/history.js`). Other callers pass options
 * (undici) or are not affected by the limit.
 */
export function limitHistories(maxBytes: number = maxHistoryBytes): void {
  const limited = (options?: zlib.ZlibOptions) =>
    options === undefined ? withLimit(createInflate(), maxBytes) : createInflate(options);
  Object.defineProperty(zlib, "createInflate", { value: limited, configurable: true, enumerable: true });
  // Modules that have imported the function get the new one.
  syncBuiltinESMExports();
}

function withLimit(inflate: zlib.Inflate, maxBytes: number): zlib.Inflate {
  let size = 0;
  const push = inflate.push.bind(inflate);
  inflate.push = (chunk: Buffer | null, encoding?: BufferEncoding) => {
    size += chunk?.length ?? 0;
    if (size <= maxBytes) return push(chunk, encoding);
    inflate.destroy(new Error(`the history is larger than ${maxBytes} bytes`));
    return false;
  };
  return inflate;
}

/** Returns whether a part of the history that is in its notification has a harmless size. */
export function isReadableHistory({
  initialHistBootstrapInlinePayload: inline,
}: proto.Message.IHistorySyncNotification) {
  if (!inline) return true;
  try {
    zlib.inflateSync(inline, { maxOutputLength: maxInlineBytes });
    return true;
  } catch {
    return false;
  }
}
