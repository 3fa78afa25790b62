import { execFile } from "node:child_process";
import { chown, cp, mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createConnection, createServer } from "node:net";
import { dirname, join, relative } from "node:path";
import { promisify } from "node:util";
import postgres from "postgres";
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { findBinaries, postgresCommand, serverUser } from "../../local/postgres/binaries.ts";
import { type LocalPostgres, startPostgres } from "../../local/postgres/index.ts";
import { folderOfTest, temporaryFolder } from "../support/process/temporary-folder.ts";

// The tests use real servers, which are slow on a busy machine.
vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let dataDir: string;
let local: LocalPostgres;

beforeAll(async () => {
  folder = await temporaryFolder();
  dataDir = join(folder.path, "Zwölf Töne", "postgres");
  local = await startPostgres({ dataDir });
});

afterAll(async () => {
  await local.stop();
  await folder.remove();
});

function connect(url = local.url) {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  onTestFinished(() => sql.end());
  return sql;
}

/** Returns whether a program listens on this port of 127.0.0.1. */
function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

const show = async (setting: string) => (await connect().unsafe(`SHOW ${setting}`))[0]?.[setting];
const postmasterPid = async () =>
  Number((await readFile(join(dataDir, "data", "postmaster.pid"), "utf8")).split("\n")[0]);

test("the server is PostgreSQL 18, listens only on 127.0.0.1, and makes commits durable", async () => {
  expect(await show("server_version")).toMatch(/^18\./);
  expect(await show("fsync")).toBe("on");
  expect(await show("synchronous_commit")).toBe("on");
  expect(await show("max_connections")).toBe("200");
  expect(await show("listen_addresses")).toBe("127.0.0.1");
  expect(await show("unix_socket_directories")).toBe("");
});

test("the folders and the password file are private, and a wrong password is rejected", async () => {
  for (const path of [dataDir, join(dataDir, "data")]) expect((await stat(path)).mode & 0o777).toBe(0o700);
  expect((await stat(join(dataDir, "password"))).mode & 0o777).toBe(0o600);
  const url = new URL(local.url);
  url.password = "wrong";
  await expect(connect(url.href)`SELECT 1`).rejects.toThrow(/password authentication failed/);
});

test("a second start takes over the running server, and a stopped server starts on the same port", async () => {
  const pid = await postmasterPid();
  expect((await startPostgres({ dataDir })).url).toBe(local.url);
  expect(await postmasterPid()).toBe(pid);
  await local.stop();
  local = await startPostgres({ dataDir });
  expect(await postmasterPid()).not.toBe(pid);
  expect(await connect()`SELECT 1 AS one`).toEqual([{ one: 1 }]);
});

test("a crash of the server loses no committed data", async () => {
  const sql = postgres(local.url, { max: 1, onnotice: () => {} });
  await sql`CREATE TABLE kept (n int)`;
  await sql`INSERT INTO kept SELECT generate_series(1, 1000)`;
  process.kill(await postmasterPid(), "SIGKILL");
  await vi.waitFor(() => expect(accepts(local.port)).resolves.toBe(false));
  await sql.end({ timeout: 0 });
  local = await startPostgres({ dataDir });
  expect(await connect()`SELECT count(*)::int AS count FROM kept`).toEqual([{ count: 1000 }]);
});

test("a lock file that names an unrelated process does not prevent a start", async () => {
  await local.stop();
  const lines = [process.pid, join(dataDir, "data"), 1, local.port, "", "127.0.0.1", "", "ready"];
  await writeFile(join(dataDir, "data", "postmaster.pid"), lines.join("\n"));
  local = await startPostgres({ dataDir });
  expect(await connect()`SELECT 1 AS one`).toEqual([{ one: 1 }]);
});

test("an occupied port causes an error if the caller requested that port, and is replaced if the port was only stored", async () => {
  await local.stop();
  const occupant = createServer();
  await new Promise<void>((resolve) => occupant.listen(local.port, "127.0.0.1", resolve));
  onTestFinished(() => {
    occupant.close();
  });
  await expect(startPostgres({ dataDir, port: local.port })).rejects.toThrow(`Port ${local.port}`);
  const before = local.port;
  local = await startPostgres({ dataDir });
  expect(local.port).not.toBe(before);
  expect(await connect()`SELECT 1 AS one`).toEqual([{ one: 1 }]);
});

test("databases are copied from a template that is prepared once under concurrent requests", async () => {
  const prepare = vi.fn(async (url: string) => {
    const sql = postgres(url, { max: 1 });
    await sql`CREATE TABLE seeded AS SELECT 7 AS n`;
    await sql.end();
  });
  await Promise.all([1, 2, 3].map(() => local.templateDatabase("template-a", prepare)));
  expect(prepare).toHaveBeenCalledTimes(1);
  const url = await local.createDatabase("copy-of-a", "template-a");
  expect(await connect(url)`SELECT n FROM seeded`).toEqual([{ n: 7 }]);
  await expect(local.createDatabase("copy-of-a")).rejects.toThrow(/already exists/);
  await expect(local.createDatabase("a/b")).rejects.toThrow(/letters, digits/);
  await local.dropDatabase("copy-of-a");
  await local.createDatabase("copy-of-a");
});

test("a template whose preparation failed does not exist and can be prepared again", async () => {
  await expect(local.templateDatabase("t", () => Promise.reject(new Error("broken")))).rejects.toThrow("broken");
  await expect(local.createDatabase("of-t", "t")).rejects.toThrow(/does not exist/);
  await local.templateDatabase("t", async () => {});
  await local.createDatabase("of-t", "t");
});

test("a missing password file causes an error instead of a new database", async () => {
  const lost = join(folder.path, "lost");
  await mkdir(join(lost, "data"), { recursive: true });
  await expect(startPostgres({ dataDir: lost })).rejects.toThrow(/password file .* is missing/);
  await rm(lost, { recursive: true });
});

test("PostgreSQL's programs run from a folder that only its owner can enter, with spaces and umlauts in its path", async () => {
  const found = await findBinaries();
  const native = dirname(dirname(found.postgres));
  // The folder has the same mode as /root on a new server.
  const closed = join(await folderOfTest(), "Zwölf Töne");
  await mkdir(closed, { mode: 0o700 });
  await cp(native, join(closed, "native"), { recursive: true, verbatimSymlinks: true });
  const there = (path: string) => join(closed, "native", relative(native, path));
  const binaries = { initdb: there(found.initdb), pg_ctl: there(found.pg_ctl), postgres: there(found.postgres) };
  const data = join(closed, "data");
  await mkdir(data, { mode: 0o700 });
  const user = await serverUser();
  if (user) await chown(data, user.uid, user.gid);
  await postgresCommand(binaries, user)("pg_ctl", ["initdb", "-D", data, "-o", "--auth=reject --no-sync"]);
  expect(await readFile(join(data, "PG_VERSION"), "utf8")).toBe("18\n");
});

test.runIf(process.getuid?.() === 0)(
  "the error says what to do when root can't start a program as another user",
  async () => {
    const script = `
    import { startPostgres } from "../../local/postgres/index.ts";
    await startPostgres({ dataDir: ${JSON.stringify(await folderOfTest())} });
  `;
    const started = promisify(execFile)(
      "setpriv",
      ["--bounding-set=-setpcap", process.execPath, "--input-type=module", "--eval", script],
      { cwd: import.meta.dirname },
    );
    await expect(started).rejects.toThrow("Run as a user other than root, or set DATABASE_URL.");
  },
);
