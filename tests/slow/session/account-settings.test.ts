import { execFileSync } from "node:child_process";
import { channel } from "node:diagnostics_channel";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { useMultiFileAuthState } from "@whiskeysockets/baileys";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { openVault } from "../../../core/crypto/index.ts";
import { createKeyWrapper } from "../../../core/crypto/wrapper.ts";
import type { Phone } from "../../../simulator/index.ts";
import { saveContact } from "../../../simulator/phone/owner/contacts.ts";
import { expectNoComplaints } from "../../support/gateway/complaints.ts";
import { exchange, typesOfEvents } from "../../support/gateway/instance-state.ts";
import { phoneSeries } from "../../support/gateway/linked-gateway.ts";
import { restClient } from "../../support/gateway/rest-client.ts";
import { startTestGateway, type TestGateway } from "../../support/gateway/test-gateway.ts";
import { png } from "../../support/media/png.ts";
import { type FileServer, startFileServer } from "../../support/network/file-server.ts";
import { type ProxyOfTest, startProxy } from "../../support/network/proxy-server.ts";
import { Client } from "../../support/simulator/client.ts";
import { until } from "../../support/until.ts";

let gate: TestGateway;
let files: FileServer;
let bob: Phone;

beforeAll(async () => {
  gate = await startTestGateway();
  files = await startFileServer({ "/a.png": { body: png(), type: "image/png" } });
  bob = await gate.wa.addPhone({ number: "4915550500099", pushName: "Bob" });
});
afterAll(async () => {
  await gate?.stop();
  await files?.stop();
});

const newPhone = phoneSeries(() => gate.wa, "49155505000");

/** Returns the remote ports of the connections to WhatsApp and its media host from now on. */
function watchConnections(): Set<number> {
  const ports = [new URL(gate.wa.url).port, gate.wa.mediaHost.split(":").at(-1)].map(Number);
  const remote = new Set<number>();
  const accepted = channel("net.server.socket");
  const note = (message: unknown) => {
    const { socket } = message as { socket: Socket };
    if (ports.includes(socket.localPort ?? 0)) remote.add(socket.remotePort ?? 0);
  };
  accepted.subscribe(note);
  onTestFinished(() => void accepted.unsubscribe(note));
  return remote;
}

describe("the proxy of an instance", () => {
  const credentials = "customer:p@ss";
  let proxy: ProxyOfTest;
  beforeAll(async () => {
    proxy = await startProxy({ credentials });
  });
  afterAll(() => proxy?.stop());

  test.each(["http", "socks5"])("carries all connections to WhatsApp, over %s", async (protocol) => {
    const seen = watchConnections();
    const owner = await newPhone();
    const settings = { proxy: `${protocol}://customer:p%40ss@127.0.0.1:${proxy.port}`, history: "recent" };
    const client = restClient(gate, "multi-instance", await gate.linked(owner, "multi-instance", settings));
    await exchange(client, { owner, peer: bob }, "through the proxy");
    const sent = await client.sendImage(bob.number, files.url("/a.png"));
    await bob.waitFor((message) => message.id === sent);
    const { id } = await bob.sendImage(owner.number, png());
    await client.reported("received", id);
    await until(
      async () =>
        (
          await gate.db.sql`
      select from messages where wa_id = ${id} and media->>'state' = 'stored'`
        ).length || undefined,
    );
    expect(seen.size).toBeGreaterThan(2);
    for (const port of seen) expect(proxy.ports).toContain(port);
    expect(new Set(proxy.targets)).toEqual(new Set([new URL(gate.wa.url).host, gate.wa.mediaHost]));
  });

  test("takes effect when it changes, and its failure is the reason of the instance, without a direct connection", async () => {
    const owner = await newPhone();
    const id = await gate.linked(owner);
    const seen = watchConnections();
    const settings = { proxy: `socks5://customer:p%40ss@127.0.0.1:${proxy.port}` };
    expect((await gate.api("PUT", `/api/instances/${id}`, { body: settings })).status).toBe(200);
    const device = gate.wa.device(owner.number);
    await until(async () => ([...seen].some((port) => proxy.ports.has(port)) && device.sockets.open > 0) || undefined);
    await gate.status(id, "connected");
    proxy.cut();
    const reason = async () => (await gate.api("GET", `/api/instance/${id}/status`)).body.data.statusReason;
    await until(async () => (await reason()) === "proxy_failed" || undefined);
    expect(device.sockets.open).toBe(0);
    await proxy.restore();
    await gate.status(id, "connected");
    // The session without a proxy may fetch a file until it has ended.
    const ports = [...seen];
    const first = ports.findIndex((port) => proxy.ports.has(port));
    for (const port of ports.slice(first)) expect(proxy.ports).toContain(port);
  });
});

