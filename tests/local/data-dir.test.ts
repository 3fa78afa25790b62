import { chmod, chown, mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { openDataDir } from "../../infra/local/data-dir.ts";
import { startChild } from "./child.ts";
import { folderOfTest } from "./temporary.ts";

// Real servers, on machines that may be busy.
vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

const mode = async (path: string) => (await stat(path)).mode & 0o777;

async function open(...[path, options]: Parameters<typeof openDataDir>) {
  const dir = await openDataDir(path, options);
  onTestFinished(dir.close);
  return dir;
}

test("a new folder is closed to others and has a master key of 32 random bytes that stays the same", async () => {
  const path = join(await folderOfTest(), "deep", "data");
  const first = await open(path);
  expect(await mode(path)).toBe(0o700);
  expect(await mode(first.masterKeyFile)).toBe(0o600);
  expect(first.masterKey).toHaveLength(32);
  expect(first.masterKey.equals(Buffer.alloc(32))).toBe(false);
  first.close();
  expect((await open(path)).masterKey.equals(first.masterKey)).toBe(true);
});

test("a folder open to others is refused, or closed when asked to", async () => {
  const path = await folderOfTest();
  await chmod(path, 0o755);
  await expect(openDataDir(path)).rejects.toThrow(/open to others.*chmod 700/);
  await open(path, { fixMode: true });
  expect(await mode(path)).toBe(0o700);
});

test.runIf(process.getuid?.() === 0)("a folder of another user is refused", async () => {
  const path = await folderOfTest();
  await chown(path, 12345, 12345);
  await expect(openDataDir(path, { fixMode: true })).rejects.toThrow(/belongs to user 12345/);
});

test("a master key that others may read, or of the wrong size, is refused", async () => {
  const path = await folderOfTest();
  const { masterKeyFile, close } = await open(path);
  close();
  await chmod(masterKeyFile, 0o644);
  await expect(openDataDir(path)).rejects.toThrow(/chmod 600/);
  await chmod(masterKeyFile, 0o600);
  await writeFile(masterKeyFile, "short");
  await expect(openDataDir(path)).rejects.toThrow(/5 bytes instead of 32/);
});

test("a folder that holds data but lost its master key gets no new one", async () => {
  const path = await folderOfTest();
  const { masterKeyFile, close } = await open(path);
  close();
  await mkdir(join(path, "postgres"));
  await rm(masterKeyFile);
  await expect(openDataDir(path)).rejects.toThrow(/put its master.key back/);
  await expect(stat(masterKeyFile)).rejects.toThrow(/ENOENT/);
});

test("of two gateways only one gets the folder, in one process too, and the refusal names the other", async () => {
  const path = await folderOfTest();
  const child = startChild(holder(path));
  await child.next();
  await expect(openDataDir(path)).rejects.toThrow(`in use by another gateway (process ${child.pid})`);
  await child.kill();
  await open(path);
  await expect(openDataDir(path)).rejects.toThrow(`process ${process.pid}`);
});

test("the lock of a gateway that was killed is free at once, whoever has its process id now", async () => {
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
  import { openDataDir } from "../../infra/local/data-dir.ts";
  await openDataDir(${JSON.stringify(path)});
  console.log("true");
  setInterval(() => {}, 1000);
`;
