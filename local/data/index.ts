import { randomBytes } from "node:crypto";
import { chmod, lstat, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { isMissing } from "./exists.ts";
import { privateFile } from "./private-file.ts";

export type DataDir = {
  /** Absolute path of the folder. */
  path: string;
  /** 32 random bytes that wrap every data key of this folder's database. */
  masterKey: Buffer;
  masterKeyFile: string;
  /** Unlocks the folder for other gateways. */
  close(): void;
};

const lockFiles = ["gateway.lock", "gateway.lock-journal", "gateway.pid"];

/**
 * Opens the folder that holds everything of a local gateway, and locks it: one gateway per folder.
 * A new folder gets mode 0700 and a master key. A folder of this user that others can enter, such as a Docker volume, is
 * closed to them; `say` reports that in one line.
 * Throws when the folder belongs to another user, is in use, holds something else or data without its master key, or
 * can't be closed. A folder that it refuses keeps its mode and content.
 */
export async function openDataDir(path: string, say: (line: string) => void = printLine): Promise<DataDir> {
  const folder = resolve(path);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await requireOwner(folder);
  const hasKey = await requireData(folder);
  const release = await lock(folder);
  try {
    const masterKeyFile = join(folder, "master.key");
    // Before closing the folder: one with an unusable key is refused unchanged. A new key is written only after closing it.
    if (hasKey) await openMasterKey(masterKeyFile);
    await closeToOthers(folder, say);
    const masterKey = await openMasterKey(masterKeyFile);
    return { path: folder, masterKey, masterKeyFile, close: release };
  } catch (error) {
    release();
    throw error;
  }
}

const printLine = (line: string) => void process.stderr.write(`${line}\n`);

/** Throws when the folder belongs to another user, or when others can write to it and one of them has. */
async function requireOwner(folder: string): Promise<void> {
  const self = process.getuid?.();
  if (self === undefined) return;
  const { mode, uid } = await stat(folder);
  if (uid !== self) {
    throw new Error(
      `The data folder ${folder} belongs to user ${uid}, not to this one (${self}). ` +
        `Run: chown ${self} ${folder}, or choose another folder.`,
    );
  }
  if ((mode & 0o022) === 0) return;
  for (const name of await readdir(folder)) {
    const owner = (await lstat(join(folder, name))).uid;
    if (owner === self) continue;
    throw new Error(
      `Others can write to the data folder ${folder} (mode ${octal(mode)}), and ${name} in it belongs to user ${owner}. ` +
        "Choose another folder.",
    );
  }
}

/** Returns whether the folder has a master key. Throws when it has none, but holds something else. */
async function requireData(folder: string): Promise<boolean> {
  // "master.key.…" is what a process killed in the middle of creating the key leaves behind.
  const isData = (name: string) => !lockFiles.includes(name) && !name.startsWith("master.key.");
  const entries = (await readdir(folder)).filter(isData);
  if (entries.length === 0) return false;
  if (entries.includes("master.key")) return true;
  throw new Error(
    `The folder ${folder} is not empty and has no master.key. If it holds a gateway's data, put its master.key back: ` +
      "without it the stored sessions can't be decrypted. Otherwise choose another folder.",
  );
}

async function closeToOthers(folder: string, say: (line: string) => void): Promise<void> {
  if (process.platform === "win32") return;
  const { mode } = await stat(folder);
  if ((mode & 0o077) === 0) return;
  let reason = "the file system does not keep the mode";
  try {
    await chmod(folder, 0o700);
  } catch (error) {
    reason = error instanceof Error ? error.message : String(error);
  }
  if (((await stat(folder)).mode & 0o077) !== 0) {
    throw new Error(
      `The data folder ${folder} is open to others (mode ${octal(mode)}) and can't be closed: ${reason}. ` +
        "Choose a folder on a file system that supports mode 700.",
    );
  }
  say(`The data folder ${folder} was open to others (mode ${octal(mode)}). It is now closed (mode 700).`);
}

const octal = (mode: number) => (mode & 0o777).toString(8);

/**
 * The lock is SQLite's exclusive lock on a file: the kernel drops it when the process dies, however it dies, so it can
 * be neither stale nor held by a stranger that got the same process id.
 */
async function lock(folder: string): Promise<() => void> {
  const pidFile = join(folder, "gateway.pid");
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(join(folder, "gateway.lock"), { timeout: 0 });
    db.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
  } catch (error) {
    db?.close();
    const busy = error instanceof Error && "errcode" in error && error.errcode === SQLITE_BUSY;
    const problem = busy ? `is in use by another gateway (${await holder(pidFile)})` : "can't be written to";
    throw new Error(`The data folder ${folder} ${problem}.`, { cause: error });
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

async function openMasterKey(file: string): Promise<Buffer> {
  const key = await privateFile(file, () => randomBytes(32));
  if (key.length !== 32) throw new Error(`${file} holds ${key.length} bytes instead of 32. Restore it from a backup.`);
  return key;
}
