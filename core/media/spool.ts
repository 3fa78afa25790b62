import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { AppError } from "../error.ts";

/** What is known of a file that was written or read whole. `size` in bytes, `sha256` hexadecimal. */
export interface Digest {
  size: number;
  sha256: string;
}

/** Writes a stream to a file, hashing it on the way. Throws `payload_too_large` past `limit` bytes. */
export async function spool(source: NodeJS.ReadableStream, path: string, limit: number): Promise<Digest> {
  const hash = createHash("sha256");
  let size = 0;
  const meter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      size += chunk.length;
      if (size > limit) {
        done(new AppError("payload_too_large", `files may have ${limit} bytes at most`));
        return;
      }
      hash.update(chunk);
      done(null, chunk);
    },
  });
  await pipeline(source, meter, createWriteStream(path, { mode: 0o600 }));
  return { size, sha256: hash.digest("hex") };
}

export async function digestOf(path: string): Promise<Digest> {
  const hash = createHash("sha256");
  let size = 0;
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    size += chunk.length;
    hash.update(chunk);
  }
  return { size, sha256: hash.digest("hex") };
}
