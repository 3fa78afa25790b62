import { readdir } from "node:fs/promises";
import { basename } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { inTempFolder, removeFoldersOfDead } from "../../../session-host/media/temp-folder.ts";
import { startChild } from "../../support/process/child.ts";
import { folderOfTest } from "../../support/process/temporary-folder.ts";

test("a host removes the temporary folders of killed hosts, and no folder of a running host", async () => {
  const folder = await folderOfTest();
  vi.stubEnv("TMPDIR", folder);
  onTestFinished(() => void vi.unstubAllEnvs());
  const holder = `
    import { inTempFolder } from "./session-host/media/temp-folder.ts";
    await inTempFolder(async (path) => {
      console.log(JSON.stringify(path));
      await new Promise((resolve) => setTimeout(resolve, 60_000));
    });
  `;
  const [killed, running] = [startChild(holder), startChild(holder)];
  const [, kept] = [await killed.next(), await running.next()];
  await killed.kill();
  await inTempFolder(async (own) => {
    expect(await readdir(folder)).toHaveLength(3);
    await removeFoldersOfDead();
    expect((await readdir(folder)).sort()).toEqual([basename(own), basename(String(kept))].sort());
  });
});
