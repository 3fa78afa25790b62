import { createHmac } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { sealedPlace } from "../../../core/crypto/sealed-place.ts";
import { Claims } from "../../../core/db/claim-lease.ts";
import type { EventData, EventType } from "../../../core/event/catalog/index.ts";
import { systemIds } from "../../../core/id.ts";
import { openForeignQueues } from "../../../core/queue/foreign.ts";
import { deliverEvents } from "../../../core/webhook/delivery/deliver.ts";
import { retryDeliveries } from "../../../core/webhook/delivery/retry-worker.ts";
import { Successes } from "../../../core/webhook/delivery/successes.ts";
import { startApi, type TestApi } from "../../support/api/api.ts";
import { receiverOfTest } from "../../support/network/receiver-of-test.ts";
import { text } from "../../support/webhook/delivery-setup.ts";

let api: TestApi;
let key: string;
let stranger: string;
beforeAll(async () => {
  api = await startApi();
  [{ key }, { key: stranger }] = await Promise.all([api.user(), api.user()]);
}, 60_000);
afterAll(() => api?.stop());

const hour = 60 * 60 * 1000;
const workerDeps = () => ({
  ...api.deps,
  foreignQueues: openForeignQueues(api.deps.queues.client),
  claims: new Claims(api.deps),
  successes: new Successes(api.deps.db),
  random: () => 0.5,
  sleep: async (ms: number) => api.deps.clock.advance(ms),
});
const runRetryWorker = () => retryDeliveries(workerDeps(), { budgetMs: 60_000 });
const path = (id: string, rest: string) => `/api/instances/${id}/webhooks/${rest}`;
const get = async (id: string, rest: string) => (await api.request("GET", path(id, rest), { key })).body;
const post = (id: string, rest: string, body: unknown = {}) => api.request("POST", path(id, rest), { key, body });

async function instanceWith(body: object): Promise<string> {
  return (await api.request("POST", "/api/instances", { key, body: { name: "Primary", ...body } })).body.id;
}

const seqs = new Map<string, number>();
/** Delivers an event as the webhook worker does with a record from the queue. */
async function deliverEvent<Type extends EventType>(
  instanceId: string,
  type: Type,
  data: EventData<Type>,
): Promise<void> {
  const seq = (seqs.get(instanceId) ?? 0) + 1;
  seqs.set(instanceId, seq);
  const at = api.deps.clock.now().toISOString();
  const envelope = { v: 1, id: systemIds.uuid(), instanceId, seq, type, data, correlationId: null, at };
  await deliverEvents(workerDeps(), [{ id: "record", body: JSON.stringify(envelope) }], { budgetMs: 60_000 });
}
const deliverText = (instanceId: string, body: string) => deliverEvent(instanceId, "message.received", text(body));
const texts = (received: { body: string }[]) => received.map(({ body }) => JSON.parse(body).data.body);

test("the delivery log is listed newest first with filters, and shows body and attempts", async () => {
  const receiver = await receiverOfTest((one, response) =>
    response.writeHead(one.body.includes('"body":"bad"') ? 500 : 200).end("ok"),
  );
  const id = await instanceWith({ webhookUrl: receiver.url });
  await deliverText(id, "good");
  await deliverText(id, "bad");
  await deliverEvent(id, "message.read", { messageId: "m", chatId: "c", by: "b", byLid: null, timestamp: 1 });

  const { deliveries, pagination } = await get(id, "deliveries");
  expect(pagination).toEqual({ total: 3, limit: 50, skip: 0, hasMore: false });
  expect(deliveries).toMatchObject([
    { sequence: 3, event: "message_status", status: "succeeded", attempts: 1, nextAttemptAt: null, url: receiver.url },
    { sequence: 2, event: "message_received", status: "pending", attempts: 1, finishedAt: null, reason: null },
    { sequence: 1, event: "message_received", status: "succeeded" },
  ]);
  expect(Date.parse(deliveries[1].nextAttemptAt)).toBeGreaterThan(Date.parse(deliveries[1].createdAt));
  const sequences = async (query: string) =>
    (await get(id, `deliveries?${query}`)).deliveries.map((one: { sequence: number }) => one.sequence);
  expect(await sequences("status=pending")).toEqual([2]);
  expect(await sequences("event=message_received")).toEqual([2, 1]);
  expect(await sequences("event=message.read")).toEqual([3]);
  expect(await sequences("limit=1&skip=1")).toEqual([2]);
  expect(await sequences("endDate=2020-01-01")).toEqual([]);

  const one = await get(id, `deliveries/${deliveries[1].id}`);
  expect(one).toMatchObject({ id: deliveries[1].id, body: JSON.parse(receiver.received[1]?.body ?? "") });
  expect(one.attempts).toMatchObject([
    { number: 1, status: 500, error: "the endpoint answered 500", response: "ok", durationMs: expect.any(Number) },
  ]);
});

