import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { DamagedFile, download } from "../../../session-host/media/download.ts";
import { sealMedia } from "../../../simulator/wire/media.ts";

/** Downloads a file from a media host that sends it in chunks of `chunkSize` bytes. Returns what is on disk afterwards. */
async function downloaded(ciphertext: Buffer, mediaKey: Buffer, chunkSize: number): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), "switchboard-download-"));
  const server = createServer(async (_request, response) => {
    for (let at = 0; at < ciphertext.length; at += chunkSize) {
      response.write(ciphertext.subarray(at, at + chunkSize));
      await new Promise(setImmediate);
    }
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    await download({ url, mediaKey, kind: "document" }, {}, join(folder, "file"));
    return await readFile(join(folder, "file"));
  } finally {
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true });
  }
}

test.each([1, 3, 9, 10, 11, 16, 26, 27, 100_000])(
  "a file that arrives in chunks of %d bytes is complete",
  async (chunkSize) => {
    for (const size of [0, 1, 15, 16, 17, 300]) {
      const file = randomBytes(size);
      const { ciphertext, mediaKey } = sealMedia(file, "document");
      expect(await downloaded(ciphertext, mediaKey, chunkSize)).toEqual(file);
    }
  },
);

test("a file with a flipped bit or a missing end is rejected as damaged", async () => {
  const { ciphertext, mediaKey } = sealMedia(randomBytes(100), "document");
  for (const at of [0, 60, ciphertext.length - 11, ciphertext.length - 1]) {
    const wrong = Buffer.from(ciphertext);
    wrong[at] = (wrong[at] ?? 0) ^ 1;
    await expect(downloaded(wrong, mediaKey, 50)).rejects.toThrow(DamagedFile);
  }
  for (const length of [0, 5, 10, 100]) {
    await expect(downloaded(ciphertext.subarray(0, length), mediaKey, 50)).rejects.toThrow(DamagedFile);
  }
});
