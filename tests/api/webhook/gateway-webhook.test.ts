import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { Claims } from "../../../core/db/claim-lease.ts";
import { createEgress } from "../../../core/egress/index.ts";
import { systemIds } from "../../../core/id.ts";
import { openForeignQueues } from "../../../core/queue/foreign.ts";
import { deliverEvents } from "../../../core/webhook/delivery/deliver.ts";
import { retryDeliveries } from "../../../core/webhook/delivery/retry-worker.ts";
import { Successes } from "../../../core/webhook/delivery/successes.ts";
import { sendTestToUrl } from "../../../core/webhook/delivery/test-delivery.ts";
import { clearDeliveries } from "../../../core/webhook/log/index.ts";
import { startApi, type TestApi } from "../../support/api/api.ts";
import { receiverOfTest } from "../../support/network/receiver-of-test.ts";
import { text } from "../../support/webhook/delivery-setup.ts";

let api: TestApi;
let admin: string;
beforeAll(async () => {
  api = await startApi();
  admin = (await api.user({ role: "admin" })).key;
}, 60_000);
afterAll(() => api?.stop());

const workerDeps = () => ({
  ...api.deps,
  foreignQueues: openForeignQueues(api.deps.queues.client),
  claims: new Claims(api.deps),
  successes: new Successes(api.deps.db),
  random: () => 0.5,
  sleep: async (ms: number) => api.deps.clock.advance(ms),
});
const newKey = async () => (await api.user()).key;
const call = (method: string, path: string, key: string, body?: unknown) =>
  api.request(method, `/api/webhook/${path}`, { key, ...(body === undefined ? {} : { body }) });
const data = async (method: string, path: string, key: string) => (await call(method, path, key)).body.data;

async function newInstance(key: string, webhookUrl: string): Promise<string> {
  const { body } = await api.request("POST", "/api/instance/create", { key, body: { name: "Support", webhookUrl } });
  return body.data.id;
}

const seqs = new Map<string, number>();
/** Delivers a received text as the webhook worker does with a record from the queue. */
async function deliverText(instanceId: string, body: string): Promise<void> {
  const seq = (seqs.get(instanceId) ?? 0) + 1;
  seqs.set(instanceId, seq);
  api.deps.clock.advance(1000);
  const head = { v: 1, id: systemIds.uuid(), instanceId, seq, correlationId: null };
  const event = { ...head, type: "message.received", data: text(body), at: api.deps.clock.now().toISOString() };
  await deliverEvents(workerDeps(), [{ id: "record", body: JSON.stringify(event) }], { budgetMs: 60_000 });
}

/** Starts a receiver that rejects only the text "bad", and delivers three texts of a user's two instances to it. */
async function deliverThreeTexts() {
  const receiver = await receiverOfTest((one, response) =>
    response.writeHead(one.body.includes('"conversation":"bad"') ? 500 : 200).end("ok"),
  );
  const key = await newKey();
  const [one, other] = [await newInstance(key, receiver.url), await newInstance(key, receiver.url)];
  await deliverText(one, "first");
  await deliverText(other, "bad");
  await deliverText(one, "last");
  return { receiver, key, one, other };
}

test("a test delivery is sent to the given URL and returns the endpoint's response", async () => {
  const receiver = await receiverOfTest((_, response) => response.writeHead(201).end("thanks"));
  const key = await newKey();
  const example = { url: receiver.url, event: "message.received", data: { test: true } };
  const answer = await call("POST", "test", key, example);
  expect(answer.body).toMatchObject({
    success: true,
    data: { success: true, status: 201, response: "thanks", error: null, durationMs: expect.any(Number) },
  });
  expect(JSON.parse(receiver.received[0]?.body ?? "")).toEqual({
    event: "message.received",
    instanceId: null,
    timestamp: expect.any(String),
    data: { test: true },
    eventId: expect.any(String),
  });
  receiver.answer(500);
  expect((await call("POST", "test", key, example)).body.data).toMatchObject({ success: false, status: 500 });
  await receiver.down();
  const dead = { success: false, status: null, response: null, error: expect.stringContaining("connect") };
  expect(await call("POST", "test", key, example)).toMatchObject({ status: 200, body: { success: true, data: dead } });
  expect((await call("GET", "logs", key)).body.pagination.total).toBe(0);
});

test("a test delivery is limited to allowed URLs and documented events", async () => {
  const key = await newKey();
  const event = "call.rejected";
  for (const url of [
    "http://10.0.0.1/",
    "http://169.254.169.254/latest/meta-data",
    "http://[::1]/",
    "http://127.0.0.1:22/",
  ]) {
    const answer = await call("POST", "test", key, { url, event });
    expect(answer).toMatchObject({ status: 400, body: { success: false, code: "url_not_allowed" } });
    if (!url.endsWith(":22/")) expect(answer.body.details).toContain("EGRESS_ALLOW");
  }
  // A public name that resolves to a private address is blocked too.
  const egress = createEgress({ allow: [], resolve: async () => ["10.0.0.1"] });
  onTestFinished(() => egress.close());
  const rebound = sendTestToUrl({ ...api.deps, egress }, { url: "http://rebound.example/", event, data: {} });
  await expect(rebound).rejects.toMatchObject({ code: "url_not_allowed" });
  const url = "https://example.com/hook";
  const bad = [{ url }, { event }, { url, event: "message_received" }, { url: "ftp://example.com", event }];
  for (const body of [...bad, { url, event, data: "x" }, { url: "https://a:b@example.com", event }]) {
    expect(await call("POST", "test", key, body)).toMatchObject({ status: 400, body: { code: "invalid_request" } });
  }
});

