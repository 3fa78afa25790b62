import { randomBytes } from "node:crypto";
import { access, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { openDataDir } from "../data/index.ts";
import { isMissing, privateFile } from "../data/private-file.ts";

export interface SandboxFolder {
  path: string;
  /** Data folder of the sandbox's gateway. */
  gateway: string;
  /** Folder of the simulated WhatsApp. */
  whatsapp: string;
  /** Of the sandbox's admin: made once, kept here. */
  password: string;
  close(): Promise<void>;
}

/** `sandbox` in the data folder, kept from run to run. Throws when another sandbox uses it. */
export async function openSandboxFolder(dataDir: string): Promise<SandboxFolder> {
  const parent = resolve(dataDir);
  // A data folder without a key but with something in it is refused by `npm start`: so the key comes first.
  if (!(await exists(join(parent, "master.key")))) (await openDataDir(parent)).close();
  return await open(join(parent, "sandbox"), async () => undefined);
}

/** A new folder that is gone when it is closed. */
export async function temporarySandboxFolder(): Promise<SandboxFolder> {
  const path = await mkdtemp(join(tmpdir(), "switchboard-sandbox-"));
  return await open(path, () => rm(path, { recursive: true, force: true }));
}

async function open(path: string, onClose: () => Promise<void>): Promise<SandboxFolder> {
  // Locked as a whole: two runs on one state of the simulated WhatsApp would overwrite each other's.
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

async function exists(file: string): Promise<boolean> {
  try {
    await access(file);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}
