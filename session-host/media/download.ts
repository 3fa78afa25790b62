import { createDecipheriv, createHmac, timingSafeEqual } from "node:crypto";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream } from "node:stream/web";
import { DEFAULT_ORIGIN, getMediaKeys, type MediaType } from "@whiskeysockets/baileys";
import { maxMediaBytes } from "../../core/media/index.ts";
import { type Digest, spool } from "../../core/media/spool.ts";

/** Behind the ciphertext: the first bytes of its HMAC. */
const macBytes = 10;
/** A media host that sends nothing for so long is not waited for. */
const silenceMs = 60_000;

/** The ciphertext is not what its sender has made. */
export class Damaged extends Error {}

export interface EncryptedFile {
  /** Of WhatsApp's media host. */
  url: string;
  /** Empty for a file of a channel, which is in the clear. */
  mediaKey: Buffer;
  kind: MediaType;
}

/**
 * Fetches a file from WhatsApp's media host, decrypts it and writes it to the disk. Baileys' own way
 * (`downloadContentFromMessage`, 7.0.0-rc14) leaves an error of the connection to nobody, which ends the process, and does
 * not check the MAC. Throws `Damaged`, and whatever may pass.
 */
export async function download(file: EncryptedFile, options: RequestInit, path: string): Promise<Digest> {
  const silence = new AbortController();
  const timer = setTimeout(() => silence.abort(new Error(`nothing came for ${silenceMs} ms`)), silenceMs);
  try {
    const response = await fetch(file.url, { ...options, headers: { origin: DEFAULT_ORIGIN }, signal: silence.signal });
    if (!response.ok || !response.body) {
      await response.body?.cancel();
      throw new Error(`the media host answers with status ${response.status}`);
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

/** Turns ciphertext and MAC into the file; fails at its end when they do not belong together. */
function opener(cipherKey: Buffer, iv: Buffer, macKey: Buffer, onChunk: () => void): Transform {
  const decipher = createDecipheriv("aes-256-cbc", cipherKey, iv);
  const hmac = createHmac("sha256", macKey).update(iv);
  let tail = Buffer.alloc(0);
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      onChunk();
      // Chunks are large and tails small: only these are ever copied.
      const cut = Math.max(0, chunk.length - macBytes);
      const held = Buffer.concat([tail, chunk.subarray(cut)]);
      const free = Math.max(0, held.length - macBytes);
      // What is free of the tail comes before the chunk; a chunk shorter than a MAC is all in the tail.
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
        done(new Damaged("the file is damaged: its MAC is not right"));
        return;
      }
      try {
        done(null, decipher.final());
      } catch (error) {
        done(new Damaged("the file is damaged: it cannot be decrypted", { cause: error }));
      }
    },
  });
}
