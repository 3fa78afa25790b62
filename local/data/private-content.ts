import { chmod, lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { isMissing } from "./exists.ts";

/** Subfolders of a private folder are always searched up to this depth. An older version left public files in them. */
const searchedDepth = 2;

/** Makes all files and folders that this process and its children create from now on private: mode 0600 and 0700. */
export function createOnlyPrivateFiles(): void {
  process.umask(0o077);
}

/**
 * Makes the existing files and folders below a folder private. Returns how many it changed. Skips links, and entries of
 * other users, such as the data of a PostgreSQL that doesn't run as root.
 *
 * The mode of a folder is changed after its content, so the content of a folder that is private is private too. Deeper
 * than `searchedDepth`, such a folder is not searched again, because there may be very many files.
 */
export async function makeContentPrivate(folder: string, depth = 0): Promise<number> {
  const names = await readdir(folder);
  const changes = await Promise.all(
    names.map(async (name) => {
      try {
        return await makeEntryPrivate(join(folder, name), depth);
      } catch (error) {
        // A temporary file may disappear in the meantime.
        if (isMissing(error)) return 0;
        throw error;
      }
    }),
  );
  return changes.reduce((total, count) => total + count, 0);
}

async function makeEntryPrivate(path: string, depth: number): Promise<number> {
  const entry = await lstat(path);
  const isOwn = process.getuid === undefined || entry.uid === process.getuid();
  if (!isOwn || !(entry.isFile() || entry.isDirectory())) return 0;
  const isPublic = (entry.mode & 0o077) !== 0;
  const below =
    entry.isDirectory() && (isPublic || depth < searchedDepth) ? await makeContentPrivate(path, depth + 1) : 0;
  if (isPublic) await chmod(path, entry.mode & 0o700);
  return below + (isPublic ? 1 : 0);
}
