import { randomBytes } from "node:crypto";
import { chmod, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { isMissing, privateFile } from "./private-file.ts";

export type DataDir = {
  /** Absolute path of the folder. */
  path: string;
  /** 32 random bytes that wrap every data key of this folder's database. */
  masterKey: Buffer;
  masterKeyFile: string;
  /** Gives the folder back. Another gateway may open it from then on. */
  close(): void;
};

const lockFiles = ["gateway.lock", "gateway.lock-journal", "gateway.pid"];

/**
 * Opens the folder that holds everything of a local gateway, and locks it: one gateway per folder.
 * A new folder gets mode 0700 and a master key. An existing one must belong to this user and be closed to others;
 * `fixMode` closes it instead of refusing.
 * Throws when the folder is in use, is not ours, or holds data whose master key is gone.
 */
export async function openDataDir(path: string, options: { fixMode?: boolean } = {}): Promise<DataDir> {
  const folder = resolve(path);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await requirePrivate(folder, options.fixMode ?? false);
  const release = await lock(folder);
  try {
    const masterKeyFile = join(folder, "master.key");
    const masterKey = await openMasterKey(folder, masterKeyFile);
    return { path: folder, masterKey, masterKeyFile, close: release };
  } catch (error) {
    release();
    throw error;
  }
}

async function requirePrivate(folder: string, fixMode: boolean): Promise<void> {
  if (process.platform === "win32") return;
  const { mode, uid } = await stat(folder);
  const self = process.getuid?.();
  if (uid !== self) throw new Error(`The data folder ${folder} belongs to user ${uid}, not to this one (${self}).`);
  if ((mode & 0o077) === 0) return;
  if (fixMode) return chmod(folder, 0o700);
  throw new Error(
    `The data folder ${folder} is open to others (mode ${(mode & 0o777).toString(8)}). Run: chmod 700 ${folder}`,
  );
}

/**
 * The lock is SQLite's exclusive lock on a file: the kernel drops it when the process dies, however it dies, so it can
 * be neither stale nor held by a stranger that got the same process id.
 */
async function lock(folder: string): Promise<() => void> {
  const pidFile = join(folder, "gateway.pid");
  const db = new DatabaseSync(join(folder, "gateway.lock"), { timeout: 0 });
  try {
    db.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
  } catch (error) {
    db.close();
    if (!(error instanceof Error && "errcode" in error && error.errcode === SQLITE_BUSY)) throw error;
    throw new Error(`The data folder ${folder} is in use by another gateway (${await holder(pidFile)}).`, {
      cause: error,
    });
  }
  await writeFile(pidFile, String(process.pid), { mode: 0o600 });
  return () => {
    if (db.isOpen) db.close();
  };
}

const SQLITE_BUSY = 5;

async function holder(pidFile: string): Promise<string> {
  try {
    return `process ${await readFile(pidFile, "utf8")}`;
  } catch (error) {
    if (isMissing(error)) return "process unknown";
    throw error;
  }
}

async function openMasterKey(folder: string, file: string): Promise<Buffer> {
  // "master.key.…" is what a process killed in the middle of creating the key leaves behind.
  const isData = (name: string) => !lockFiles.includes(name) && !name.startsWith("master.key.");
  const entries = (await readdir(folder)).filter(isData);
  if (entries.length > 0 && !entries.includes("master.key")) {
    throw new Error(
      `The folder ${folder} is not empty and has no master.key. ` +
        "If it is a gateway's, put its master.key back: without it the stored sessions cannot be decrypted. Else choose another folder.",
    );
  }
  const key = await privateFile(file, () => randomBytes(32));
  if (key.length !== 32) throw new Error(`${file} holds ${key.length} bytes instead of 32. Restore it from a backup.`);
  return key;
}
