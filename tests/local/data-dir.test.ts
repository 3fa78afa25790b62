import { execFile } from "node:child_process";
import { chmod, chown, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test, vi } from "vitest";
import { openDataDir } from "../../local/data/index.ts";
import { startChild } from "../support/process/child.ts";
import { folderOfTest } from "../support/process/temporary-folder.ts";

// The tests use real servers, which are slow on a busy machine.
vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

const asRoot = process.getuid?.() === 0;
const mode = async (path: string) => (await stat(path)).mode & 0o777;

async function open(...args: Parameters<typeof openDataDir>) {
  const dir = await openDataDir(...args);
  onTestFinished(dir.close);
  return dir;
}

test("a new folder is private and has a stable master key of 32 random bytes", async () => {
  const path = join(await folderOfTest(), "deep", "data");
  const first = await open(path);
  expect(await mode(path)).toBe(0o700);
  expect(await mode(first.masterKeyFile)).toBe(0o600);
  expect(first.masterKey).toHaveLength(32);
  expect(first.masterKey.equals(Buffer.alloc(32))).toBe(false);
  first.close();
  expect((await open(path)).masterKey.equals(first.masterKey)).toBe(true);
});

test("a folder of this user that other users can enter is made private, with one message", async () => {
  const path = await folderOfTest();
  await chmod(path, 0o755);
  const lines: string[] = [];
  const print = (line: string) => lines.push(line);
  (await open(path, print)).close();
  expect(await mode(path)).toBe(0o700);
  await open(path, print);
  expect(lines).toEqual([`The data folder ${path} was accessible to other users (mode 755). Its mode is now 700.`]);
});

test("files and folders that an older version left public become private at the next start, except links", async () => {
  const path = await folderOfTest();
  (await open(path)).close();
  const bucket = join(path, "aws", "s3", "buckets", "media", "objects");
  await mkdir(bucket, { recursive: true });
  const files = [join(path, "port"), join(path, "aws", "queue.db"), join(bucket, "picture")];
  const outside = join(await folderOfTest(), "outside");
  await writeFile(outside, "");
  await chmod(outside, 0o644);
  await symlink(outside, join(path, "link"));
  for (const file of files) await writeFile(file, "");
  for (const file of files) await chmod(file, 0o644);
  for (let folder = bucket; folder !== path; folder = dirname(folder)) await chmod(folder, 0o755);
  const lines: string[] = [];
  await open(path, (line) => lines.push(line));
  for (const file of files) expect(await mode(file)).toBe(0o600);
  for (let folder = bucket; folder !== path; folder = dirname(folder)) expect(await mode(folder)).toBe(0o700);
  expect(await mode(outside)).toBe(0o644);
  expect(lines).toEqual([`8 files and folders in ${path} had a public mode. Their mode is now 600 or 700.`]);
});

test("files that a process and its children create after it opened a folder are private", async () => {
  const path = await folderOfTest();
  const umask = process.umask(0o022);
  onTestFinished(() => void process.umask(umask));
  await open(path);
  await writeFile(join(path, "own"), "");
  await promisify(execFile)("touch", [join(path, "of-child")]);
  for (const name of ["own", "of-child", "gateway.lock"]) expect(await mode(join(path, name))).toBe(0o600);
});

test("a folder with other files is rejected, and its mode and content stay as they are", async () => {
  const path = await folderOfTest();
  await chmod(path, 0o755);
  await writeFile(join(path, ".profile"), "");
  await expect(openDataDir(path)).rejects.toThrow(/not empty and has no master.key/);
  expect(await mode(path)).toBe(0o755);
  expect(await readdir(path)).toEqual([".profile"]);
});

test.runIf(asRoot)("a folder that belongs to another user is rejected", async () => {
  const path = await folderOfTest();
  await chown(path, 12345, 12345);
  await expect(openDataDir(path)).rejects.toThrow(/belongs to user 12345.*Run: chown 0 /);
});

test.runIf(asRoot)("a folder that others can write to and that has another user's files is rejected", async () => {
  const path = await folderOfTest();
  (await open(path)).close();
  await chmod(path, 0o777);
  await mkdir(join(path, "postgres"));
  await chown(join(path, "postgres"), 12345, 12345);
  await expect(openDataDir(path)).rejects.toThrow(/mode 777.*postgres in it belongs to user 12345/);
  expect(await mode(path)).toBe(0o777);
});

test("a master key that others can read or that has the wrong size is rejected", async () => {
  const path = await folderOfTest();
  const { masterKeyFile, close } = await open(path);
  close();
  await chmod(masterKeyFile, 0o644);
  await expect(openDataDir(path)).rejects.toThrow(/chmod 600/);
  await chmod(masterKeyFile, 0o600);
  await writeFile(masterKeyFile, "short");
  await expect(openDataDir(path)).rejects.toThrow(/5 bytes instead of 32/);
});

test("a folder with data but without its master key gets no new key", async () => {
  const path = await folderOfTest();
  const { masterKeyFile, close } = await open(path);
  close();
  await mkdir(join(path, "postgres"));
  await rm(masterKeyFile);
  await expect(openDataDir(path)).rejects.toThrow(/restore its master.key/);
  await expect(stat(masterKeyFile)).rejects.toThrow(/ENOENT/);
});

test("only one gateway can open a folder, even within one process, and the error names the other process", async () => {
  const path = await folderOfTest();
  const child = startChild(holder(path));
  await child.next();
  await expect(openDataDir(path)).rejects.toThrow(`in use by another gateway (process ${child.pid})`);
  await child.kill();
  await open(path);
  await expect(openDataDir(path)).rejects.toThrow(`process ${process.pid}`);
});

test("the folder of a killed gateway can be opened at once, even if its process id is reused", async () => {
  const path = await folderOfTest();
  const child = startChild(holder(path));
  await child.next();
  await child.kill();
  await writeFile(join(path, "gateway.pid"), String(process.ppid));
  const dir = await open(path);
  expect(await readFile(join(path, "gateway.pid"), "utf8")).toBe(String(process.pid));
  dir.close();
  (await open(path)).close();
});

const holder = (path: string) => `
  import { openDataDir } from "./local/data/index.ts";
  await openDataDir(${JSON.stringify(path)});
  console.log("true");
  setInterval(() => {}, 1000);
`;
