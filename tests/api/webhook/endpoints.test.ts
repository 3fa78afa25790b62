import { createHmac } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Claims } from "../../../core/db/claim-lease.ts";
import type { EventData, EventType } from "../../../core/event/catalog/index.ts";
import { systemIds } from "../../../core/id.ts";
import { openForeignQueues } from "../../../core/queue/foreign.ts";
import { deliverEvents } from "../../../core/webhook/delivery/deliver.ts";
import { retryDeliveries } from "../../../core/webhook/delivery/retry-worker.ts";
import { Successes } from "../../../core/webhook/delivery/successes.ts";
import { type Answer, startApi, type TestApi } from "../../support/api/api.ts";
import { receiverOfTest } from "../../support/network/receiver-of-test.ts";
import { text } from "../../support/webhook/delivery-setup.ts";

let api: TestApi;
let key: string;
let stranger: string;
/** The key of a user with default endpoints. */
let keeper: string;
beforeAll(async () => {
  api = await startApi();
  [{ key }, { key: stranger }, { key: keeper }] = await Promise.all([api.user(), api.user(), api.user()]);
}, 60_000);
afterAll(() => api?.stop());

const hook = "https://example.com/hook";
const defaults = {
  name: "",
  description: "",
  enabled: true,
  events: null,
  filters: { groups: true, statuses: true, channels: true, ownMessages: true, chats: null },
  timeoutSeconds: 15,
  maxRetries: 5,
  retryInterval: 60_000,
  headerNames: [],
  hasSecret: false,
  previousSecretValidUntil: null,
  defaultId: null,
};

/** The two dialects: their paths, the data in their responses, and the name of an event. */
const styles = [
  {
    dialect: "multi-instance",
    create: "/api/instances",
    of: (id: string) => `/api/instances/${id}/webhooks`,
    list: ({ body }: Answer) => body.webhooks,
    data: ({ body }: Answer) => body,
    defaults: "/api/webhooks",
    received: "message_received",
    unknown: "connection.update",
  },
  {
    dialect: "gateway",
    create: "/api/instance/create",
    of: (id: string) => `/api/instance/${id}/webhooks`,
    list: ({ body }: Answer) => body.data,
    data: ({ body }: Answer) => body.data,
    defaults: "/api/webhook/defaults",
    received: "message.received",
    unknown: "connection.qr",
  },
] as const;

const workerDeps = () => ({
  ...api.deps,
  foreignQueues: openForeignQueues(api.deps.queues.client),
  claims: new Claims(api.deps),
  successes: new Successes(api.deps.db),
  random: () => 0.5,
  sleep: async (ms: number) => api.deps.clock.advance(ms),
});
let seq = 0;
/** Delivers an event as the webhook function does with a record from the queue. */
async function deliver<Type extends EventType>(instanceId: string, type: Type, data: EventData<Type>): Promise<void> {
  const at = api.deps.clock.now().toISOString();
  const envelope = { v: 1, id: systemIds.uuid(), instanceId, seq: ++seq, type, data, correlationId: null, at };
  await deliverEvents(workerDeps(), [{ id: "record", body: JSON.stringify(envelope) }], { budgetMs: 60_000 });
}
const deliverText = (instanceId: string, body: string) => deliver(instanceId, "message.received", text(body));
const send = (method: string, path: string, body?: unknown, by = key) =>
  api.request(method, path, { key: by, ...(body === undefined ? {} : { body }) });

