import pino from "pino";
import { afterAll, beforeAll, expect, test } from "vitest";
import { systemClock } from "../../core/clock.ts";
import { openVault } from "../../core/crypto/index.ts";
import { createKeyWrapper } from "../../core/crypto/wrapper.ts";
import { Claims } from "../../core/db/claim-lease.ts";
import { createProxyDialer } from "../../core/egress/dial.ts";
import { createEgress } from "../../core/egress/index.ts";
import { systemIds } from "../../core/id.ts";
import { openQueues } from "../../core/queue/index.ts";
import { defaultRetention } from "../../core/retention/index.ts";
import { openStorage } from "../../core/storage/index.ts";
import { freePort } from "../../local/data/port.ts";
import { greeting } from "../../local/start/run.ts";
import { prepareWhatsApp } from "../../session-host/baileys/whatsapp.ts";
import { Host } from "../../session-host/host/host.ts";
import { hostMetrics } from "../../session-host/host/metrics.ts";
import { startStatusServer } from "../../session-host/host/status-server.ts";
import { ClientVersions } from "../../session-host/session/connection/client-version.ts";
import type { Phone } from "../../simulator/index.ts";
import { startTestGateway, type TestGateway } from "../support/gateway/test-gateway.ts";
import { readPrometheus } from "../support/prometheus.ts";
import { until } from "../support/until.ts";

let gate: TestGateway;
let alice: Phone;
let bob: Phone;
let instance: string;
let status: string;
const lines: string[] = [];

beforeAll(async () => {
  const port = await freePort();
  status = `http://127.0.0.1:${port}`;
  const log = pino({ level: "info" }, { write: (line: string) => lines.push(line) });
  gate = await startTestGateway({ env: { METRICS_PORT: String(port), METRICS_INSTANCES: "5" }, log });
  alice = await gate.wa.addPhone({ number: "4915550000001", pushName: "Alice" });
  bob = await gate.wa.addPhone({ number: "4915550000002", pushName: "Bob" });
  instance = await gate.linked(alice, "gateway");
});
afterAll(async () => {
  await gate?.stop();
});

const order = (what: "stop" | "restart", key?: string | null) =>
  gate.api("POST", `/api/observability/${what}`, key === undefined ? {} : { key });
const health = () => gate.api("GET", "/api/observability/health");
const healthy = () => until(async () => (await health()).status === 200 || undefined);

async function send(message: string): Promise<string> {
  const { status, body } = await gate.api("POST", "/api/message/send/text", {
    body: { instanceId: instance, to: bob.number, message },
  });
  expect(status, JSON.stringify(body)).toBe(200);
  return body.data.messageId;
}

const shownAtBob = (id: string) => bob.inbox.messages.filter((message) => message.id === id).length;

const metrics = async (): Promise<Record<string, number>> =>
  Object.fromEntries(readPrometheus(await (await fetch(`${status}/metrics`)).text()));

test("a host shows the connection and the messages of its busiest instances", async () => {
  await send("counted");
  await until(async () => {
    const shown = await metrics();
    return shown[`switchboard_instance_messages_sent{instance="${instance}"}`] ? shown : undefined;
  });
  expect(await metrics()).toMatchObject({ [`switchboard_instance_connected{instance="${instance}"}`]: 1 });
});

