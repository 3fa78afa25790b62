import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Creates a new temporary folder. */
export const makeTempFolder = () => mkdtemp(join(tmpdir(), "switchboard-"));

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
