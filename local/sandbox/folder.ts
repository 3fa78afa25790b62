import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { exists } from "../data/exists.ts";
import { openDataDir } from "../data/index.ts";
import { privateFile } from "../data/private-file.ts";

export interface SandboxFolder {
  path: string;
  /** Data folder of the sandbox's gateway. */
  gateway: string;
  /** Folder of the simulated WhatsApp. */
  whatsapp: string;
  /** The password of the sandbox's admin. */
  password: string;
  close(): Promise<void>;
}

/**
 * Opens the folder `sandbox` in the data folder. Later runs use the same folder. Throws if another sandbox is using it.
 */
export async function openSandboxFolder(dataDir: string): Promise<SandboxFolder> {
  const parent = resolve(dataDir);
  // Creates the master key of the data folder first: `npm start` refuses a data folder that has content but no key.
  if (!(await exists(join(parent, "master.key")))) (await openDataDir(parent)).close();
  return await open(join(parent, "sandbox"), async () => undefined);
}

/** Creates a folder that `close` deletes. */
export async function temporarySandboxFolder(): Promise<SandboxFolder> {
  const path = await mkdtemp(join(tmpdir(), "switchboard-sandbox-"));
  return await open(path, () => rm(path, { recursive: true, force: true }));
}

async function open(path: string, onClose: () => Promise<void>): Promise<SandboxFolder> {
  // Locks the whole folder: two runs would overwrite the state of each other's simulated WhatsApp.
  const folder = await openDataDir(path);
  const password = await privateFile(join(path, "admin-password"), () => randomBytes(12).toString("base64url"));
  return {
    path,
    gateway: join(path, "gateway"),
    whatsapp: join(path, "whatsapp"),
    password: password.toString(),
    async close() {
      folder.close();
      await onClose();
    },
  };
}