test("proxies that never answer do not delay sessions without a proxy", async () => {
  const sockets = new Set<Socket>();
  const silent = createServer((socket) => {
    sockets.add(socket.on("error", () => undefined));
    socket.once("data", () => socket.write("HTTP/1.1 200 OK\r\n\r\n"));
  });
  silent.listen(0, "127.0.0.1");
  await once(silent, "listening");
  const settings = { proxy: `http://127.0.0.1:${(silent.address() as AddressInfo).port}` };
  // Baileys gives each of them up after 20 s.
  const create = () => gate.createInstance("multi-instance", settings);
  const blocked = await Promise.all(Array.from({ length: 24 }, create));
  const direct = await gate.createInstance();
  await gate.qr(direct);
  silent.close();
  for (const socket of sockets) socket.destroy();
  await Promise.all([...blocked, direct].map((id) => gate.api("DELETE", `/api/instances/${id}`)));
}, 120_000);

test("the phone shows the device name of an instance under linked devices", async () => {
  const owner = await newPhone();
  await gate.linked(owner, "gateway", { deviceName: "Front desk" });
  expect(gate.wa.device(owner.number).credentials.platform).toBe("Front desk");
});

/** Links bare Baileys, exchanges messages in both directions, ends it, and returns the files of its session. */
async function bareBaileys(owner: Phone): Promise<{ folder: string; files: Record<string, string> }> {
  const folder = await mkdtemp(join(tmpdir(), "switchboard-baileys-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const { state, saveCreds } = await useMultiFileAuthState(folder);
  const client = new Client(gate.wa, { auth: state });
  await client.pair(owner);
  await bob.sendText(owner.number, "to bare Baileys");
  await client.waitForText("to bare Baileys");
  const sent = await client.sock.sendMessage(bob.lidJid, { text: "from bare Baileys" });
  await bob.waitFor((message) => message.id === sent?.key.id);
  await client.close();
  await saveCreds();
  const names = await readdir(folder);
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), "utf8")));
  return { folder, files: Object.fromEntries(names.map((name, at) => [name, texts[at] ?? ""])) };
}

