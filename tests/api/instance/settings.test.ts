import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isBroken, loadEndpoints } from "../../../core/webhook/delivery/endpoint.ts";
import { sealAllHeaders } from "../../../core/webhook/delivery/stored-headers.ts";
import { startApi, type TestApi } from "../../support/api/api.ts";

let api: TestApi;
let key: string;
beforeAll(async () => {
  api = await startApi();
  ({ key } = await api.user());
}, 60_000);
afterAll(() => api?.stop());

const update = (id: string, body: unknown) => api.request("PUT", `/api/instances/${id}`, { key, body });
const settings = async (id: string) => (await api.request("GET", `/api/instances/${id}`, { key })).body.webhookSettings;
const row = async (id: string) => (await api.db.sql`select * from instances where id = ${id}`)[0];
const secretOf = async (id: string) => {
  const kept = await row(id);
  const opened = (bytes: Buffer | null, place: string) => bytes && api.vault.open(bytes, `${place}:${id}`).toString();
  return {
    now: opened(kept?.webhook_secret, "webhook-secret"),
    before: opened(kept?.webhook_previous_secret, "webhook-previous-secret"),
    until: kept?.webhook_previous_secret_until as Date | null,
  };
};

/** Returns the headers that are sent with the instance's webhooks. */
async function headersOf(id: string): Promise<Record<string, string>> {
  const [endpoint] = (await loadEndpoints(api.db, api.vault, [id])).get(id) ?? [];
  if (!endpoint || isBroken(endpoint)) throw new Error("the endpoint can't be loaded", { cause: endpoint?.error });
  return endpoint.headers;
}

test("webhook headers are accepted flat or nested, and their values are not shown again", async () => {
  const created = await api.request("POST", "/api/instances", {
    key,
    body: { name: "one", webhookUrl: "https://example.com", webhookHeaders: { "x-door": "secret" } },
  });
  const { id } = created.body;
  expect(await headersOf(id)).toEqual({ "x-door": "secret" });
  expect((await settings(id)).headerNames).toEqual(["x-door"]);
  await update(id, { webhookSettings: { headers: { Authorization: "Bearer abc", "x-other": "1" } } });
  expect(await headersOf(id)).toEqual({ Authorization: "Bearer abc", "x-other": "1" });
  await update(id, { name: "two" });
  expect((await settings(id)).headerNames).toEqual(["Authorization", "x-other"]);
  await update(id, { webhookHeaders: {} });
  expect((await settings(id)).headerNames).toEqual([]);
});

