import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { takeMessage } from "../../../core/ingress/take.ts";
import { openForeignQueues } from "../../../core/queue/foreign.ts";
import { defaultQuotas } from "../../../core/quota/limits.ts";
import { type Answer, type Ask, startApi, type TestApi } from "../../support/api/api.ts";

let api: TestApi;
let admin: string;
beforeAll(async () => {
  api = await startApi({ QUOTA_INSTANCES: "3", QUOTA_OPEN_BULKS: "0" });
  ({ key: admin } = await api.user({ role: "admin" }));
}, 60_000);
afterAll(() => api?.stop());

const hour = 60 * 60 * 1000;
const inHours = (hours: number) => new Date(api.deps.clock.now().getTime() + hours * hour).toISOString();

/** Creates a user with limits of its own, and a connected instance. */
async function userWith(quotas: Record<string, number>) {
  const user = await api.user();
  const instanceId = await api.instance(user.key, "connected");
  const { status } = await api.request("PUT", `/api/users/${user.id}`, { key: admin, body: { quotas } });
  expect(status).toBe(200);
  const call = (method: string, path: string, ask: Ask = {}) =>
    api.request(method, `/api/whatsapp/${instanceId}/${path}`, { key: user.key, ...ask });
  return { ...user, instanceId, call };
}

const quotasOf = async (key: string) => (await api.request("GET", "/api/stats/quotas", { key })).body.quotas;
const statuses = (answers: Answer[]) => answers.map(({ status }) => status).toSorted();
const createInstance = (key: string) => api.request("POST", "/api/instances", { key, body: { name: "One" } });

function expectExceeded(answer: Answer | undefined, quota: string, used: number, limit: number) {
  expect(answer).toMatchObject({ status: 403, body: { code: "quota_exceeded", quota, used, limit } });
  expect(JSON.stringify(answer?.body)).toContain(`the quota ${quota} is ${limit}, and ${used} of it are used`);
}

describe("the quota of instances", () => {
  test("refuses the instance that exceeds the setting, in both APIs, and leaves other users alone", async () => {
    const { key } = await api.user();
    for (let made = 0; made < 3; made++) expect((await createInstance(key)).status).toBe(201);
    expectExceeded(await createInstance(key), "instances", 3, 3);
    expectExceeded(
      await api.request("POST", "/api/instance/create", { key, body: { name: "One" } }),
      "instances",
      3,
      3,
    );
    const [count] = await api.db.sql`
      select count(*)::int as made from instances i join users u on u.id = i.user_id
      join api_keys k on k.user_id = u.id where k.hash = sha256(${key}::text::bytea)`;
    expect(count?.made).toBe(3);
    const { key: other } = await api.user();
    expect((await createInstance(other)).status).toBe(201);
  });

  test("lets one of two concurrent requests take the last place", async () => {
    const { key } = await userWith({ instances: 2 });
    const answers = await Promise.all(Array.from({ length: 6 }, () => createInstance(key)));
    expect(statuses(answers)).toEqual([201, 403, 403, 403, 403, 403]);
  });

  test("is free again after an instance is deleted", async () => {
    const { key, instanceId } = await userWith({ instances: 1 });
    expectExceeded(await createInstance(key), "instances", 1, 1);
    await api.request("DELETE", `/api/instances/${instanceId}`, { key, impatient: true });
    expect((await createInstance(key)).status).toBe(201);
  });

  test("lets users who are over a lowered limit keep what they have", async () => {
    const { key, instanceId } = await userWith({ instances: 2 });
    expect((await createInstance(key)).status).toBe(201);
    const { id } = (await api.request("GET", "/api/auth/me", { key })).body;
    await api.request("PUT", `/api/users/${id}`, { key: admin, body: { quotas: { instances: 1 } } });
    expectExceeded(await createInstance(key), "instances", 2, 1);
    expect((await api.request("GET", `/api/instances/${instanceId}`, { key })).status).toBe(200);
  });
});