describe.each(styles)("$dialect", (style) => {
  const make = async (body: object = {}, by = key): Promise<string> =>
    style.data(await send("POST", style.create, { name: "Primary", ...body }, by)).id;
  const add = async (id: string, body: object = {}) =>
    style.data(await send("POST", style.of(id), { url: hook, ...body })).id as string;

  test("the first endpoint is the webhook of the instance, and others are added, changed and deleted beside it", async () => {
    const id = await make();
    expect(style.list(await send("GET", style.of(id)))).toEqual([]);
    const first = await send("POST", style.of(id), { url: hook, name: "One" });
    expect(first.status).toBe(201);
    expect(style.data(first)).toMatchObject({ ...defaults, id, url: hook, name: "One", isFirst: true });
    const settings = {
      url: `${hook}/2`,
      name: "Two",
      description: "The second",
      events: [style.received, "connection.open"],
      filters: { groups: false, chats: { deny: ["+49 1555 0000002", "status@broadcast"] } },
      headers: { "x-door": "open sesame" },
      secret: "sesame",
      timeoutSeconds: 60,
      maxRetries: 0,
      retryInterval: 1_000,
    };
    const second = style.data(await send("POST", style.of(id), settings));
    const { headers: _headers, secret: _secret, ...shown } = settings;
    const connection = style.dialect === "gateway" ? "connection.open" : "connection_opened";
    expect(second).toMatchObject({
      ...shown,
      events: [style.received, connection],
      filters: {
        ...defaults.filters,
        groups: false,
        chats: { deny: ["4915550000002@s.whatsapp.net", "status@broadcast"] },
      },
      headerNames: ["x-door"],
      hasSecret: true,
      isFirst: false,
    });
    expect(JSON.stringify(second)).not.toContain("sesame");
    expect(style.list(await send("GET", style.of(id))).map((one: { id: string }) => one.id)).toEqual([id, second.id]);
    const found = (await send("GET", `/api/instances/${id}`)).body;
    expect(found).toMatchObject({ webhookUrl: hook, webhookEnabled: true });

    const one = `${style.of(id)}/${second.id}`;
    const changed = style.data(await send("PUT", one, { enabled: false, events: null, filters: {}, secret: null }));
    expect(changed).toMatchObject({
      ...defaults,
      ...shown,
      enabled: false,
      events: null,
      filters: defaults.filters,
      headerNames: ["x-door"],
    });
    expect(style.data(await send("GET", one))).toEqual(changed);
    await send("PUT", `${style.of(id)}/${id}`, { url: `${hook}/1`, maxRetries: 7 });
    expect((await send("GET", `/api/instances/${id}`)).body).toMatchObject({
      webhookUrl: `${hook}/1`,
      webhookSettings: { maxRetries: 7 },
    });
    await send("PUT", `/api/instances/${id}`, { webhookUrl: `${hook}/3`, webhookHeaders: { "x-a": "1" } });
    expect(style.data(await send("GET", `${style.of(id)}/${id}`))).toMatchObject({
      url: `${hook}/3`,
      headerNames: ["x-a"],
    });

    expect((await send("DELETE", one)).status).toBe(200);
    expect((await send("DELETE", `${style.of(id)}/${id}`)).status).toBe(200);
    expect(style.list(await send("GET", style.of(id)))).toEqual([]);
    expect((await send("GET", `/api/instances/${id}`)).body).toMatchObject({ webhookUrl: null });
    for (const gone of [one, `${style.of(id)}/${id}`]) {
      expect(await send("GET", gone)).toMatchObject({ status: 404, body: { code: "webhook_not_found" } });
    }
    expect(style.data(await send("POST", style.of(id), { url: hook }))).toMatchObject({ ...defaults, id });
  });

  test("an instance has at most ten endpoints, also with concurrent requests", async () => {
    const id = await make({ webhookUrl: hook });
    const added = await Promise.all(Array.from({ length: 12 }, () => send("POST", style.of(id), { url: hook })));
    expect(added.filter(({ status }) => status === 201)).toHaveLength(9);
    expect(added.find(({ status }) => status !== 201)).toMatchObject({ status: 403, body: { code: "quota_exceeded" } });
    expect(style.list(await send("GET", style.of(id)))).toHaveLength(10);
  });

  test("events, status, statistics, replay and test belong to one endpoint", async () => {
    const [one, two] = [await receiverOfTest(), await receiverOfTest(500)];
    const id = await make({ webhookUrl: one.url });
    const second = await add(id, { url: two.url, events: [style.received], secret: "sesame" });
    const base = `${style.of(id)}/${second}`;
    await deliverText(id, "1");
    await deliver(id, "connection.open", { phoneNumber: "491555", lid: null, pushName: null });
    expect([one.received.length, two.received.length]).toEqual([2, 1]);
    expect(style.data(await send("GET", `${base}/status`))).toMatchObject({
      state: "failing",
      failures: 1,
      waiting: 1,
    });
    expect(style.data(await send("GET", `${style.of(id)}/${id}/status`))).toMatchObject({
      state: "healthy",
      waiting: 0,
    });
    expect(style.data(await send("GET", `${base}/stats`))).toMatchObject({ total: 1, pending: 1 });
    expect(style.data(await send("GET", `${style.of(id)}/${id}/stats`))).toMatchObject({ total: 2, succeeded: 2 });
    const logs = (endpointId: string) => send("GET", `/api/webhook/logs?instanceId=${id}&endpointId=${endpointId}`);
    expect((await logs(second)).body.data).toMatchObject([{ endpointId: second, url: two.url, status: "pending" }]);
    expect((await logs(id)).body.data).toHaveLength(2);
    expect((await logs("x")).body.data).toEqual([]);
    const stats = await send("GET", `/api/webhook/stats?instanceId=${id}&endpointId=${second}`);
    expect(stats.body.data).toMatchObject({ total: 1 });
    const listed = await send("GET", `/api/instances/${id}/webhooks/deliveries?endpointId=${second}`);
    expect(listed.body.deliveries).toMatchObject([{ endpointId: second }]);

    two.answer(200);
    expect(style.data(await send("POST", `${base}/test`))).toMatchObject({ delivered: true, status: 200 });
    const body = two.received[1]?.body ?? "";
    expect(JSON.parse(body)).toMatchObject({ event: "test" });
    expect(two.received[1]?.headers["x-webhook-signature"]).toBe(
      createHmac("sha256", "sesame").update(body).digest("hex"),
    );
    const rotated = style.data(await send("POST", `${base}/secret`, { overlapSeconds: 60 }));
    expect(rotated).toMatchObject({ secret: expect.stringMatching(/^whsec_/), previousValidUntil: expect.any(String) });
    const range = { from: "2020-01-01T00:00:00Z", to: "2040-01-01T00:00:00Z", status: "all", endpointId: second };
    api.deps.clock.advance(60_000);
    await retryDeliveries(workerDeps(), { budgetMs: 60_000 });
    expect((await send("POST", `/api/instances/${id}/webhooks/replay`, range)).body).toMatchObject({ replayed: 1 });
    await retryDeliveries(workerDeps(), { budgetMs: 60_000 });
    expect(one.received).toHaveLength(2);
    const replayed = two.received.at(-1);
    expect(replayed?.headers["x-webhook-signature"]).toBe(
      createHmac("sha256", rotated.secret)
        .update(replayed?.body ?? "")
        .digest("hex"),
    );
    await send("PUT", base, { enabled: false });
    expect(await send("POST", `/api/instances/${id}/webhooks/replay`, range)).toMatchObject({
      status: 409,
      body: { code: "webhook_disabled" },
    });
  });

  test("default endpoints serve instances without own endpoints, and follow changes", async () => {
    const { key: owner } = await api.user();
    const ask = (method: string, path: string, body?: unknown) => send(method, path, body, owner);
    const [shared, own] = [await receiverOfTest(), await receiverOfTest()];
    const before = await make({}, owner);
    const created = style.data(await ask("POST", style.defaults, { url: shared.url, secret: "sesame" }));
    expect(created).toMatchObject({ ...defaults, url: shared.url, hasSecret: true, isFirst: false });
    expect(style.list(await ask("GET", style.defaults))).toMatchObject([{ id: created.id }]);
    const [after, independent] = [await make({}, owner), await make({ webhookUrl: own.url }, owner)];
    for (const id of [before, after, independent]) await deliverText(id, "1");
    expect([shared.received.length, own.received.length]).toEqual([2, 1]);
    const signature = createHmac("sha256", "sesame")
      .update(shared.received[0]?.body ?? "")
      .digest("hex");
    expect(shared.received[0]?.headers["x-webhook-signature"]).toBe(signature);

    const [inherited] = style.list(await ask("GET", style.of(before)));
    expect(inherited).toMatchObject({ url: shared.url, defaultId: created.id, hasSecret: true });
    expect(inherited.id).not.toBe(created.id);
    for (const [method, rest, body] of [
      ["PUT", "", {}],
      ["DELETE", ""],
      ["POST", "/secret", {}],
    ] as const) {
      const answer = await ask(method, `${style.of(before)}/${inherited.id}${rest}`, body);
      expect(answer).toMatchObject({ status: 409, body: { code: "conflict" } });
    }
    // An own endpoint replaces the default endpoints, and they return when it is deleted.
    await ask("PUT", `/api/instances/${before}`, { webhookUrl: own.url });
    expect(style.list(await ask("GET", style.of(before)))).toMatchObject([{ url: own.url, isFirst: true }]);
    await ask("PUT", `/api/instances/${before}`, { webhookUrl: null });
    expect(style.list(await ask("GET", style.of(before)))).toMatchObject([{ defaultId: created.id }]);

    await ask("PUT", `${style.defaults}/${created.id}`, { url: own.url, name: "Moved" });
    expect(style.list(await ask("GET", style.of(after)))).toMatchObject([{ url: own.url, name: "Moved" }]);
    await deliverText(after, "2");
    expect([shared.received.length, own.received.length]).toEqual([2, 2]);
    await ask("PUT", `${style.defaults}/${created.id}`, { enabled: false });
    await deliverText(after, "3");
    await ask("PUT", `${style.defaults}/${created.id}`, { enabled: true });
    await deliverText(after, "4");
    expect(own.received).toHaveLength(3);
    await ask("DELETE", `${style.defaults}/${created.id}`);
    expect(style.list(await ask("GET", style.of(after)))).toEqual([]);
    expect(style.list(await ask("GET", style.of(independent)))).toHaveLength(1);
  });

  test("invalid settings are rejected, and unknown events with the list of the known ones", async () => {
    const id = await make({ webhookUrl: hook });
    const second = await add(id);
    const invalid = [
      { url: "ftp://example.com" },
      { url: null },
      { name: "x".repeat(201) },
      { timeoutSeconds: 0 },
      { timeoutSeconds: 61 },
      { maxRetries: -1 },
      { maxRetries: 51 },
      { retryInterval: 999 },
      { events: [] },
      { events: ["message.invented"] },
      { events: [style.unknown] },
      { filters: { people: true } },
      { filters: { groups: "no" } },
      { filters: { chats: { allow: [] } } },
      { filters: { chats: { allow: ["nobody"] } } },
      { filters: { chats: { allow: ["4915550000002"], deny: ["4915550000002"] } } },
      { headers: { "webhook-id": "x" } },
    ];
    for (const body of invalid) {
      for (const [method, path, given] of [
        ["PUT", `${style.of(id)}/${second}`, body],
        ["POST", style.of(id), { url: hook, ...body }],
        ["PUT", `${style.of(id)}/${id}`, body],
      ] as const) {
        expect({ given: body, ...(await send(method, path, given)) }).toMatchObject({
          status: 400,
          body: { code: "invalid_request" },
        });
      }
    }
    const refused = await send("PUT", `${style.of(id)}/${second}`, { events: ["message.invented"] });
    expect(JSON.stringify(refused.body)).toMatch(/message\.invented.*message\.received/);
    expect(style.list(await send("GET", style.of(id)))).toHaveLength(2);
    // An instance in the other dialect has other events.
    expect(
      (await send("POST", style.defaults, { url: hook, events: ["call.received", "connection.qr"] }, keeper)).status,
    ).toBe(201);
  });

  test("another user, a key without the permission and unknown ids are rejected", async () => {
    const id = await make({ webhookUrl: hook });
    const other = await make({ webhookUrl: hook });
    const second = await add(id);
    const requests = [
      ["GET", ""],
      ["POST", "", { url: hook }],
      ["GET", `/${second}`],
      ["PUT", `/${second}`, {}],
      ["DELETE", `/${second}`],
      ["POST", `/${second}/secret`, {}],
      ["POST", `/${second}/test`],
      ["GET", `/${second}/status`],
      ["GET", `/${second}/stats`],
    ] as const;
    const { body: made } = await send("POST", "/api/keys", { name: "reader", permissions: ["read"] });
    for (const [method, rest, body] of requests) {
      const ask = (path: string, by?: string) =>
        api.request(method, path, { ...(by === undefined ? {} : { key: by }), ...(body ? { body } : {}) });
      expect((await ask(style.of(id) + rest)).status).toBe(401);
      expect((await ask(style.of(id) + rest, stranger)).status).toBe(403);
      if (method !== "GET") expect((await ask(style.of(id) + rest, made.apiKey)).status).toBe(403);
      if (rest === "") continue;
      for (const path of [`${style.of(other)}${rest}`, `${style.of(id)}${rest.replace(second, systemIds.uuid())}`])
        expect(await ask(path, key)).toMatchObject({ status: 404, body: { code: "webhook_not_found" } });
    }
    const mine = style.data(await send("POST", style.defaults, { url: hook }, keeper)).id;
    expect((await send("GET", `${style.defaults}/${mine}`, undefined, stranger)).status).toBe(404);
    expect((await send("DELETE", `${style.defaults}/${mine}`, undefined, stranger)).status).toBe(404);
    expect((await send("POST", style.defaults, { url: hook }, made.apiKey)).status).toBe(403);
    expect((await send("GET", `${style.of(id)}/${second}`)).status).toBe(200);
  });
});

test("secrets and headers of endpoints are stored encrypted, and never logged", async () => {
  const { body } = await send("POST", "/api/instances", { name: "Primary", webhookUrl: hook });
  const secrets = { secret: "a-secret-of-an-endpoint", headers: { "x-door": "a-value-of-a-header" } };
  const { body: second } = await send("POST", `/api/instances/${body.id}/webhooks`, { url: hook, ...secrets });
  await send("POST", `/api/instances/${body.id}/webhooks/${second.id}/secret`, { secret: "another-secret-of-it" });
  const [row] = await api.db
    .sql`select w::text as text, encode(secret, 'escape') as secret from webhooks w where id = ${second.id}`;
  const { logs } = (await send("GET", `/api/instances/${body.id}/activity`)).body;
  const everything = JSON.stringify([row, logs]) + api.logged().join("\n");
  for (const secret of ["a-secret-of-an-endpoint", "another-secret-of-it", "a-value-of-a-header"])
    expect(everything).not.toContain(secret);
  expect(logs.map(({ action }: { action: string }) => action)).toEqual(
    expect.arrayContaining(["webhook_created", "webhook_secret_rotated"]),
  );
});