test("a test event with deeply nested data is rejected", async () => {
  const deep = "[".repeat(10_000) + "]".repeat(10_000);
  const body = `{"url":"https://example.com/hook","event":"message.received","data":{"deep":${deep}}}`;
  expect(await call("POST", "test", admin, body)).toMatchObject({ status: 400, body: { code: "invalid_request" } });
});

test("the logs cover all instances of the caller, newest first, with filters", async () => {
  const { receiver, key, one, other } = await deliverThreeTexts();
  const { body } = await call("GET", "logs", key);
  expect(body.pagination).toEqual({ total: 3, limit: 50, skip: 0, hasMore: false });
  expect(body.data).toMatchObject([
    { instanceId: one, sequence: 2, event: "message.received", status: "succeeded", attempts: 1, url: receiver.url },
    { instanceId: other, sequence: 1, status: "pending", finishedAt: null, nextAttemptAt: expect.any(String) },
    { instanceId: one, sequence: 1, status: "succeeded", nextAttemptAt: null },
  ]);
  const ids = body.data.map(({ id }: { id: string }) => id);
  const shown = async (query: string, as = key) => {
    const answer = await call("GET", `logs?${query}`, as);
    expect(answer.status).toBe(200);
    return answer.body.data.map(({ id }: { id: string }) => ids.indexOf(id));
  };
  expect(await shown("status=pending")).toEqual([1]);
  expect(await shown("event=message_received&limit=2")).toEqual([0, 1]);
  expect(await shown("event=message.read")).toEqual([]);
  expect(await shown("limit=1&skip=2")).toEqual([2]);
  expect(await shown(`instanceId=${one}`)).toEqual([0, 2]);
  expect(await shown("endDate=2020-01-01")).toEqual([]);
  // An admin sees only their own instances unless the request names another one.
  expect([await shown("", admin), await shown(`instanceId=${other}`, admin)]).toEqual([[], [1]]);
  expect(await shown("", await newKey())).toEqual([]);
});

test("the statistics equal the logs and have no success rate until a delivery is finished", async () => {
  const { key, one, other } = await deliverThreeTexts();
  const [retried] = await data("GET", "logs?status=pending", key);
  await api.db.sql`update deliveries set status = 'failed', reason = 'exhausted' where id = ${retried.id}`;
  const both = await data("GET", "stats", key);
  const counts = { total: 3, succeeded: 2, failed: 1, pending: 0 };
  expect(both).toMatchObject({ ...counts, successRate: 2 / 3, byEvent: { "message.received": counts } });
  const [tries] = await api.db.sql`
    select avg(a.duration_ms)::float8 as average from attempts a join deliveries d on d.id = a.delivery_id
    where d.instance_id in (${one}, ${other})`;
  expect(both.averageDurationMs).toBe(tries?.average);
  expect(await data("GET", `stats?instanceId=${other}`, key)).toMatchObject({ total: 1, failed: 1, successRate: 0 });
  expect(await data("GET", "stats", await newKey())).toEqual({
    ...{ total: 0, succeeded: 0, failed: 0, pending: 0 },
    ...{ successRate: null, averageDurationMs: null, byEvent: {} },
  });
});

test("a retry sends a delivery again under the same id, and is rejected if the instance has no webhook", async () => {
  const { receiver, key, one } = await deliverThreeTexts();
  const [last] = await data("GET", `logs?instanceId=${one}`, key);
  const answer = await call("POST", `retry/${last.id}`, key);
  expect(answer.body).toMatchObject({ success: true, data: { id: last.id, instanceId: one, status: "pending" } });
  await retryDeliveries(workerDeps(), { budgetMs: 60_000 });
  const again = receiver.received.filter(({ headers }) => headers["webhook-id"] === last.id);
  expect(again).toHaveLength(2);
  expect(again[0]?.body).toBe(again[1]?.body);
  expect((await data("GET", `logs?instanceId=${one}`, key))[0]).toMatchObject({ status: "succeeded", attempts: 2 });

  expect(await call("POST", `retry/${last.id}`, await newKey())).toMatchObject({
    status: 403,
    body: { code: "forbidden" },
  });
  expect((await call("POST", `retry/${last.id}`, admin)).status).toBe(200);
  for (const unknown of [systemIds.uuid(), "x", "%27"]) {
    const missing = { status: 404, body: { code: "delivery_not_found" } };
    expect(await call("POST", `retry/${unknown}`, key)).toMatchObject(missing);
  }
  await api.request("PUT", `/api/instances/${one}`, { key, body: { webhookUrl: null } });
  expect(await call("POST", `retry/${last.id}`, key)).toMatchObject({
    status: 409,
    body: { code: "webhook_disabled" },
  });
  // The last retry is in the backlog of a removed webhook, which the worker doesn't wait for.
  const sleep = () => Promise.reject(new Error("waited for the backlog of a removed webhook"));
  await retryDeliveries({ ...workerDeps(), sleep }, { budgetMs: 60_000 });
  const given = { id: last.id, status: "failed", reason: "disabled" };
  expect((await data("GET", `logs?instanceId=${one}`, key))[0]).toMatchObject(given);
  await api.db.sql`update instances set deleted_at = now() where id = ${one}`;
  expect((await call("POST", `retry/${last.id}`, key)).status).toBe(404);
});

