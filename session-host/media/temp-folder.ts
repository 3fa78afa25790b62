import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hasEnded, processName } from "../concurrency/process.ts";

/** Temporary folders have this prefix and the name of their process. */
const prefix = "switchboard-";

/** Creates a new temporary folder. */
export const makeTempFolder = () => mkdtemp(join(tmpdir(), `${prefix}${processName}-`));

export const removeFolder = (folder: string) => rm(folder, { recursive: true, force: true });

/** Runs `work` with the path of a temporary folder, and removes the folder afterwards. */
export async function inTempFolder<Result>(work: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = await makeTempFolder();
  try {
    return await work(folder);
  } finally {
    await removeFolder(folder);
  }
}

/** Removes the temporary folders of killed processes. Their files belong to users and would fill the disk. */
export async function removeFoldersOfDead(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    if (!name.startsWith(prefix)) continue;
    const owner = name.slice(prefix.length);
    if (!owner.startsWith(`${processName}-`) && hasEnded(owner)) await removeFolder(join(tmpdir(), name));
  }
}
