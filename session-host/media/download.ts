import { createDecipheriv, createHmac, timingSafeEqual } from "node:crypto";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream } from "node:stream/web";
import { DEFAULT_ORIGIN, getMediaKeys, type MediaType } from "@whiskeysockets/baileys";
import { maxMediaBytes } from "../../core/media/index.ts";
import { type Digest, spool } from "../../core/media/spool.ts";

/** The first bytes of the ciphertext's HMAC, which follow the ciphertext. */
const macBytes = 10;
/** How long a media host may send nothing. */
const silenceMs = 60_000;

/** The ciphertext is not the one that its sender made. */
export class Damaged extends Error {}

export interface EncryptedFile {
  /** On WhatsApp's media host. */
  url: string;
  /** Empty for a file in a channel, which is not encrypted. */
  mediaKey: Buffer;
  kind: MediaType;
}

/**
 * Fetches a file from WhatsApp's media host, decrypts it and writes it to the disk. Baileys' `downloadContentFromMessage`
 * (7.0.0-rc14, `Utils/messages-media.js`) is not used: it does not handle connection errors, which end the process, and does
 * not check the MAC. Throws `Damaged`, which a retry does not help, or another error, which it may.
 */
export async function download(file: EncryptedFile, options: RequestInit, path: string): Promise<Digest> {
  const silence = new AbortController();
  const timer = setTimeout(
    () => silence.abort(new Error(`the media host sent nothing for ${silenceMs} ms`)),
    silenceMs,
  );
  try {
    const response = await fetch(file.url, { ...options, headers: { origin: DEFAULT_ORIGIN }, signal: silence.signal });
    if (!response.ok || !response.body) {
      await response.body?.cancel();
      throw new Error(`the media host responded with HTTP status ${response.status}`);
    }
    const opened = await openerOf(file, () => timer.refresh());
    const [, digest] = await Promise.all([
      pipeline(Readable.fromWeb(response.body as ReadableStream), opened),
      spool(opened, path, maxMediaBytes),
    ]);
    return digest;
  } finally {
    clearTimeout(timer);
  }
}

async function openerOf({ mediaKey, kind }: EncryptedFile, onChunk: () => void): Promise<Transform> {
  if (mediaKey.length === 0) {
    return new Transform({
      transform(chunk: Buffer, _encoding, done) {
        onChunk();
        done(null, chunk);
      },
    });
  }
  const { cipherKey, iv, macKey } = await getMediaKeys(mediaKey, kind);
  return opener(Buffer.from(cipherKey), Buffer.from(iv), Buffer.from(macKey ?? []), onChunk);
}

/** Decrypts a stream of ciphertext and MAC. Fails at the end if the MAC is wrong. */
function opener(cipherKey: Buffer, iv: Buffer, macKey: Buffer, onChunk: () => void): Transform {
  const decipher = createDecipheriv("aes-256-cbc", cipherKey, iv);
  const hmac = createHmac("sha256", macKey).update(iv);
  let tail = Buffer.alloc(0);
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      onChunk();
      // Only tails are copied: they are small, and chunks are large.
      const cut = Math.max(0, chunk.length - macBytes);
      const held = Buffer.concat([tail, chunk.subarray(cut)]);
      const free = Math.max(0, held.length - macBytes);
      // The free part of the tail precedes the chunk. A chunk shorter than a MAC is part of the tail as a whole.
      for (const part of [held.subarray(0, Math.min(free, tail.length)), chunk.subarray(0, cut)]) {
        hmac.update(part);
        this.push(decipher.update(part));
      }
      tail = held.subarray(free);
      done();
    },
    flush(done) {
      const mac = hmac.digest().subarray(0, macBytes);
      if (tail.length !== macBytes || !timingSafeEqual(mac, tail)) {
        done(new Damaged("the file is damaged: its MAC is wrong"));
        return;
      }
      try {
        done(null, decipher.final());
      } catch (error) {
        done(new Damaged("the file is damaged: it can't be decrypted", { cause: error }));
      }
    },
  });
}