describe("the quota of scheduled sends", () => {
  const later = () => ({ phone: "79001234567", message: "later", sendAt: inHours(1) });

  test("refuses another scheduled send, but no send for now, and is free again after a cancellation", async () => {
    const { call } = await userWith({ scheduledSends: 2 });
    const answers = await Promise.all(Array.from({ length: 5 }, () => call("POST", "send", { body: later() })));
    expect(statuses(answers)).toEqual([200, 200, 403, 403, 403]);
    expectExceeded(
      answers.find(({ status }) => status === 403),
      "scheduledSends",
      2,
      2,
    );
    expect((await call("POST", "send", { body: { ...later(), sendAt: undefined } })).status).toBe(200);
    const sent = answers.find(({ status }) => status === 200);
    expect((await call("DELETE", `scheduled/${sent?.body.id}`)).status).toBe(200);
    expect((await call("POST", "send", { body: later() })).status).toBe(200);
  });

  test("answers a repeated request as before, although the quota is used up", async () => {
    const { call } = await userWith({ scheduledSends: 1 });
    const body = later();
    const ask = { body, headers: { "idempotency-key": "once" } };
    const first = await call("POST", "send", ask);
    expect((await call("POST", "send", ask)).body).toEqual(first.body);
    expect((await call("POST", "send", { body })).status).toBe(403);
  });

  test("counts for the owner of the instance, also when an admin schedules the send", async () => {
    const { key, instanceId } = await userWith({ scheduledSends: 1 });
    const path = `/api/whatsapp/${instanceId}/send`;
    expect((await api.request("POST", path, { key: admin, body: later() })).status).toBe(200);
    expectExceeded(await api.request("POST", path, { key, body: later() }), "scheduledSends", 1, 1);
  });

  test("also holds for commands over SQS, whose reply names the quota", async () => {
    const { key, instanceId } = await userWith({ scheduledSends: 1 });
    const { config, queues } = api.deps;
    const foreignQueues = openForeignQueues(queues.client);
    const deps = { ...api.deps, foreignQueues, shards: config.SHARDS, quotas: defaultQuotas(config) };
    const take = (id: string) => {
      const input = { to: "79001234567@s.whatsapp.net", text: "later" };
      const message = { v: 1, id, apiKey: key, instanceId, command: "message.sendText", input, runAt: inHours(1) };
      const record = { messageId: `sqs-${id}`, body: JSON.stringify(message), groupId: "g", senderId: "s" };
      return takeMessage(deps, { ...record, replyTo: undefined });
    };
    expect((await Promise.all(["a", "b"].map(take))).toSorted()).toEqual(["accepted", "rejected"]);
    expect(api.logged().join("\n")).toContain("the quota scheduledSends is 1, and 1 of it are used");
  });
});

describe("the quota of bulks", () => {
  const bulk = { recipients: [{ phone: "79001234567" }], message: "Hello", perMinute: 1 };

  test("lets one of several concurrent requests take the last place, until the bulk is canceled", async () => {
    const { call, key } = await userWith({ openBulks: 1 });
    const answers = await Promise.all(Array.from({ length: 4 }, () => call("POST", "bulk", { body: bulk })));
    expect(statuses(answers)).toEqual([201, 403, 403, 403]);
    expect(await quotasOf(key)).toMatchObject({ openBulks: { used: 1, limit: 1 } });
    const made = answers.find(({ status }) => status === 201);
    await call("DELETE", `bulk/${made?.body.bulkId}`);
    expect((await call("POST", "bulk", { body: bulk })).status).toBe(201);
  });

  test("has no limit if the setting is 0", async () => {
    const { call, key } = await userWith({});
    for (let made = 0; made < 3; made++) expect((await call("POST", "bulk", { body: bulk })).status).toBe(201);
    expect(await quotasOf(key)).toMatchObject({ openBulks: { used: 3, limit: null } });
  });
});

describe("the quotas of uploads", () => {
  const upload = (size: number) => ({ body: { size } });

  test("count each upload and its bytes until the day ends", async () => {
    const { call, key } = await userWith({ uploadsPerDay: 2, uploadBytesPerDay: 100 });
    expect((await call("POST", "uploads", upload(60))).status).toBe(201);
    expectExceeded(await call("POST", "uploads", upload(41)), "uploadBytesPerDay", 60, 100);
    const answers = await Promise.all([call("POST", "uploads", upload(10)), call("POST", "uploads", upload(10))]);
    expect(statuses(answers)).toEqual([201, 403]);
    expect(await quotasOf(key)).toMatchObject({
      uploadsPerDay: { used: 2, limit: 2 },
      uploadBytesPerDay: { used: 70, limit: 100 },
    });
    api.deps.clock.advance(24 * hour);
    expect((await call("POST", "uploads", upload(60))).status).toBe(201);
  });

  test("count files in forms and in requests, once for a repeated request", async () => {
    const { instanceId, key } = await userWith({ uploadsPerDay: 2 });
    const sendFile = (idempotencyKey: string) => {
      const form = new FormData();
      form.set("phone", "79001234567");
      form.set("file", new Blob(["hello"]), "hello.txt");
      const headers = { "x-api-key": key, "idempotency-key": idempotencyKey };
      return fetch(`${api.url}/api/whatsapp/${instanceId}/send-file`, { method: "POST", headers, body: form });
    };
    expect([(await sendFile("a")).status, (await sendFile("a")).status]).toEqual([200, 200]);
    expect(await quotasOf(key)).toMatchObject({ uploadsPerDay: { used: 1 }, uploadBytesPerDay: { used: 5 } });
    const image = Buffer.alloc(300, 1).toString("base64");
    const send = () => api.request("POST", "/api/message/send/image", { key, body: imageTo(instanceId, image) });
    expect((await send()).status).toBe(200);
    expectExceeded(await send(), "uploadsPerDay", 2, 2);
    expect((await sendFile("b")).status).toBe(403);
  });
});

