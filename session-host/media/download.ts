import { createDecipheriv, createHmac, timingSafeEqual } from "node:crypto";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream } from "node:stream/web";
import { DEFAULT_ORIGIN, getMediaKeys, type MediaType } from "@whiskeysockets/baileys";
import { maxMediaBytes } from "../../core/media/index.ts";
import { type Digest, spool } from "../../core/media/spool.ts";

/** Length in bytes of the MAC after the ciphertext. The MAC is the beginning of an HMAC. */
const macBytes = 10;
/** A download fails if the media host sends nothing for this long. */
const silenceMs = 60_000;

/** The file differs from the file that its sender encrypted. */
export class DamagedFile extends Error {}

/** The media host responded with an HTTP status that is not a success. */
export class DownloadRefused extends Error {
  readonly status: number;

  constructor(status: number) {
    super(`the media host responded with HTTP status ${status}`);
    this.status = status;
  }
}

/** WhatsApp's media host does not have the file any more. The owner's phone may upload it again. */
export class FileGone extends DownloadRefused {}

/**
 * HTTP statuses of the media host for a file that is gone. Source: `ErrMediaDownloadFailedWith403`, `…404` and `…410` in
 * whatsmeow's errors.go.
 */
const goneStatuses = [403, 404, 410];

/** A file on WhatsApp's media host. */
export interface EncryptedFile {
  url: string;
  /** Empty for the file of a channel post, which is not encrypted. */
  mediaKey: Buffer;
  kind: MediaType;
}

/**
 * Fetches a file from WhatsApp's media host, decrypts it and writes it to the disk. Throws `DamagedFile` if a retry
 * would have the same result, `FileGone`, or another error if a retry may succeed.
 *
 * Baileys' `downloadContentFromMessage` (7.0.0-rc14, `Utils/messages-media.js`) is not used: it does not handle
 * connection errors, which would end the process, and does not check the MAC.
 */
export async function download(
  file: EncryptedFile,
  options: RequestInit,
  path: string,
  maxBytes: number = maxMediaBytes,
): Promise<Digest> {
  const silence = new AbortController();
  const timer = setTimeout(
    () => silence.abort(new Error(`the media host sent nothing for ${silenceMs} ms`)),
    silenceMs,
  );
  try {
    const response = await fetch(file.url, { ...options, headers: { origin: DEFAULT_ORIGIN }, signal: silence.signal });
    if (!response.ok || !response.body) {
      await response.body?.cancel();
      const Failure = goneStatuses.includes(response.status) ? FileGone : DownloadRefused;
      throw new Failure(response.status);
    }
    const plaintext = await decrypterOf(file, () => timer.refresh());
    const [, digest] = await Promise.all([
      pipeline(Readable.fromWeb(response.body as ReadableStream), plaintext),
      spool(plaintext, path, maxBytes),
    ]);
    return digest;
  } finally {
    clearTimeout(timer);
  }
}

/** Returns a stream that converts the data from the media host to the original file. */
async function decrypterOf({ mediaKey, kind }: EncryptedFile, onChunk: () => void): Promise<Transform> {
  if (mediaKey.length === 0) {
    return new Transform({
      transform(chunk: Buffer, _encoding, done) {
        onChunk();
        done(null, chunk);
      },
    });
  }
  const { cipherKey, iv, macKey } = await getMediaKeys(mediaKey, kind);
  return decrypter(Buffer.from(cipherKey), Buffer.from(iv), Buffer.from(macKey ?? []), onChunk);
}

/** Returns a stream that decrypts a ciphertext with a MAC at its end. It fails at the end if the MAC is wrong. */
function decrypter(cipherKey: Buffer, iv: Buffer, macKey: Buffer, onChunk: () => void): Transform {
  const decipher = createDecipheriv("aes-256-cbc", cipherKey, iv);
  const hmac = createHmac("sha256", macKey).update(iv);
  let tail = Buffer.alloc(0);
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      onChunk();
      // The last bytes may be the MAC, so they are held back. Only these bytes are copied, not the large chunk.
      const cut = Math.max(0, chunk.length - macBytes);
      const heldBack = Buffer.concat([tail, chunk.subarray(cut)]);
      const released = Math.max(0, heldBack.length - macBytes);
      // The released part of the old tail comes before the chunk. A chunk that is shorter than a MAC is held back
      // entirely.
      for (const part of [heldBack.subarray(0, Math.min(released, tail.length)), chunk.subarray(0, cut)]) {
        hmac.update(part);
        this.push(decipher.update(part));
      }
      tail = heldBack.subarray(released);
      done();
    },
    flush(done) {
      const mac = hmac.digest().subarray(0, macBytes);
      if (tail.length !== macBytes || !timingSafeEqual(mac, tail)) {
        done(new DamagedFile("the file is damaged: its MAC is wrong"));
        return;
      }
      try {
        done(null, decipher.final());
      } catch (error) {
        done(new DamagedFile("the file is damaged: it can't be decrypted", { cause: error }));
      }
    },
  });
}
