import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { refusalsPerMinute } from "../../../core/audit/log.ts";
import { type Permission, permissions } from "../../../core/caller.ts";
import { prune } from "../../../core/db/prune.ts";
import { maxOpenTokens } from "../../../core/event-stream/token.ts";
import { createApiKey } from "../../../core/user/index.ts";
import { reads } from "../../../functions/api/engine/audit.ts";
import type { Endpoint } from "../../../functions/api/engine/endpoint.ts";
import { type Ask, password, startApi, type TestApi } from "../../support/api/api.ts";
import { bodies } from "../../support/api/valid-bodies.ts";
import { dialects } from "../../support/endpoint/dialect-tables.ts";

let api: TestApi;
let admin: Awaited<ReturnType<TestApi["user"]>>;
beforeAll(async () => {
  api = await startApi();
  admin = await api.user({ role: "admin" });
}, 60_000);
afterAll(() => api?.stop());

const changes = dialects.flatMap(({ endpoints }) => endpoints).filter(({ method }) => method !== "get");
const named = (some: readonly Endpoint[]) =>
  some.map((endpoint): [string, Endpoint] => [`${endpoint.method.toUpperCase()} ${endpoint.path}`, endpoint]);
const newKey = (userId: string, limits: object = {}) =>
  createApiKey(api.deps, { userId, name: "audited", permissions: [...permissions] as Permission[], ...limits });
const entriesOf = (requestId: string) => api.db.sql`select * from audit_log where request_id = ${requestId}`;
const list = async (query: string, ask: Ask) => (await api.request("GET", `/api/audit?${query}`, ask)).body;
const operationsOf = ({ entries }: { entries: { operation: string }[] }) => entries.map(({ operation }) => operation);

