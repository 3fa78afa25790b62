import { createReadStream, createWriteStream } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createInflate } from "node:zlib";
import { proto } from "@whiskeysockets/baileys";
import { DamagedFile } from "../media/download.ts";
import type { MediaConnection } from "../media/downloads.ts";

/** Bytes of a part of the history after decompression. The phone's owner can replace WhatsApp on the phone. */
export const maxHistoryBytes = 256 * 1024 * 1024;

/**
 * Fetches a part of the history and writes its `HistorySync` to a file in `folder`, decrypted and decompressed as it
 * arrives. Returns the path of the file. Throws `DamagedFile` if a retry would have the same result.
 */
export async function fetchHistory(
  encoded: Uint8Array,
  connection: Pick<MediaConnection, "mediaHosts">,
  folder: string,
  maxBytes: number = maxHistoryBytes,
): Promise<string> {
  const compressed = join(folder, "compressed");
  const path = join(folder, "history");
  const notification = proto.Message.HistorySyncNotification.decode(encoded);
  const { initialHistBootstrapInlinePayload: inline, directPath, mediaKey, fileSha256 } = notification;
  if (inline?.length) await writeFile(compressed, inline, { mode: 0o600 });
  else {
    // Without a leading slash, the path could turn the host name into that of another host.
    if (!directPath?.startsWith("/") || !mediaKey?.length) throw new DamagedFile("the notification names no file");
    const file = { directPath, mediaKey: Buffer.from(mediaKey), kind: "md-msg-hist" as const };
    const { sha256 } = await connection.mediaHosts.download(file, compressed);
    if (fileSha256?.length && Buffer.from(fileSha256).toString("hex") !== sha256)
      throw new DamagedFile("the file is damaged: its hash differs from the hash in the notification");
  }
  await inflate(compressed, path, maxBytes);
  return path;
}

async function inflate(from: string, to: string, maxBytes: number): Promise<void> {
  let size = 0;
  const limit = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      size += chunk.length;
      if (size > maxBytes) done(new DamagedFile(`the history is larger than ${maxBytes} bytes`));
      else done(null, chunk);
    },
  });
  try {
    await pipeline(createReadStream(from), createInflate(), limit, createWriteStream(to, { mode: 0o600 }));
  } catch (error) {
    if (String((error as { code?: unknown }).code).startsWith("Z_"))
      throw new DamagedFile("the file is damaged: it can't be decompressed", { cause: error });
    throw error;
  }
}