test("a request id is in its response and in the log lines, events and webhooks that it causes", async () => {
  const headers = { "x-request-id": "order-4711" };
  const logged = () => lines.map((line) => JSON.parse(line)).filter((line) => line.correlationId === "order-4711");
  const answer = await gate.api("POST", "/api/message/send/text", {
    body: { instanceId: instance, to: bob.number, message: "hi" },
    headers,
  });
  expect(answer.headers.get("x-request-id")).toBe("order-4711");
  const { messageId } = answer.body.data;
  const told = (event: string, id: string) =>
    gate.receiver.waitFor(({ body }) => body.event === event && body.data.messageId === id);
  const sent = await told("message.sent", messageId);
  expect(sent.headers["x-correlation-id"]).toBe("order-4711");
  const [event] = await gate.db.sql`
    select e.id, e.correlation_id, c.id as command_id from events e join commands c on c.wa_id = ${messageId}
    where e.type = 'message.sent' and e.data->>'messageId' = ${messageId}`;
  expect(event?.correlation_id).toBe("order-4711");
  expect(logged()).toMatchObject([
    { msg: "a command ended", commandId: event?.command_id, command: "message.sendText", status: "done" },
  ]);
  const { body: log } = await gate.api("GET", `/api/instances/${instance}/webhooks/deliveries?event=message.sent`);
  expect(log.deliveries[0]).toMatchObject({ eventId: event?.id, correlationId: "order-4711" });

  // A command that fails.
  await gate.api("POST", "/api/message/send/text", {
    body: { instanceId: instance, to: "4915550000099", message: "nobody" },
    headers: { "x-request-id": "order-4712" },
  });
  const failed = await gate.receiver.waitFor(({ body }) => body.event === "message.failed");
  expect(failed.headers["x-correlation-id"]).toBe("order-4712");
  const about = lines.map((line) => JSON.parse(line)).filter((line) => line.correlationId === "order-4712");
  expect(about.map((line) => [line.msg, line.status])).toEqual([
    ["a command failed", undefined],
    ["a command ended", "failed"],
  ]);
  expect(lines.filter((line) => "commandId" in JSON.parse(line) && !("correlationId" in JSON.parse(line)))).toEqual([]);

  // A received message has no request, so its correlation id is its WhatsApp id.
  const { id } = await bob.sendText(alice.number, "hello");
  expect((await told("message.received", id)).headers["x-correlation-id"]).toBe(id);
  const restarted = await gate.api("POST", `/api/instance/${instance}/restart`, {
    headers: { "x-request-id": "order-4713" },
  });
  expect(restarted.status, JSON.stringify(restarted.body)).toBe(200);
  const update = await gate.receiver.waitFor(({ headers }) => headers["x-correlation-id"] === "order-4713");
  expect(update.body).toMatchObject({ event: "connection.update" });
  await gate.status(instance, "connected");
});

test("the host exports its counters and the state of the fleet in Prometheus format", async () => {
  const before = await metrics();
  await gate.api("POST", "/api/message/send/text", { body: { instanceId: instance, to: bob.number, message: "one" } });
  const after = await until(async () => {
    const now = await metrics();
    const grown = (name: string) => Number(now[name]) - Number(before[name]);
    const all = ["commands_done", "events_relayed", "webhooks_succeeded", "api_requests"];
    return all.every((name) => grown(`switchboard_${name}_total`) > 0) ? now : undefined;
  });
  expect(after).toMatchObject({
    switchboard_instances_connected: 1,
    switchboard_instances_per_host: 1,
    switchboard_hosts_alive: 1,
    switchboard_shards_unheld: 0,
    switchboard_host_instances: 1,
    switchboard_host_instances_connected: 1,
    switchboard_host_shards: 2,
    switchboard_leases_taken_total: 2,
    switchboard_leases_lost_total: 0,
    switchboard_hosts_started_total: 1,
    switchboard_api_errors_total: 0,
  });
  expect((await fetch(`${status}/health`)).status).toBe(200);
});

test("only an admin can stop or restart the hosts", async () => {
  const user = { email: "ann@example.com", password: "correct horse battery staple" };
  const { apiKey } = (await gate.api("POST", "/api/users", { body: user })).body;
  for (const what of ["stop", "restart"] as const) {
    expect(await order(what, null)).toMatchObject({ status: 401, body: { code: "missing_credentials" } });
    expect(await order(what, apiKey)).toMatchObject({ status: 403, body: { success: false, code: "forbidden" } });
  }
  expect((await health()).body.data).toMatchObject({ status: "healthy", shards: { total: 2, held: 2 } });
});

test("stopped hosts serve no instance, log no instance out, and stay stopped after a restart", async () => {
  expect(await order("stop")).toMatchObject({
    status: 200,
    body: { success: true, data: { stopped: true, hosts: 1 }, message: expect.any(String) },
  });
  await until(async () => gate.wa.device(alice.number).sockets.open === 0 || undefined);
  const stopped = { status: "stopped", hosts: { alive: 1, draining: 0 }, shards: { total: 2, held: 0 } };
  await until(async () => (await health()).body.data.shards.held === 0 || undefined);
  const answer = await until(async () => {
    const now = await health();
    return now.body.data.hosts.draining === 0 ? now : undefined;
  });
  expect(answer).toMatchObject({ status: 200, body: { data: stopped } });
  const early = await send("sent while stopped");
  await gate.restart();
  expect(greeting(gate.gateway)).toContain("The session hosts are STOPPED");
  expect((await health()).body.data).toMatchObject(stopped);
  const late = await send("sent after the restart of everything");
  expect(alice.devices).toHaveLength(1);
  expect(gate.wa.device(alice.number).sockets.open).toBe(0);
  expect([shownAtBob(early), shownAtBob(late)]).toEqual([0, 0]);
  expect((await fetch(`${status}/health`)).status).toBe(200);
  expect(await metrics()).toMatchObject({ switchboard_shards_unheld: 0, switchboard_host_shards: 0 });
  await expectUnhealthyWithoutDatabase();
  const [row] = await gate.db.sql`select by_user, stopped from fleet`;
  expect(row).toEqual({ by_user: await adminId(), stopped: true });

  expect(await order("restart")).toMatchObject({ status: 200, body: { success: true, data: { stopped: false } } });
  await until(async () => (shownAtBob(early) > 0 && shownAtBob(late) > 0) || undefined);
  await gate.status(instance, "connected");
  await healthy();
  expect([shownAtBob(early), shownAtBob(late), bob.inbox.duplicates]).toEqual([1, 1, 0]);
});

