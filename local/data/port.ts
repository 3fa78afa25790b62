import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { isMissing } from "./private-file.ts";

/**
 * The port for a server on 127.0.0.1 whose address others keep: `wanted`, else the one `file` remembers, else any that
 * is free. Throws when `wanted` is taken.
 */
export async function rememberedPort(file: string, wanted: number | undefined, purpose: string): Promise<number> {
  if (wanted !== undefined) await requireFreePort(wanted, purpose);
  const port = wanted ?? (await freePort(await lastPort(file)));
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

/** A free TCP port on 127.0.0.1: `preferred` when nobody listens there, else one the system chooses. */
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
    throw new Error(`Port ${port}, wanted for ${purpose}, is not free on 127.0.0.1.`, { cause: error });
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
        else reject(new Error("The system gave no port."));
      });
    });
  });
}