describe("every request that is not a read", () => {
  let user: Awaited<ReturnType<TestApi["user"]>>;
  let shared: string;
  beforeAll(async () => {
    user = await api.user({ role: "admin" });
    shared = await api.instance(user.key, "connected");
  });

  test.each(named(changes))(
    "%s is logged once, with its user, key and address, and without values",
    async (name, endpoint) => {
      // A key of its own, because refusals of one key are bounded.
      const { id: keyId, key } = await newKey(user.id);
      const deletes = endpoint.method === "delete" && endpoint.path.endsWith("/{instanceId}");
      const instanceId = deletes ? await api.instance(user.key) : shared;
      const path = endpoint.path.replace("{instanceId}", instanceId).replaceAll(/\{\w+\}/g, () => randomUUID());
      const valid = bodies[`${endpoint.method} ${endpoint.path}`] ?? bodies[endpoint.path];
      const body = valid && { ...valid, ...(endpoint.instance === "body" ? { instanceId } : {}) };
      const requestId = randomUUID();
      const isPublic = endpoint.access === "public";
      const { status } = await api.request(endpoint.method.toUpperCase(), path, {
        ...(isPublic ? {} : { key }),
        headers: { "x-request-id": requestId },
        impatient: true,
        ...(body && { body }),
      });
      const entries = await entriesOf(requestId);
      // The login is of an unknown user.
      if (isPublic || (name in reads && status < 300)) return expect(entries).toEqual([]);
      expect(entries).toHaveLength(1);
      expect(entries[0]).toMatchObject({
        ...{ operation: name, source: "api", user_id: user.id, key_id: keyId, ip: "127.0.0.1", status },
        ...(endpoint.instance ? { instance_id: instanceId, owner_id: user.id } : {}),
      });
      if (status < 300 && body)
        expect(entries[0]?.fields).toEqual(expect.arrayContaining(Object.keys(valid ?? {}).slice(0, 1)));
      const outcomes = status < 300 ? ["done", "accepted"] : status < 500 || status === 503 ? ["refused"] : ["failed"];
      expect(outcomes).toContain(entries[0]?.outcome);
      const texts = Object.values(body ?? {}).filter(
        (value): value is string => typeof value === "string" && value.length > 4,
      );
      const { operation: _operation, fields: _fields, instance_id: _instance, ...rest } = entries[0] ?? {};
      for (const text of texts.filter((value) => value !== instanceId))
        expect(JSON.stringify(rest)).not.toContain(text);
    },
  );

  test("is logged and counted in the transaction that accepts its message, and once if it is repeated", async () => {
    const own = await api.user();
    const instance = await api.instance(own.key, "connected");
    const requestId = randomUUID();
    const send = () =>
      api.request("POST", `/api/whatsapp/${instance}/send`, {
        ...{ key: own.key, body: { phone: "4915550000001", message: "hello" } },
        headers: { "x-request-id": requestId, "idempotency-key": requestId },
      });
    const [{ body: sent }, { body: repeated }] = [await send(), await send()];
    expect(repeated).toEqual(sent);
    const rows = await api.db.sql<{ commands: string; entries: string[]; calls: number }[]>`
      select c.xmin::text as commands,
        (select array_agg(a.xmin::text order by a.id) from audit_log a where a.request_id = ${requestId}) as entries,
        (select sum(api_calls)::int from usage u where u.instance_id = c.instance_id) as calls
      from commands c where c.instance_id = ${instance} and c.kind = 'send'`;
    expect(rows).toHaveLength(1);
    expect(rows[0]).toMatchObject({ entries: [rows[0]?.commands, expect.any(String)], calls: 2 });
    const entries = await entriesOf(requestId);
    expect(entries.map(({ at: _at, id: _id, ...entry }) => entry)).toEqual([
      expect.objectContaining({
        outcome: "accepted",
        status: 200,
        instance_id: instance,
        owner_id: own.id,
        target: null,
      }),
      expect.objectContaining({
        outcome: "accepted",
        status: 200,
        instance_id: instance,
        owner_id: own.id,
        target: null,
      }),
    ]);
  });

  test("is logged if a key that may only read can make it, except for queries and tokens of streams", () => {
    const readable = named(changes.filter(({ access }) => access === "read")).map(([name]) => name);
    // What the others do is kept, and bounded by itself.
    expect(readable.toSorted()).toEqual([...Object.keys(reads), "POST /api/message/exports/{instanceId}"].toSorted());
  });

  test("is logged, except for tokens of streams, whose refusals are logged and whose number is bounded", async () => {
    const user = await api.user();
    const { id: keyId, key } = await newKey(user.id, { permissions: ["read"] });
    const newToken = (ask: Ask) => api.request("POST", "/api/events/stream/token", ask);
    await api.db.sql`
      insert into stream_tokens (hash, user_id, expires_at)
      select sha256(${user.id}::text::bytea || int4send(n)), ${user.id}, ${new Date(api.deps.clock.now().getTime() + 60_000)}
      from generate_series(1, ${maxOpenTokens - 5}::int) n`;
    const answers = await Promise.all(Array.from({ length: 10 }, () => newToken({ key })));
    const count = (wanted: number) => answers.filter(({ status }) => status === wanted).length;
    expect([count(200), count(429)]).toEqual([5, 5]);
    expect(await api.db.sql`select from stream_tokens where user_id = ${user.id}`).toHaveLength(maxOpenTokens);
    const outcomes = await api.db.sql`select outcome, code from audit_log where key_id = ${keyId}`;
    expect(outcomes).toEqual(Array.from({ length: 5 }, () => ({ outcome: "refused", code: "rate_limited" })));
    // Each user has tokens of their own.
    expect((await newToken({ key: admin.key })).status).toBe(200);
  });

  test("names nested fields, and never their values", async () => {
    const user = await api.user();
    const id = await api.instance(user.key);
    const requestId = randomUUID();
    const secret = `secret-${randomUUID()}`;
    await api.request("PUT", `/api/instances/${id}`, {
      key: user.key,
      headers: { "x-request-id": requestId },
      body: { name: "Sales", webhookSettings: { secret, headers: { [`X-${secret}`]: secret } } },
    });
    const [entry] = await entriesOf(requestId);
    expect(entry).toMatchObject({
      fields: ["name", "webhookSettings.secret", "webhookSettings.headers"],
      outcome: "done",
    });
    expect(JSON.stringify(entry)).not.toContain(secret);
  });
});