describe("a session of another program", () => {
  const identity = (owner: Phone) => gate.wa.device(owner.number).credentials.identityKey.toString("hex");

  /** Returns the Signal sessions that the instance has with a peer, by address, as the ids of their first keys. */
  async function signalSessions(instance: string): Promise<Record<string, string[]>> {
    const vault = await openVault(gate.db, await createKeyWrapper(gate.gateway.config));
    const rows = await gate.db.sql<{ key_id: string; value: Buffer }[]>`
      select key_id, value from session_keys where instance_id = ${instance} and type = 'session'`;
    return Object.fromEntries(
      rows.map(({ key_id, value }) => [key_id, sessionsIn(vault.open(value, `session:${instance}:session:${key_id}`))]),
    );
  }
  const sessionsIn = (json: Buffer | string) => Object.keys(JSON.parse(json.toString())._sessions);

  test("continues as an instance without a QR code, in the same Signal sessions", async () => {
    const owner = await newPhone();
    saveContact(owner, bob.number, "Bob of the address book");
    const { files } = await bareBaileys(owner);
    const before = identity(owner);
    const sessions = Object.entries(files)
      .filter(([name]) => name.startsWith("session-"))
      .map(([name, json]) => [name.slice("session-".length, -".json".length), sessionsIn(json)]);
    expect(sessions.length).toBeGreaterThan(0);
    const body = { name: "imported", webhookUrl: gate.receiver.url, session: files };
    const created = await gate.api("POST", "/api/instances/import", { body });
    expect({ status: created.status, code: created.body.code }).toEqual({ status: 201, code: undefined });
    const { id } = created.body;
    await gate.status(id, "connected");
    const client = restClient(gate, "multi-instance", id);
    await client.reported("received", (await bob.sendText(owner.number, "to the imported session")).id);
    // Sending comes later, because Baileys requests new sessions for the first message of a connection.
    expect(await signalSessions(id)).toEqual(Object.fromEntries(sessions));
    await exchange(client, { owner, peer: bob }, "after the import");
    expect(await typesOfEvents(gate, id)).not.toContain("connection.qr");
    expect(owner.devices).toHaveLength(1);
    expect(identity(owner)).toBe(before);
    await until(async () => {
      const { contacts } = (await gate.api("GET", `/api/whatsapp/${id}/contacts`)).body;
      return JSON.stringify(contacts).includes("Bob of the address book") || undefined;
    });
    expect(await gate.api("POST", "/api/instances/import", { body })).toMatchObject({
      status: 409,
      body: { code: "already_exists" },
    });
  });

  test("continues as an instance that waited for a scan, from a tar archive", async () => {
    const owner = await newPhone();
    const { folder } = await bareBaileys(owner);
    const before = identity(owner);
    const archive = execFileSync("tar", ["-czf", "-", "-C", folder, "."]).toString("base64");
    const id = await gate.createInstance("gateway");
    await gate.qr(id);
    const path = `/api/instance/${id}/import`;
    expect((await gate.api("POST", path, { body: { archive } })).status).toBe(200);
    await gate.status(id, "connected");
    const client = restClient(gate, "gateway", id);
    await exchange(client, { owner, peer: bob }, "after the import");
    expect(identity(owner)).toBe(before);
    await gate.restart();
    await gate.status(id, "connected");
    await exchange(client, { owner, peer: bob }, "after a restart");
    expect(await gate.api("POST", path, { body: { archive } })).toMatchObject({ status: 409 });
  });

  test("that the host could not store in three attempts is removed, and the instance says so", async () => {
    const id = await gate.createInstance();
    await gate.qr(id);
    await gate.db.sql`
      insert into session_imports (instance_id, device, bundle, attempts) values (${id}, 'device', ${Buffer.from("x")}, 3)`;
    const client = restClient(gate, "multi-instance", id);
    expect((await client.request("POST", "restart")).status).toBe(200);
    await until(async () => {
      const { body } = await gate.api("GET", `/api/whatsapp/${id}/status`);
      return body.reason === "import_failed" || undefined;
    });
    expect(await gate.db.sql`select 1 from session_imports where instance_id = ${id}`).toHaveLength(0);
    expect((await client.request("POST", "restart")).status).toBe(200);
    await gate.qr(id);
  });

  test("that its owner has unlinked ends as logged out, without a QR code", async () => {
    const owner = await newPhone();
    const { files } = await bareBaileys(owner);
    owner.unlink(gate.wa.device(owner.number));
    const body = { name: "imported", session: files };
    const { id } = (await gate.api("POST", "/api/instances/import", { body })).body;
    await gate.status(id, "logged_out");
    expect(await typesOfEvents(gate, id)).not.toContain("connection.qr");
  });
});

test("WhatsApp and the phones report no error, and every phone decrypted its messages", () => {
  expectNoComplaints(gate.wa);
  for (const phone of gate.wa.phones) expect(phone.failures).toEqual([]);
});
