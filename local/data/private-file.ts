import { randomBytes } from "node:crypto";
import { link, open, readFile, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { isMissing } from "./exists.ts";

/**
 * Reads a secret file. If the file does not exist, creates it with the content of `make()` and mode 0600. If two
 * processes create it at the same time, both return the content of the first one. Throws if the file belongs to another
 * user, or others can read it.
 */
export async function privateFile(path: string, make: () => string | Buffer): Promise<Buffer> {
  try {
    return await readPrivateFile(path);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  const partial = `${path}.${randomBytes(6).toString("hex")}`;
  await writeSynced(partial, make());
  try {
    // Unlike rename, link never replaces a file. A secret that is in use must not be overwritten.
    await link(partial, path);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  } finally {
    await rm(partial, { force: true });
  }
  await syncFolder(dirname(path));
  return readPrivateFile(path);
}

async function readPrivateFile(path: string): Promise<Buffer> {
  const { mode, uid } = await stat(path);
  const self = process.getuid?.();
  if (self !== undefined && uid !== self)
    throw new Error(`${path} belongs to user ${uid}, not to the current user (${self}).`);
  if (process.platform !== "win32" && (mode & 0o077) !== 0) {
    throw new Error(`${path} can be read by others (mode ${(mode & 0o777).toString(8)}). Run: chmod 600 ${path}`);
  }
  return readFile(path);
}

async function writeSynced(path: string, content: string | Buffer): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