test("a single host restarts with new sockets, and messages that are sent meanwhile go out once", async () => {
  const before = await epochs();
  const sent: string[] = [];
  expect((await order("restart")).body.data).toEqual({ stopped: false, hosts: 1 });
  await until(async () => {
    sent.push(await send(`number ${sent.length}`));
    return (await epochs()).every((epoch, shard) => epoch === (before[shard] ?? 0) + 1) || undefined;
  });
  await until(async () => sent.every((id) => shownAtBob(id) > 0) || undefined);
  await healthy();
  expect(sent.map(shownAtBob)).toEqual(sent.map(() => 1));
  expect(bob.inbox.duplicates).toBe(0);
  expect(gate.wa.device(alice.number).sockets).toMatchObject({ open: 1, maximum: 1 });
  expect([alice.devices.length, alice.errors, bob.errors, gate.wa.unknown]).toEqual([1, [], [], []]);
});

test("a lease counts as lost only if another host took it, not if the holder released it", async () => {
  expect((await metrics()).switchboard_leases_lost_total).toBe(0);
  await gate.db.sql`update shards set epoch = epoch + 1, lease_until = clock_timestamp() where id = 0`;
  const after = await until(async () => {
    const now = await metrics();
    return now.switchboard_host_shards === 2 && now.switchboard_leases_lost_total === 1 ? now : undefined;
  });
  expect(after.switchboard_shards_unheld).toBeLessThanOrEqual(1);
});

/** Fails unless a host without shards is healthy exactly while it reaches the database, and still exports its own metrics without it. */
async function expectUnhealthyWithoutDatabase(): Promise<void> {
  const { config } = gate.gateway;
  const { db } = gate;
  let ahead = 0;
  const egress = createEgress({ allow: config.EGRESS_ALLOW });
  const [endpoint, log] = [prepareWhatsApp(config), pino({ level: "silent" })];
  const host = new Host({
    ...{ host: "another", isDead: () => false, db, egress, ids: systemIds, version: "0.0.0" },
    retention: defaultRetention(config),
    dialProxy: createProxyDialer({ allow: config.EGRESS_ALLOW }),
    ...{ queues: openQueues(config), storage: openStorage(config), endpoint, log },
    versions: new ClientVersions({ db, claims: new Claims({ db, log }), endpoint, log, pinned: undefined }),
    vault: await openVault(db, await createKeyWrapper(config)),
    clock: { now: () => new Date(systemClock.now().getTime() + ahead) },
  });
  const server = await startStatusServer(
    { host: "127.0.0.1", port: 0 },
    { metrics: hostMetrics(host, db), healthy: () => host.healthy },
  );
  const answer = async () => (await fetch(`${server.url}/health`)).status;
  try {
    expect(await answer()).toBe(503);
    await host.start();
    expect(await answer()).toBe(200);
    await db.sql`alter table hosts rename to hosts_elsewhere`;
    ahead = 9_000;
    expect(await answer()).toBe(503);
    const shown = readPrometheus(await (await fetch(`${server.url}/metrics`)).text());
    expect([shown.get("switchboard_host_shards"), shown.has("switchboard_hosts_alive")]).toEqual([0, false]);
    await db.sql`alter table hosts_elsewhere rename to hosts`;
  } finally {
    await host.stop();
    await Promise.all([server.stop(), egress.close()]);
  }
}

const epochs = async () =>
  (await gate.db.sql`select epoch::int as epoch from shards order by id`).map((row) => Number(row.epoch));

async function adminId(): Promise<string> {
  const [row] = await gate.db.sql`select id from users where role = 'admin'`;
  return String(row?.id);
}