test("the delivery log does not show a QR code", async () => {
  const receiver = await receiverOfTest();
  const id = await instanceWith({ webhookUrl: receiver.url });
  const sealedQr = api.vault.seal(Buffer.from("2@the-code"), sealedPlace.qr(id)).toString("base64");
  await deliverEvent(id, "connection.qr", { sealedQr, expiresAt: "2030-01-01T00:00:00.000Z" });
  expect(receiver.received[0]?.body).toContain("2@the-code");
  const { deliveries } = await get(id, "deliveries");
  expect(await get(id, `deliveries/${deliveries[0].id}`)).toMatchObject({ event: "qr_received", body: null });
});

test("a replay uses the same id and the current URL, and adds its attempt to the log", async () => {
  const [old, current] = [await receiverOfTest(410), await receiverOfTest()];
  const id = await instanceWith({ webhookUrl: old.url });
  await deliverText(id, "lost");
  const [lost] = (await get(id, "deliveries?status=failed")).deliveries;
  expect(lost).toMatchObject({ reason: "gone", attempts: 1 });
  await api.request("PUT", `/api/instances/${id}`, { key, body: { webhookUrl: current.url } });
  const replayed = await post(id, `deliveries/${lost.id}/replay`);
  expect(replayed).toMatchObject({ status: 200, body: { id: lost.id, status: "pending", reason: null } });
  await runRetryWorker();
  expect(current.received.map(({ headers }) => headers["webhook-id"])).toEqual([lost.id]);
  expect(current.received[0]?.body).toBe(old.received[0]?.body);
  const { status, attempts } = await get(id, `deliveries/${lost.id}`);
  expect([status, attempts.map((one: { status: number }) => one.status)]).toEqual(["succeeded", [410, 200]]);
  // A delivery that succeeded can be replayed too.
  expect((await post(id, `deliveries/${lost.id}/replay`)).status).toBe(200);
  await runRetryWorker();
  expect(current.received).toHaveLength(2);
  const [used] = await api.db.sql`select sum(webhook_sent)::int as n from usage where instance_id = ${id}`;
  expect(used).toEqual({ n: 2 });
});

test("a time range is replayed in order, by default the failed deliveries, filtered by event", async () => {
  const receiver = await receiverOfTest();
  const id = await instanceWith({ webhookUrl: receiver.url });
  const from = api.deps.clock.now().toISOString();
  for (const body of ["1", "2", "3"]) await deliverText(id, body);
  await deliverEvent(id, "message.read", { messageId: "m", chatId: "c", by: "b", byLid: null, timestamp: 1 });
  api.deps.clock.advance(hour);
  const to = api.deps.clock.now().toISOString();
  await api.db.sql`update deliveries set status = 'failed' where instance_id = ${id} and event_seq in (1, 2)`;
  const replay = async (body: object) => {
    receiver.received.length = 0;
    const answer = await post(id, "replay", body);
    expect(answer.status).toBe(200);
    await runRetryWorker();
    return [answer.body, texts(receiver.received)];
  };
  expect(await replay({ from, to })).toEqual([{ replayed: 2, next: null }, ["1", "2"]]);
  expect(await replay({ from, to })).toEqual([{ replayed: 0, next: null }, []]);
  expect(await replay({ from, to, status: "all", events: ["message_received"] })).toEqual([
    { replayed: 3, next: null },
    ["1", "2", "3"],
  ]);
  const later = new Date(Date.parse(to) + hour).toISOString();
  expect(await replay({ from: to, to: later, status: "all" })).toEqual([{ replayed: 0, next: null }, []]);
});

