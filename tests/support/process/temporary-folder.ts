import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** Creates a temporary folder, which the caller removes. */
export async function temporaryFolder(): Promise<{ path: string; remove: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), "switchboard-local-"));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** Creates a temporary folder that is removed when the current test ends. */
export async function folderOfTest(): Promise<string> {
  const { path, remove } = await temporaryFolder();
  onTestFinished(remove);
  return path;
}
