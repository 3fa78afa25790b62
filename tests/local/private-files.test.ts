import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { openStorage } from "../../core/storage/index.ts";
import { restClient } from "../support/gateway/rest-client.ts";
import { startTestGateway } from "../support/gateway/test-gateway.ts";

/** Returns the paths below a folder that other users could read, write or enter, with their modes. */
async function publicPaths(folder: string): Promise<string[]> {
  const names = await readdir(folder);
  const found = await Promise.all(
    names.map(async (name) => {
      const path = join(folder, name);
      const entry = await lstat(path);
      const own = (entry.mode & 0o077) === 0 ? [] : [`${(entry.mode & 0o777).toString(8)} ${path}`];
      return [...own, ...(entry.isDirectory() ? await publicPaths(path) : [])];
    }),
  );
  return found.flat();
}

test("every file and folder in the data folder is private while the gateway runs and after it has stopped", async () => {
  const umask = process.umask(0o022);
  onTestFinished(() => void process.umask(umask));
  const gate = await startTestGateway();
  onTestFinished(() => gate.stop());
  const owner = await gate.wa.addPhone({ number: "4915550000010" });
  const bob = await gate.wa.addPhone({ number: "4915550000002" });
  const client = restClient(gate, "multi-instance", await gate.linked(owner));
  const sent = await client.sendText(bob.number, "hello");
  await client.reported("delivered", sent);
  const picture = await bob.sendMedia(owner.number, "image", Buffer.from("a picture"));
  await client.reported("received", picture.id);
  const storage = openStorage(gate.gateway.config);
  onTestFinished(() => storage.client.destroy());
  await storage.put("instances/x/picture", Buffer.from("a picture"), { contentType: "image/png" });
  const folder = gate.gateway.config.DATA_DIR;
  expect((await readdir(join(folder, "aws", "s3", "buckets"))).length).toBeGreaterThan(0);
  expect(await publicPaths(folder)).toEqual([]);
  await gate.gateway.stop();
  expect(await publicPaths(folder)).toEqual([]);
});