test("a range of more than 10,000 deliveries is replayed from the oldest, with a cursor to continue", async () => {
  const id = await instanceWith({ webhookUrl: "http://127.0.0.1:9/" });
  const start = Date.parse("2026-01-01T00:00:00.000Z");
  await api.db.sql`
    insert into deliveries (id, instance_id, event_id, event_seq, event_type, url, body, status, next_at, created_at)
    select gen_random_uuid(), ${id}, gen_random_uuid(), n, 'message.received', 'u', '{}', 'failed', now(),
      ${new Date(start).toISOString()}::timestamptz + n * interval '1 millisecond'
    from generate_series(1, 10005) n`;
  const range = { from: new Date(start).toISOString(), to: new Date(start + hour).toISOString() };
  const { body } = await post(id, "replay", range);
  expect(body).toEqual({ replayed: 10_000, next: new Date(start + 10_001).toISOString() });
  expect((await post(id, "replay", { ...range, from: body.next })).body).toEqual({ replayed: 5, next: null });
  await api.db.sql`delete from deliveries where instance_id = ${id}`;
  await api.db.sql`delete from webhook_endpoints where instance_id = ${id}`;
});

test("a test delivery is signed and sent at once, and its result is returned even if the endpoint is unreachable", async () => {
  const receiver = await receiverOfTest((_, response) => response.writeHead(201).end("thanks"));
  const id = await instanceWith({ webhookUrl: receiver.url, webhookSecret: "plain" });
  const answer = await post(id, "test");
  expect(answer).toMatchObject({
    status: 200,
    body: { delivered: true, status: 201, response: "thanks", error: null, durationMs: expect.any(Number) },
  });
  const [one] = receiver.received;
  expect(JSON.parse(one?.body ?? "")).toEqual({
    event: "test",
    data: { instanceId: id },
    timestamp: expect.any(String),
    eventId: expect.any(String),
  });
  expect(one?.headers["x-webhook-signature"]).toBe(
    createHmac("sha256", "plain")
      .update(one?.body ?? "")
      .digest("hex"),
  );
  await receiver.down();
  const dead = { delivered: false, status: null, response: null, error: expect.stringContaining("connect") };
  expect(await post(id, "test")).toMatchObject({ status: 200, body: dead });
  await api.request("PUT", `/api/instances/${id}`, { key, body: { webhookUrl: "http://10.0.0.1/" } });
  expect((await post(id, "test")).body).toMatchObject({
    error: expect.stringMatching(/^url_not_allowed.*EGRESS_ALLOW/),
  });
  expect((await get(id, "deliveries")).deliveries).toEqual([]);
});

test("the status shows the endpoint's state, which enabling the webhook again resets", async () => {
  const receiver = await receiverOfTest(500);
  const id = await instanceWith({ webhookUrl: receiver.url });
  const status = () => get(id, "status");
  const healthy = { enabled: true, url: receiver.url, state: "healthy", failures: 0, failingSince: null };
  expect(await status()).toEqual({ ...healthy, nextAttemptAt: null, waiting: 0, averageResponseMs: null });
  await deliverText(id, "1");
  expect(await status()).toMatchObject({ state: "failing", failures: 1, nextAttemptAt: null, waiting: 1 });
  await deliverText(id, "2");
  await deliverText(id, "3");
  await deliverText(id, "4");
  const parked = await status();
  expect(parked).toMatchObject({ state: "parked", failures: 3, waiting: 4 });
  expect(Date.parse(parked.nextAttemptAt)).toBeGreaterThan(Date.parse(parked.failingSince));
  const [last] = (await get(id, "deliveries")).deliveries;
  expect(last).toMatchObject({ attempts: 0, nextAttemptAt: parked.nextAttemptAt });

  receiver.answer(200);
  const change = (body: object) => api.request("PUT", `/api/instances/${id}`, { key, body });
  await change({ webhookEnabled: true });
  expect(await status()).toMatchObject({ state: "draining", failures: 0, failingSince: null });
  await runRetryWorker();
  expect(await status()).toEqual({ ...healthy, nextAttemptAt: null, waiting: 0, averageResponseMs: null });
  expect(texts(receiver.received)).toEqual(["1", "2", "3", "1", "2", "3", "4"]);

  await api.db.sql`
    insert into webhook_paces (instance_id, url, average_ms) values (${id}, ${receiver.url}, 3000)`;
  expect(await status()).toMatchObject({ averageResponseMs: 3_000 });

  await change({ webhookEnabled: false });
  expect(await status()).toMatchObject({ enabled: false, state: "disabled" });
});