const imageTo = (instanceId: string, image: string) => ({ instanceId, to: "79001234567", image });

describe("the quota of stored bytes", () => {
  const media = (size: number, state = "stored") => JSON.stringify({ state, size, storageKey: "media/x" });

  test("follows the stored files of the user's messages, and refuses further files but no texts", async () => {
    const { call, instanceId, key } = await userWith({ storedBytes: 1_000 });
    const other = await userWith({ storedBytes: 1_000 });
    const add = (id: string, file: string) => api.db.sql`
      insert into messages (id, instance_id, wa_id, chat_id, from_me, type, proto_type, media, status, sent_at)
      values (gen_random_uuid(), ${instanceId}, ${id}, 'c', false, 'image', 'imageMessage', ${file}::text::jsonb, 'received',
        now())`;
    await add("A", media(700));
    await add("B", media(600, "pending"));
    expect(await quotasOf(key)).toMatchObject({ storedBytes: { used: 700, limit: 1_000 } });
    expectExceeded(await call("POST", "uploads", { body: { size: 301 } }), "storedBytes", 700, 1_000);
    await api.db.sql`update messages set media = ${media(600)}::text::jsonb where wa_id = 'B'`;
    expect(await quotasOf(key)).toMatchObject({ storedBytes: { used: 1_300 } });
    const file = { body: { phone: "79001234567", url: "https://example.com/a.jpg" } };
    expectExceeded(await call("POST", "send-media", file), "storedBytes", 1_300, 1_000);
    expect((await call("POST", "send", { body: { phone: "79001234567", message: "Hi" } })).status).toBe(200);
    expect((await other.call("POST", "send-media", file)).status).toBe(200);
    await api.db.sql`delete from messages where wa_id = 'A'`;
    expect(await quotasOf(key)).toMatchObject({ storedBytes: { used: 600 } });
    expect((await call("POST", "send-media", file)).status).toBe(200);
  });

  test("doesn't keep an instance from being deleted", async () => {
    const { instanceId, key } = await userWith({});
    await api.db.sql`
      insert into messages (id, instance_id, wa_id, chat_id, from_me, type, proto_type, media, status, sent_at)
      values (gen_random_uuid(), ${instanceId}, 'A', 'c', false, 'image', 'imageMessage', ${media(5)}::text::jsonb,
        'received', now())`;
    await api.db.sql`delete from instances where id = ${instanceId}`;
    expect(await quotasOf(key)).toMatchObject({ storedBytes: { used: 0 } });
  });
});

test("users see their usage and their limits in both APIs", async () => {
  const { key } = await userWith({ uploadsPerDay: 5, instances: 0 });
  const quotas = await quotasOf(key);
  expect(quotas).toEqual({
    instances: { used: 1, limit: null },
    scheduledSends: { used: 0, limit: 10_000 },
    openBulks: { used: 0, limit: null },
    uploadsPerDay: { used: 0, limit: 5 },
    uploadBytesPerDay: { used: 0, limit: 50_000_000_000 },
    storedBytes: { used: 0, limit: 200_000_000_000 },
  });
  expect((await api.request("GET", "/api/observability/quotas", { key })).body).toEqual({
    success: true,
    data: quotas,
  });
});

test("only admins set limits, and null returns to those of the settings", async () => {
  const { id, key } = await userWith({ instances: 7 });
  const put = (by: string, body: object) => api.request("PUT", `/api/users/${id}`, { key: by, body });
  expect((await put(key, { quotas: { instances: 100 } })).status).toBe(403);
  expect((await put(admin, { quotas: { instances: -1 } })).status).toBe(400);
  expect((await put(admin, { quotas: { unknown: 1 } })).status).toBe(400);
  expect((await put(admin, { firstName: "Bob" })).body.quotas).toEqual({ instances: 7 });
  expect((await put(admin, { quotas: null })).body.quotas).toBeNull();
  expect(await quotasOf(key)).toMatchObject({ instances: { used: 1, limit: 3 } });
});
