import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { AppError } from "../error.ts";

/** Size in bytes and SHA-256 in hexadecimal of a complete file. */
export interface Digest {
  size: number;
  sha256: string;
}

/** Writes a stream to a file and hashes it. Throws `payload_too_large` beyond `limit` bytes. */
export async function spool(source: NodeJS.ReadableStream, path: string, limit: number): Promise<Digest> {
  const hash = createHash("sha256");
  let size = 0;
  const meter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      size += chunk.length;
      if (size > limit) {
        done(new AppError("payload_too_large", `a file must be at most ${limit} bytes`));
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
