import { chmod, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readConfig } from "../../core/config.ts";
import type { FirstAdmin } from "../../core/user/index.ts";
import { credentialsFile } from "../../local/start/credentials.ts";
import { greeting } from "../../local/start/run.ts";
import { folderOfTest } from "../support/process/temporary-folder.ts";

const key = "ecad2deb-e9e5-4215-ac6c-e5a5e80fa8ab";
const now = new Date();
const firstAdmin: FirstAdmin = {
  reset: false,
  generatedPassword: "generated-password",
  apiKey: {
    id: "1",
    userId: "1",
    key,
    name: "default",
    permissions: ["read", "write", "account", "admin"],
    createdAt: now,
  },
  user: {
    ...{ id: "1", email: "admin@switchboard.local", firstName: "", lastName: "", passwordHash: "", role: "admin" },
    ...{
      disabledAt: null,
      ipRanges: null,
      timeZone: null,
      eventQueue: null,
      quotas: null,
      retention: null,
      tokensFrom: null,
    },
    ...{ createdAt: now, updatedAt: now },
  },
};
const started = (folder: string) => ({
  ...{ url: "http://127.0.0.1:3000", config: readConfig({ DATA_DIR: folder }), firstAdmin, stopped: false },
});

test("output that is not a terminal names a private file instead of the first admin's credentials", async () => {
  const gateway = started(await folderOfTest());
  const file = await credentialsFile(gateway, false);
  const printed = greeting(gateway, file);
  expect(printed).toContain(file);
  expect(printed).not.toContain(key);
  expect(printed).not.toContain(firstAdmin.generatedPassword);
  const path = file ?? "";
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  const written = await readFile(path, "utf8");
  for (const part of [key, firstAdmin.generatedPassword, firstAdmin.user.email]) expect(written).toContain(part);
});

test("the file replaces an earlier one, whatever its mode, and does not follow a link", async () => {
  const gateway = started(await folderOfTest());
  const path = join(gateway.config.DATA_DIR, "admin-credentials");
  await writeFile(path, "old");
  await chmod(path, 0o644);
  await credentialsFile(gateway, false);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  const linked = started(await folderOfTest());
  const target = join(linked.config.DATA_DIR, "elsewhere");
  await writeFile(target, "unchanged");
  await symlink(target, join(linked.config.DATA_DIR, "admin-credentials"));
  await credentialsFile(linked, false);
  expect(await readFile(target, "utf8")).toBe("unchanged");
});

test("a terminal shows the credentials once, and later starts write nothing", async () => {
  const gateway = started(await folderOfTest());
  expect(await credentialsFile(gateway, true)).toBeUndefined();
  expect(greeting(gateway)).toContain(key);
  const later = { ...gateway, firstAdmin: null };
  expect(await credentialsFile(later, false)).toBeUndefined();
  expect(greeting(later)).toContain("<your key>");
});