test("without an enabled webhook, replay and test are rejected with the reason", async () => {
  const receiver = await receiverOfTest();
  const id = await instanceWith({ webhookUrl: receiver.url });
  await deliverText(id, "1");
  const [one] = (await get(id, "deliveries")).deliveries;
  await api.request("PUT", `/api/instances/${id}`, { key, body: { webhookEnabled: false } });
  const range = { from: "2020-01-01T00:00:00Z", to: "2030-01-01T00:00:00Z" };
  for (const [rest, body] of [[`deliveries/${one.id}/replay`], ["replay", range]] as const) {
    expect(await post(id, rest, body)).toMatchObject({ status: 409, body: { code: "webhook_disabled" } });
  }
  // A test delivery also works before the webhook is enabled.
  expect((await post(id, "test")).body).toMatchObject({ delivered: true });
  await api.request("PUT", `/api/instances/${id}`, { key, body: { webhookUrl: null } });
  expect(await post(id, "test")).toMatchObject({ status: 409, body: { code: "webhook_disabled" } });
});

test("requests with invalid input, an unknown id, no credentials or another user's key are rejected", async () => {
  const receiver = await receiverOfTest();
  const [id, other] = [await instanceWith({ webhookUrl: receiver.url }), await instanceWith({})];
  await deliverText(id, "1");
  const [one] = (await get(id, "deliveries")).deliveries;
  const range = { from: "2020-01-01T00:00:00Z", to: "2030-01-01T00:00:00Z" };
  const endpoints = [
    ["GET", "deliveries"],
    ["GET", `deliveries/${one.id}`],
    ["POST", `deliveries/${one.id}/replay`, {}],
    ["POST", "replay", range],
    ["POST", "test", {}],
    ["GET", "status"],
  ] as const;
  for (const [method, rest, body] of endpoints) {
    expect(await api.request(method, path(id, rest), { body })).toMatchObject({ status: 401 });
    expect(await api.request(method, path(id, rest), { key: stranger, body })).toMatchObject({ status: 403 });
    expect(await api.request(method, path(systemIds.uuid(), rest), { key, body })).toMatchObject({ status: 404 });
  }
  for (const query of ["status=gone", "limit=0", "limit=x", "startDate=yesterday", "event="]) {
    const answer = await api.request("GET", path(id, `deliveries?${query}`), { key });
    expect(answer).toMatchObject({ status: 400, body: { code: "invalid_request" } });
  }
  const backwards = { from: range.to, to: range.from };
  for (const body of [{}, { from: range.from }, backwards, { ...range, status: "pending" }, { ...range, events: [] }]) {
    expect(await post(id, "replay", body)).toMatchObject({ status: 400, body: { code: "invalid_request" } });
  }
  for (const unknown of [systemIds.uuid(), "x"]) {
    const missing = { status: 404, body: { code: "delivery_not_found" } };
    expect(await api.request("GET", path(id, `deliveries/${unknown}`), { key })).toMatchObject(missing);
    expect(await post(id, `deliveries/${unknown}/replay`)).toMatchObject(missing);
  }
  // The delivery belongs to the caller but to another instance.
  expect((await api.request("GET", path(other, `deliveries/${one.id}`), { key })).status).toBe(404);
});
