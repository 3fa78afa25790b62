import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { isMissing } from "./exists.ts";

/**
 * Returns a port on 127.0.0.1 and stores it in `file`: the `requested` port, or else the stored one if it is free, or else any
 * free one. Throws if the `requested` port is in use.
 */
export async function rememberedPort(file: string, requested: number | undefined, purpose: string): Promise<number> {
  if (requested !== undefined) await requireFreePort(requested, purpose);
  const port = requested ?? (await freePort(await lastPort(file)));
  await writeFile(file, String(port), { mode: 0o600 });
  return port;
}

async function lastPort(file: string): Promise<number | undefined> {
  try {
    return Number(await readFile(file, "utf8")) || undefined;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Returns a free TCP port on 127.0.0.1: `preferred` if it is free, otherwise any. */
export async function freePort(preferred = 0): Promise<number> {
  try {
    return await probe(preferred);
  } catch (error) {
    if (preferred === 0) throw error;
    return probe(0);
  }
}

async function requireFreePort(port: number, purpose: string): Promise<void> {
  try {
    await probe(port);
  } catch (error) {
    throw new Error(`Port ${port} for ${purpose} is already in use on 127.0.0.1.`, { cause: error });
  }
}

function probe(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => {
        if (address && typeof address === "object") resolve(address.port);
        else reject(new Error("The system assigned no port."));
      });
    });
  });
}
