import { type ChildProcess, spawn } from "node:child_process";
import { chown, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { serverUser } from "../../../local/postgres/binaries.ts";
import { type LocalPostgres, startPostgres } from "../../../local/postgres/index.ts";
import { restClient } from "../gateway/rest-client.ts";
import { startTestGateway } from "../gateway/test-gateway.ts";
import { freePort } from "../network/free-port.ts";
import { seedPostgres } from "../postgres.ts";
import { temporaryFolder } from "../process/temporary-folder.ts";

export interface Pooler {
  /** Returns the URL of a database that leads through pgbouncer. */
  through(url: string): string;
  stop(): Promise<void>;
}

/** Starts pgbouncer with few connections to the server, so that clients share them. */
export async function startPgbouncer(
  { server, folder }: { server: LocalPostgres; folder: string },
  mode: "session" | "transaction",
  poolSize: number,
): Promise<Pooler> {
  const port = await freePort();
  const users = [server.url, server.appUrl].map((url) => new URL(url));
  const files = { ini: join(folder, `${mode}.ini`), users: join(folder, `${mode}.txt`) };
  const line = (url: URL) => `"${decodeURIComponent(url.username)}" "${decodeURIComponent(url.password)}"\n`;
  await writeFile(files.users, users.map(line).join(""), { mode: 0o600 });
  const settings = [
    ...["[databases]", `* = host=127.0.0.1 port=${server.port}`, "[pgbouncer]"],
    ...[`listen_addr = 127.0.0.1`, `listen_port = ${port}`, "unix_socket_dir ="],
    ...["auth_type = scram-sha-256", `auth_file = ${files.users}`],
    ...[`pool_mode = ${mode}`, `default_pool_size = ${poolSize}`, "max_client_conn = 200", "log_connections = 0"],
  ];
  await writeFile(files.ini, `${settings.join("\n")}\n`, { mode: 0o600 });
  // pgbouncer refuses to run as root.
  const user = await serverUser();
  if (user) {
    await chown(folder, user.uid, user.gid);
    for (const file of Object.values(files)) await chown(file, user.uid, user.gid);
  }
  const output: string[] = [];
  const child: ChildProcess = spawn("pgbouncer", [files.ini], {
    ...user,
    env: { PATH: `${process.env.PATH}:/usr/sbin` },
    stdio: ["ignore", "ignore", "pipe"],
  });
  child.stderr?.on("data", (chunk) => output.push(String(chunk)));
  await new Promise<void>((resolve, reject) => {
    child.once("error", (error) => {
      const missing = "code" in error && error.code === "ENOENT";
      reject(missing ? new Error("pgbouncer is missing. Run: apt-get install pgbouncer", { cause: error }) : error);
    });
    child.once("exit", () => reject(new Error(`pgbouncer ended: ${output.join("")}`)));
    child.stderr?.on("data", () => output.join("").includes("process up") && resolve());
  });
  return {
    through(url) {
      const own = new URL(url);
      own.port = String(port);
      return own.href;
    },
    async stop() {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      // Any other signal waits for the clients.
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/** Calls `work` with a Postgres and its folder. */
export async function withPostgres(
  work: (place: { server: LocalPostgres; folder: string }) => Promise<void>,
): Promise<void> {
  const folder = await temporaryFolder();
  await seedPostgres(folder.path);
  const server = await startPostgres({ dataDir: folder.path });
  try {
    await work({ server, folder: folder.path });
  } finally {
    await server.stop();
    await folder.remove();
  }
}

/** Runs a gateway behind pgbouncer: it migrates, links, sends, receives and restarts. */
export async function expectGatewayBehind(
  mode: "session" | "transaction",
  { poolSize, env }: { poolSize: number; env: Record<string, string> },
): Promise<void> {
  await withPostgres(async (place) => {
    const owner = await place.server.createDatabase("pooled");
    const own = new URL(place.server.appUrl);
    own.pathname = new URL(owner).pathname;
    const pooler = await startPgbouncer(place, mode, poolSize);
    const urls = { DATABASE_URL: pooler.through(own.href), DATABASE_OWNER_URL: pooler.through(owner) };
    const gate = await startTestGateway({ env: { ...urls, ...env } });
    try {
      expect(gate.gateway.config.DATABASE_POOLER).toBe(mode);
      const alice = await gate.wa.addPhone({ number: "4915550000001" });
      const bob = await gate.wa.addPhone({ number: "4915550000002" });
      const id = await gate.linked(alice);
      const send = (message: string) =>
        gate.api("POST", `/api/whatsapp/${id}/send`, { body: { phone: bob.number, message } });
      const sent = await Promise.all(Array.from({ length: 40 }, (_, index) => send(`text ${index}`)));
      expect(sent.filter(({ status }) => status !== 200)).toEqual([]);
      for (const { body } of sent)
        expect(await bob.waitFor(({ id: found }) => found === body.id)).toMatchObject({ copies: 1 });
      const { id: received } = await bob.sendText(alice.number, "answer");
      await restClient(gate, "multi-instance", id).reported("received", received);
      await gate.restart();
      await gate.status(id, "connected");
      const again = await send("after the restart");
      expect(await bob.waitFor(({ id: found }) => found === again.body.id)).toMatchObject({ copies: 1 });
      const [role] = await gate.db.sql<{ setconfig: string[] }[]>`
        select setconfig from pg_db_role_setting join pg_roles on pg_roles.oid = setrole where rolname = current_user`;
      expect(role?.setconfig).toContain("idle_in_transaction_session_timeout=5s");
    } finally {
      await gate.stop();
      await pooler.stop();
    }
  });
}