describe("a refusal", () => {
  const send = (id: string, ask: Ask) =>
    api.request("POST", `/api/whatsapp/${id}/send`, { body: { phone: "79001234567", message: "x" }, ...ask });

  test("of a known key is logged with its code: no scope, no permission, another user's instance, revoked, elsewhere", async () => {
    const user = await api.user();
    const own = await api.instance(user.key, "connected");
    const foreign = await api.instance(admin.key, "connected");
    const cases: [object, string, string, number][] = [
      [{ scopes: ["stats:read"] }, own, "forbidden", 403],
      [{ permissions: ["read"] }, own, "forbidden", 403],
      [{}, foreign, "forbidden", 403],
      [{ expiresAt: new Date(0) }, own, "invalid_credentials", 401],
      [{ ipRanges: ["203.0.113.0/24"] }, own, "ip_not_allowed", 403],
    ];
    for (const [limits, id, code, status] of cases) {
      const { id: keyId, key } = await newKey(user.id, limits);
      const requestId = randomUUID();
      await send(id, { key, headers: { "x-request-id": requestId } });
      expect(await entriesOf(requestId)).toMatchObject([
        {
          outcome: "refused",
          code,
          status,
          key_id: keyId,
          user_id: user.id,
          operation: "POST /api/whatsapp/{instanceId}/send",
        },
      ]);
    }
    const requestId = randomUUID();
    await send(own, { key: randomUUID(), headers: { "x-request-id": requestId } });
    await send(own, { headers: { "x-request-id": requestId } });
    expect(await entriesOf(requestId)).toEqual([]);
  });

  test("is logged only so often in a minute, while successes are always logged", async () => {
    const user = await api.user();
    const id = await api.instance(user.key, "connected");
    const { id: keyId, key } = await newKey(user.id, { scopes: ["keys:write", "account:write"] });
    const refusals = Array.from({ length: refusalsPerMinute * 2 }, () => send(id, { key }));
    await Promise.all(refusals);
    const counted = () => api.db.sql`
      select outcome, count(*)::int as n from audit_log where key_id = ${keyId} group by outcome order by outcome`;
    expect(await counted()).toEqual([{ outcome: "refused", n: refusalsPerMinute }]);
    const rename = await api.request("PUT", "/api/auth/me", { key, body: { firstName: "Bo" } });
    expect(rename.status).toBe(200);
    expect(await counted()).toContainEqual({ outcome: "done", n: 1 });
    api.deps.clock.advance(61_000);
    await send(id, { key });
    expect(await counted()).toContainEqual({ outcome: "refused", n: refusalsPerMinute + 1 });
  });
});

