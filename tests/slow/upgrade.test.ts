import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { symlink } from "node:fs/promises";
import { join, resolve } from "node:path";
import postgres from "postgres";
import { expect, onTestFinished, test } from "vitest";
import { startPostgres } from "../../local/postgres/index.ts";
import { type Phone, startWhatsApp } from "../../simulator/index.ts";
import { countRows } from "../support/database/fill-tables.ts";
import { png } from "../support/media/png.ts";
import { freePort } from "../support/network/free-port.ts";
import { startWebhookReceiver } from "../support/network/webhook-receiver.ts";
import { folderOfTest } from "../support/process/temporary-folder.ts";
import { until } from "../support/until.ts";

/** The version before: the last tag, or while there is none, the last commit before the work on the present version. */
const untagged = "9a9f9944aadf73353c4259ab3d6890d561dcbe59";

const git = (...args: string[]) => execFileSync("git", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

const isPresent = (version: string) => spawnSync("git", ["cat-file", "-e", `${version}^{commit}`]).status === 0;

/** Returns the version before. In a clone without its commit, returns the oldest commit of the clone and says so. */
function versionBefore(): string {
  const [tag] = git("tag", "--list", "v*", "--sort=-v:refname", "--no-contains", "HEAD").split("\n");
  const version = tag || untagged;
  if (isPresent(version)) return version;
  const oldest = git("rev-list", "--reverse", "HEAD").split("\n")[0] ?? "HEAD";
  console.warn(`The commit ${version} is missing (git fetch --unshallow --tags). This run upgrades from ${oldest}.`);
  return oldest;
}

/** Writes the code of a version to a folder, which uses the installed packages of this version. */
async function checkOut(version: string): Promise<string> {
  const folder = await folderOfTest();
  const archive = execFileSync("git", ["archive", version], { maxBuffer: 2 ** 28 });
  execFileSync("tar", ["--extract", "--directory", folder], { input: archive });
  await symlink(resolve("node_modules"), join(folder, "node_modules"));
  return folder;
}

/** Tables whose rows end with the process or are measured again. */
const passing = /^(?:hosts|claim_leases|rate_windows|login_failures|calls|usage)$/;

async function rowsIn(dataDir: string): Promise<Record<string, number>> {
  const server = await startPostgres({ dataDir: join(dataDir, "postgres") });
  const sql = postgres(server.url, { max: 2, onnotice: () => undefined });
  try {
    return await countRows(sql);
  } finally {
    await sql.end();
    await server.stop();
  }
}

test("data of the version before is complete in this version, and its linked instance goes on without a new scan", {
  timeout: 300_000,
}, async () => {
  const [old, dataDir, port] = [await checkOut(versionBefore()), await folderOfTest(), await freePort()];
  const wa = await startWhatsApp({ port: 0, directory: await folderOfTest() });
  const receiver = await startWebhookReceiver();
  onTestFinished(async () => void (await Promise.all([wa.stop(), receiver.stop()])));
  const credentials = { email: "admin@example.com", password: "correct horse battery staple" };
  const env = {
    ...{ PORT: String(port), SHARDS: "2", DATA_DIR: dataDir, RATE_LIMIT: "0", EGRESS_ALLOW: "127.0.0.0/8" },
    ...{ ADMIN_EMAIL: credentials.email, ADMIN_PASSWORD: credentials.password, LOG_LEVEL: "error" },
    ...{ WHATSAPP_URL: wa.url, WHATSAPP_ROOT_KEY: wa.rootKey, WHATSAPP_MEDIA_CA: wa.mediaCaFile ?? "" },
  };
  let running: ChildProcess | undefined;
  const stop = async () => {
    const child = running;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    await ended;
  };
  onTestFinished(stop);
  let key = "";
  const api = async (method: string, path: string, body?: unknown) => {
    const type = body === undefined ? {} : { "content-type": "application/json" };
    const init = body === undefined ? {} : { body: JSON.stringify(body) };
    const headers = { ...(key && { "x-api-key": key }), ...type };
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method, headers, ...init });
    const text = await response.text();
    // biome-ignore lint/suspicious/noExplicitAny: the test looks into answers of several shapes
    return { status: response.status, body: JSON.parse(text) as any };
  };
  const start = async (folder: string) => {
    running = spawn(process.execPath, ["local/start.ts"], {
      cwd: folder,
      env: { PATH: process.env.PATH ?? "", ...env },
      stdio: ["ignore", "ignore", "inherit"],
    });
    await until(async () => {
      if (running?.exitCode !== null) throw new Error("the gateway ended");
      const answer = await api("GET", "/api/observability/health").catch(() => undefined);
      return answer?.status === 200 || undefined;
    }, 120_000);
  };
  const connected = (id: string) =>
    until(
      async () => (await api("GET", `/api/whatsapp/${id}/status`)).body.status === "connected" || undefined,
      60_000,
    );
  const reported = (messageId: string) =>
    receiver.waitFor(({ text }) => text.includes(messageId) && text.includes("message_received"));
  const arrives = (phone: Phone, id: string) => phone.waitFor((message) => message.id === id);

  await start(old);
  key = (await api("POST", "/api/auth/login", credentials)).body.user.apiKey;
  const alice = await wa.addPhone({ number: "4915550000001", pushName: "Alice" });
  const bob = await wa.addPhone({ number: "4915550000002", pushName: "Bob" });
  const { body: created } = await api("POST", "/api/instances", { name: "kept", webhookUrl: receiver.url });
  const { id } = created;
  expect(id).toEqual(expect.any(String));
  const code = await until(async () => {
    const answer = await api("GET", `/api/instances/${id}/qr`);
    return answer.status === 200 ? (answer.body.qrCode as string) : undefined;
  });
  await alice.scanQr(code);
  await connected(id);
  const send = async (message: string, more: object = {}) =>
    (await api("POST", `/api/whatsapp/${id}/send`, { phone: bob.number, message, ...more })).body.id as string;
  const first = await send("from the version before");
  await arrives(bob, first);
  const image = png(20);
  const picture = await bob.sendImage(alice.number, image, { caption: "kept" });
  await reported(picture.id);
  const file = () => api("GET", `/api/instances/${id}/messages/${picture.id}/media?format=json`);
  await until(async () => ((await file()).status === 200 ? true : undefined));
  const scheduled = await send("scheduled before", { sendAt: new Date(Date.now() + 86_400_000).toISOString() });
  const chat = `/api/instances/${id}/chats/${encodeURIComponent(bob.jid)}/messages`;
  const history = async (): Promise<{ messageId: string; content: unknown }[]> =>
    (await api("GET", chat)).body.messages;
  const before = await history();
  expect(before.length).toBeGreaterThanOrEqual(2);
  await stop();
  const rows = await rowsIn(dataDir);

  await start(resolve("."));
  await connected(id);
  const after = await history();
  for (const { messageId, content } of before)
    expect(after).toContainEqual(expect.objectContaining({ messageId, content }));
  expect(JSON.stringify((await api("GET", `/api/whatsapp/${id}/scheduled`)).body)).toContain(scheduled);
  const bytes = Buffer.from(await (await fetch((await file()).body.url)).arrayBuffer());
  expect(bytes.equals(image)).toBe(true);
  const second = await send("from this version");
  expect(await arrives(bob, second)).toMatchObject({ text: "from this version", copies: 1 });
  const { id: answer } = await bob.sendText(alice.number, "answer");
  await reported(answer);
  expect(bob.inbox.messages.filter((message) => message.id === first)).toMatchObject([{ copies: 1 }]);
  await stop();
  const now = await rowsIn(dataDir);
  const lost = Object.entries(rows).filter(([table, count]) => !passing.test(table) && (now[table] ?? 0) < count);
  expect(lost).toEqual([]);
});