test("clearing removes only finished deliveries of the caller, or of the instance that an admin names", async () => {
  const [mine, theirs] = [await deliverThreeTexts(), await deliverThreeTexts()];
  expect(await data("DELETE", `logs?instanceId=${mine.other}`, mine.key)).toEqual({ deleted: 0, more: false });
  expect(await data("DELETE", "logs", mine.key)).toEqual({ deleted: 2, more: false });
  const left = await data("GET", "logs", mine.key);
  expect(left).toMatchObject([{ instanceId: mine.other, status: "pending" }]);
  const [attempts] = await api.db.sql`
    select count(*)::int as orphans from attempts a left join deliveries d on d.id = a.delivery_id where d.id is null`;
  expect(attempts).toEqual({ orphans: 0 });
  expect(await data("GET", "logs", theirs.key)).toHaveLength(3);
  // The remaining delivery is still sent.
  mine.receiver.answer(200);
  api.deps.clock.advance(60 * 60 * 1000);
  await retryDeliveries(workerDeps(), { budgetMs: 60_000 });
  expect(await data("GET", "logs", mine.key)).toMatchObject([{ id: left[0].id, status: "succeeded" }]);
  expect(await data("DELETE", `logs?instanceId=${theirs.one}`, admin)).toEqual({ deleted: 2, more: false });
});

test("one call clears a bounded number of deliveries and reports whether more can remain", async () => {
  const key = await newKey();
  const id = await newInstance(key, "http://127.0.0.1:9/");
  await api.db.sql`
    insert into deliveries (id, instance_id, event_id, event_seq, event_type, url, body, status, next_at)
    select gen_random_uuid(), ${id}, gen_random_uuid(), n, 'message.received', 'u', '{}', 'failed', now()
    from generate_series(1, 7) n`;
  const clear = () => clearDeliveries(api.db, [id], { atOnce: 2, most: 5 });
  expect(await clear()).toEqual({ deleted: 5, more: true });
  expect(await clear()).toEqual({ deleted: 2, more: false });
});

test("requests without credentials, with a read-only key, for another user's or unknown instance, or with invalid input are rejected", async () => {
  const { key, one } = await deliverThreeTexts();
  const stranger = await newKey();
  const lists = [
    ["GET", "logs"],
    ["GET", "stats"],
    ["DELETE", "logs"],
  ] as const;
  for (const [method, path] of lists) {
    expect((await api.request(method, `/api/webhook/${path}`)).status).toBe(401);
    expect(await call(method, `${path}?instanceId=${one}`, stranger)).toMatchObject({ status: 403 });
    for (const unknown of [systemIds.uuid(), "my-instance", "%00"]) {
      const answer = await call(method, `${path}?instanceId=${unknown}`, key);
      expect(answer).toMatchObject({ status: 404, body: { code: "instance_not_found" } });
    }
  }
  const { body } = await api.request("POST", "/api/keys", { key, body: { name: "reader", permissions: ["read"] } });
  for (const [method, path, sent] of [
    ["POST", "test", { url: "https://example.com/hook", event: "call.received" }],
    ["DELETE", "logs"],
    ["POST", `retry/${systemIds.uuid()}`],
  ] as const) {
    expect(await call(method, path, body.apiKey, sent)).toMatchObject({ status: 403, body: { code: "forbidden" } });
  }
  for (const query of ["status=gone", "limit=0", "limit=x", "skip=-1", "event=", "event=%00", "instanceId="]) {
    expect(await call("GET", `logs?${query}`, key)).toMatchObject({ status: 400, body: { code: "invalid_request" } });
  }
  // The Multi-Instance API rejects NUL as well, which Postgres can't store.
  const nul = await api.request("GET", `/api/instances/${one}/webhooks/deliveries?event=%00`, { key });
  expect(nul).toMatchObject({ status: 400, body: { code: "invalid_request" } });
  const range = { from: "2023-01-01T00:00:00Z", to: "2023-01-02T00:00:00Z", events: ["\u0000"] };
  const replay = await api.request("POST", `/api/instances/${one}/webhooks/replay`, { key, body: range });
  expect(replay).toMatchObject({ status: 400, body: { code: "invalid_request" } });
});