describe("the values of webhook headers", () => {
  const stored = async (id: string) => JSON.stringify((await row(id))?.webhook_headers);
  /** Stores headers as version 0.1 did. */
  const storeClear = (id: string, headers: object) =>
    api.db.sql`update instances set webhook_headers = ${JSON.stringify(headers)}::text::jsonb where id = ${id}`;

  test("are stored encrypted, and decrypt only for their instance and name", async () => {
    const [one, other] = [await api.instance(key), await api.instance(key)];
    await update(one, { webhookHeaders: { "x-door": "open sesame" } });
    expect(await stored(one)).toMatch(/^\{"x-door":\{"sealed":"[^"]+"\}\}$/);
    expect(await stored(one)).not.toContain(Buffer.from("open sesame").toString("base64").slice(0, 12));
    await api.db.sql`
      update instances set webhook_headers = (select webhook_headers from instances where id = ${one}) where id = ${other}`;
    await expect(headersOf(other)).rejects.toThrow("can't be loaded");
  });

  test("that an earlier version stored in clear text are encrypted at the start of a deployment", async () => {
    const ids = await Promise.all(Array.from({ length: 3 }, () => api.instance(key)));
    for (const id of ids) await storeClear(id, { "x-door": `secret of ${id}`, "x-empty": "" });
    expect(await sealAllHeaders(api.db, api.vault)).toBe(3);
    expect(await sealAllHeaders(api.db, api.vault)).toBe(0);
    for (const id of ids) {
      expect(await stored(id)).not.toContain("secret of");
      expect(await headersOf(id)).toEqual({ "x-door": `secret of ${id}`, "x-empty": "" });
    }
  });

  test("that an earlier version stores during a deployment are encrypted before the next webhook", async () => {
    const id = await api.instance(key);
    await storeClear(id, { "x-door": "open sesame" });
    expect(await headersOf(id)).toEqual({ "x-door": "open sesame" });
    expect(await stored(id)).not.toContain("open sesame");
  });
});

test("a statement that the database refuses leaves none of its values in the log", async () => {
  const id = await api.instance(key);
  await api.db.sql`alter table instances add constraint refused check (name <> 'refused')`;
  const secrets = { webhookUrl: "https://example.com/hook?token=of-the-url", description: "of the description" };
  const answer = await update(id, { name: "refused", webhookHeaders: { "x-door": "of the header" }, ...secrets });
  await api.db.sql`alter table instances drop constraint refused`;
  expect(answer).toMatchObject({ status: 500, body: { code: "internal" } });
  const lines = api.logged().filter((line) => line.includes(answer.headers.get("x-request-id") ?? ""));
  expect(lines.join("")).toContain('violates check constraint \\"refused\\"');
  expect(lines.join("")).not.toMatch(/of-the-url|of the description|of the header|update \\"instances/);
});

test.each([
  [{ host: "example.com" }],
  [{ "X-Webhook-Signature": "forged" }],
  [{ "webhook-id": "1" }],
  [{ "not a token": "1" }],
  [{ "x-split": "one\r\ntwo: 2" }],
  [{ "x-number": 1 }],
  [Object.fromEntries(Array.from({ length: 21 }, (_, index) => [`x-${index}`, "1"]))],
])("the webhook headers %j are rejected", async (webhookHeaders) => {
  const answer = await update(await api.instance(key), { webhookHeaders });
  expect(answer).toMatchObject({ status: 400, body: { code: "invalid_request" } });
});

test("a rotation keeps the previous secret valid for the overlap; setting a secret ends it at once", async () => {
  const id = await api.instance(key);
  const rotate = (body?: unknown) => api.request("POST", `/api/instances/${id}/webhook-secret`, { key, body });
  const first = await rotate();
  expect(first).toMatchObject({ status: 200, body: { previousValidUntil: null } });
  expect(first.body.secret).toMatch(/^whsec_[A-Za-z0-9+/]{32}$/);
  const second = await rotate({ secret: "of my own", overlapSeconds: 3600 });
  expect(second.body.secret).toBe("of my own");
  const until = new Date(second.body.previousValidUntil);
  expect(Math.abs(until.getTime() - api.deps.clock.now().getTime() - 3_600_000)).toBeLessThan(60_000);
  expect(await secretOf(id)).toEqual({ now: "of my own", before: first.body.secret, until });
  expect(await settings(id)).toMatchObject({ hasSecret: true, previousSecretValidUntil: until.toISOString() });

  await rotate({ overlapSeconds: 0 });
  expect((await secretOf(id)).before).toBeNull();
  await rotate({ secret: "third" });
  await update(id, { webhookSecret: "fourth" });
  expect(await secretOf(id)).toEqual({ now: "fourth", before: null, until: null });
  const log = await api.request("GET", `/api/instances/${id}/activity?actions=webhook_secret_rotated`, { key });
  expect(log.body.logs).toHaveLength(4);
  expect(JSON.stringify(log.body)).not.toMatch(/whsec|third/);
});

test("the activity log names the changed fields without their values", async () => {
  const id = await api.instance(key);
  await update(id, { name: "another", webhookSecret: "hidden" });
  const { body } = await api.request("GET", `/api/instances/${id}/activity?actions=instance_updated`, { key });
  expect(body.logs).toMatchObject([{ details: { changed: ["name", "webhookSecret"] } }]);
});

test("a user cannot rotate the secret of another user's instance", async () => {
  const id = await api.instance(key);
  const other = await api.user();
  const path = `/api/instances/${id}/webhook-secret`;
  expect((await api.request("POST", path, { key: other.key })).status).toBe(403);
  expect((await api.request("POST", path)).status).toBe(401);
  expect((await api.request("POST", path, { key, body: { overlapSeconds: -1 } })).status).toBe(400);
});