describe("the audit log", () => {
  test("shows users what they did and what others did to their things, and admins everything", async () => {
    const [ann, bo] = [await api.user(), await api.user()];
    const id = await api.instance(ann.key);
    await api.request("PUT", `/api/instances/${id}`, { key: admin.key, body: { name: "By an admin" } });
    await api.request("PUT", `/api/users/${bo.id}`, { key: admin.key, body: { firstName: "Bo" } });
    const own = await list("", { key: ann.key });
    expect(operationsOf(own)).toEqual(["PUT /api/instances/{instanceId}", "POST /api/instances"]);
    expect(own.entries[0]).toMatchObject({
      ...{ user: { id: admin.id, email: admin.email }, key: { name: "default" }, ip: "127.0.0.1", source: "api" },
      ...{ ownerId: ann.id, instanceId: id, fields: ["name"], outcome: "done", status: 200, code: null },
    });
    const other = await api.request("GET", `/api/audit?userId=${bo.id}`, { key: ann.key });
    expect(other).toMatchObject({ status: 403, body: { code: "forbidden" } });
    const [changed] = (await list(`userId=${bo.id}`, { key: admin.key })).entries;
    expect(changed).toMatchObject({ operation: "PUT /api/users/{userId}", target: { userId: bo.id }, ownerId: bo.id });
    const everything = operationsOf(await list("limit=1000", { key: admin.key }));
    expect(everything).toEqual(expect.arrayContaining(operationsOf(own)));
  });

  test("of a user has no attempts of strangers who only name the user", async () => {
    const [ann, eve] = [await api.user(), await api.user()];
    const ask = { key: eve.key, body: { firstName: "Eve" } };
    expect((await api.request("PUT", `/api/users/${ann.id}`, ask)).status).toBe(403);
    expect(operationsOf(await list("", { key: ann.key }))).toEqual([]);
    const [own] = (await list("", { key: eve.key })).entries;
    expect(own).toMatchObject({ ownerId: eve.id, target: { userId: ann.id }, outcome: "refused", code: "forbidden" });
  });

  test("has filters, and a cursor that returns each entry once", async () => {
    const user = await api.user();
    const id = await api.instance(user.key);
    for (const name of ["a", "b", "c"])
      await api.request("PUT", `/api/instances/${id}`, { key: user.key, body: { name } });
    await api.request("PUT", `/api/instances/${id}`, { key: user.key, body: { nam: "d" } });
    const ask = { key: user.key };
    const seen: string[] = [];
    for (let cursor: string | null = ""; cursor !== null; ) {
      const page: { entries: { id: string }[]; nextCursor: string | null } = await list(
        `limit=2&instanceId=${id}${cursor && `&cursor=${cursor}`}`,
        ask,
      );
      seen.push(...page.entries.map((entry) => entry.id));
      cursor = page.nextCursor;
    }
    expect(new Set(seen).size).toBe(4);
    expect(seen).toHaveLength(4);
    const count = async (query: string) => (await list(query, ask)).entries.length;
    expect(await count("outcome=refused")).toBe(1);
    expect(await count(`operation=${encodeURIComponent("POST /api/instances")}`)).toBe(1);
    expect(await count("source=sqs")).toBe(0);
    expect(await count("startDate=2100-01-01")).toBe(0);
    expect(await count("endDate=2100-01-01")).toBe(5);
    expect(await count(`keyId=${randomUUID()}`)).toBe(0);
    for (const bad of ["cursor=x", "limit=0", "outcome=maybe", "userId=x", "startDate=yesterday"]) {
      expect((await api.request("GET", `/api/audit?${bad}`, ask)).status).toBe(400);
    }
  });

  test("has the logins of known users, also those that fail, and none of unknown ones", async () => {
    const user = await api.user({ password });
    const logIn = async (email: string, secret: string) => {
      const requestId = randomUUID();
      const body = { email, password: secret };
      await api.request("POST", "/api/auth/login", { body, headers: { "x-request-id": requestId } });
      return await entriesOf(requestId);
    };
    const known = { operation: "POST /api/auth/login", user_id: user.id, key_id: null, ip: "127.0.0.1" };
    const refused = { ...known, owner_id: user.id, outcome: "refused" };
    const good = await logIn(user.email, password);
    expect(good).toMatchObject([{ ...known, outcome: "done", status: 200, code: null }]);
    const bad = await logIn(user.email, "wrong");
    expect(bad).toMatchObject([{ ...refused, status: 401, code: "invalid_credentials" }]);
    expect(await logIn(`x${user.email}`, password)).toEqual([]);
    await api.db.sql`update users set ip_ranges = '["203.0.113.0/24"]' where id = ${user.id}`;
    expect(await logIn(user.email, password)).toMatchObject([{ ...refused, status: 403, code: "ip_not_allowed" }]);
    await api.db.sql`update users set ip_ranges = null, disabled_at = now() where id = ${user.id}`;
    expect(await logIn(user.email, password)).toMatchObject([{ ...refused, code: "invalid_credentials" }]);
  });

  test("is kept as long as the setting says", async () => {
    const old = (days: number) => api.db.sql`
      insert into audit_log (at, source, operation, fields, outcome, request_id)
      values (now() - ${days} * interval '1 day', 'api', 'PUT /old', '[]', 'done', ${`old-${days}`})`;
    for (const days of [40, 50]) await old(days);
    await prune({ ...api.deps, retention: { events: 30, deliveries: 30, audit: 45 } }, 5_000);
    const left = await api.db.sql`select request_id from audit_log where operation = 'PUT /old'`;
    expect(left).toEqual([{ request_id: "old-40" }]);
  });
});
