import { randomBytes, randomUUID } from "node:crypto";
import { chmod, lstat, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { isMissing } from "./exists.ts";
import { createOnlyPrivateFiles, makeContentPrivate } from "./private-content.ts";
import { privateFile } from "./private-file.ts";

export type DataDir = {
  /** Absolute path of the folder. */
  path: string;
  /** 32 random bytes that encrypt the data keys in this folder's database. */
  masterKey: Buffer;
  masterKeyFile: string;
  /** A random id of the folder, which names the place of its gateway (`PROCESS_PLACE`). */
  place: string;
  /** Unlocks the folder. */
  close(): void;
};

const lockFiles = ["gateway.lock", "gateway.lock-journal", "gateway.pid"];

/**
 * Opens and locks the data folder of a local gateway. Only one gateway can use a folder at a time. A new folder gets
 * mode 0700 and a master key. If other users can enter the folder, such as a Docker volume, its mode becomes 0700 too,
 * and `report` gets a message about the change. The files and folders in it become private too, as do all files that
 * this process creates afterwards. Throws if the folder belongs to another user, is in use, has content
 * but no master key, or can't get mode 0700. A folder that is refused keeps its mode and content.
 */
export async function openDataDir(path: string, report: (line: string) => void = printLine): Promise<DataDir> {
  const folder = resolve(path);
  createOnlyPrivateFiles();
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await requireOwner(folder);
  const hasKey = await hasMasterKey(folder);
  const release = await lock(folder);
  try {
    const masterKeyFile = join(folder, "master.key");
    // Checks an existing key before changing the mode, so that a folder with an unusable key stays unchanged. A new key is
    // written only after the folder is private.
    if (hasKey) await openMasterKey(masterKeyFile);
    await makePrivate(folder, report);
    const masterKey = await openMasterKey(masterKeyFile);
    const place = (await privateFile(join(folder, "gateway.place"), randomUUID)).toString();
    return { path: folder, masterKey, masterKeyFile, place, close: release };
  } catch (error) {
    release();
    throw error;
  }
}

const printLine = (line: string) => void process.stderr.write(`${line}\n`);

/** Throws if the folder belongs to another user, or contains a file of another user who can write to it. */
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
      `Other users can write to the data folder ${folder} (mode ${octal(mode)}), and ${name} in it belongs to user ${owner}. ` +
        "Choose another folder.",
    );
  }
}

/** Returns whether the folder has a master key. Throws if it has other content but no key. */
async function hasMasterKey(folder: string): Promise<boolean> {
  // A process that was killed while it created the key leaves a file "master.key.…".
  const isData = (name: string) => !lockFiles.includes(name) && !name.startsWith("master.key.");
  const entries = (await readdir(folder)).filter(isData);
  if (entries.length === 0) return false;
  if (entries.includes("master.key")) return true;
  throw new Error(
    `The folder ${folder} is not empty and has no master.key. If it contains the data of a gateway, restore its master.key: ` +
      "without the key, the stored sessions can't be decrypted. Otherwise, choose another folder.",
  );
}

async function makePrivate(folder: string, report: (line: string) => void): Promise<void> {
  if (process.platform === "win32") return;
  await makeFolderPrivate(folder, report);
  const changed = await makeContentPrivate(folder);
  if (changed > 0) report(`${changed} files and folders in ${folder} had a public mode. Their mode is now 600 or 700.`);
}

async function makeFolderPrivate(folder: string, report: (line: string) => void): Promise<void> {
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
      `The data folder ${folder} is accessible to other users (mode ${octal(mode)}), and its mode can't be changed to 700: ${reason}. ` +
        "Choose a folder on a file system that supports mode 700.",
    );
  }
  report(`The data folder ${folder} was accessible to other users (mode ${octal(mode)}). Its mode is now 700.`);
}

const octal = (mode: number) => (mode & 0o777).toString(8);

/**
 * Locks the folder with SQLite's exclusive lock on a file, and returns a function that unlocks it. The kernel releases the lock
 * whenever the process ends, so unlike a file with a process id, it can't be outdated.
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
    const problem = busy ? `is in use by another gateway (${await lockHolder(pidFile)})` : "can't be written to";
    throw new Error(`The data folder ${folder} ${problem}.`, { cause: error });
  }
  await writeFile(pidFile, String(process.pid), { mode: 0o600 });
  return () => {
    if (db.isOpen) db.close();
  };
}

const SQLITE_BUSY = 5;

async function lockHolder(pidFile: string): Promise<string> {
  try {
    return `process ${await readFile(pidFile, "utf8")}`;
  } catch (error) {
    if (isMissing(error)) return "unknown process";
    throw error;
  }
}

async function openMasterKey(file: string): Promise<Buffer> {
  const key = await privateFile(file, () => randomBytes(32));
  if (key.length !== 32) throw new Error(`${file} has ${key.length} bytes instead of 32. Restore it from a backup.`);
  return key;
}
