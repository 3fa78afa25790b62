import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as z from "zod";
import { type Permission, permissions } from "../../../core/caller.ts";
import { scopes } from "../../../core/scope.ts";
import { createApiKey, createTokens, type NewApiKey, type NewUser } from "../../../core/user/index.ts";
import { type Endpoint, isOpen } from "../../../functions/api/engine/endpoint.ts";
import { type Ask, startApi, type TestApi } from "../../support/api/api.ts";
import { bodies } from "../../support/api/valid-bodies.ts";
import { dialects } from "../../support/endpoint/dialect-tables.ts";

/*
 * Every endpoint with every kind of credentials, and with the ids of another user in its path, query and body. All cases
 * come from the tables of endpoints, so a new endpoint is covered without a change here.
 */

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
}, 60_000);
afterAll(() => api?.stop());

const endpoints = dialects.flatMap((dialect) => dialect.endpoints);
const named = (some: readonly Endpoint[]) =>
  some.map((endpoint): [string, Endpoint] => [`${endpoint.method.toUpperCase()} ${endpoint.path}`, endpoint]);
const closed = endpoints.filter(({ access }) => !isOpen(access));

/** Sends a request that is valid apart from its credentials and these ids. */
async function call(endpoint: Endpoint, credentials: Ask, ids: Record<string, string> = {}, query = "") {
  const path = endpoint.path.replaceAll(/\{(\w+)\}/g, (_all, name: string) => ids[name] ?? randomUUID());
  const body = endpoint.body && {
    ...(bodies[`${endpoint.method} ${endpoint.path}`] ?? bodies[endpoint.path]),
    ...(endpoint.instance === "body" ? { instanceId: ids.instanceId ?? randomUUID() } : {}),
  };
  const ask = { ...credentials, impatient: true, ...(body && { body }) };
  const { status, body: answer } = await api.request(endpoint.method.toUpperCase(), path + query, ask);
  return `${status} ${answer?.code ?? ""}`.trim();
}

/** Creates a user with a key, and returns credentials of the user. */
async function userWith(
  key: Partial<Omit<NewApiKey, "userId" | "name">>,
  wanted: Partial<NewUser> = {},
): Promise<{ id: string; key: string; token: string }> {
  const { id } = await api.user(wanted);
  const limits = { ...key, permissions: [...(key.permissions ?? permissions)] };
  const created = await createApiKey(api.deps, { userId: id, name: "matrix", ...limits });
  return { id, key: created.key, token: await createTokens(api.deps).issue(api.vault, id) };
}

describe("credentials that are not valid are refused by every endpoint", () => {
  const elsewhere = ["203.0.113.0/24"];
  const refused: [string, string, () => Promise<Ask>][] = [
    ["no credentials", "401 missing_credentials", async () => ({})],
    ["an unknown key", "401 invalid_credentials", async () => ({ key: randomUUID() })],
    [
      "an expired key",
      "401 invalid_credentials",
      async () => ({ key: (await userWith({ expiresAt: new Date(Date.now() - 1000) })).key }),
    ],
    [
      "a revoked key",
      "401 invalid_credentials",
      async () => {
        const { id, key } = await userWith({});
        await api.db.sql`update api_keys set revoked_at = now() where user_id = ${id}`;
        return { key };
      },
    ],
    [
      "an expired token",
      "401 expired_token",
      async () => {
        const past = { now: () => new Date(Date.now() - 2 * 60 * 60 * 1000) };
        const { id } = await userWith({});
        return { token: await createTokens({ ...api.deps, clock: past }).issue(api.vault, id) };
      },
    ],
    [
      "a token from before a change of the password",
      "401 invalid_credentials",
      async () => {
        const { id, token } = await userWith({});
        await api.db.sql`update users set tokens_from = now() where id = ${id}`;
        return { token };
      },
    ],
    ...(["key", "token"] as const).map((kind): [string, string, () => Promise<Ask>] => [
      `the ${kind} of a disabled user`,
      "401 invalid_credentials",
      async () => {
        const user = await userWith({}, { role: "admin" });
        await api.db.sql`update users set disabled_at = now() where id = ${user.id}`;
        return { [kind]: user[kind] };
      },
    ]),
    [
      "a key that is limited to other addresses",
      "403 ip_not_allowed",
      async () => ({ key: (await userWith({ ipRanges: elsewhere })).key }),
    ],
    ...(["key", "token"] as const).map((kind): [string, string, () => Promise<Ask>] => [
      `the ${kind} of a user who is limited to other addresses`,
      "403 ip_not_allowed",
      async () => ({ [kind]: (await userWith({}, { role: "admin", ipRanges: elsewhere }))[kind] }),
    ]),
  ];

  test.each(refused)("%s", async (_name, expected, credentials) => {
    const ask = await credentials();
    const answers = new Map<string, string>();
    for (const [name, endpoint] of named(closed)) answers.set(name, await call(endpoint, ask));
    expect([...answers].filter(([, answer]) => answer !== expected)).toEqual([]);
    expect(answers.size).toBe(closed.length);
  });
});

describe("a key without the permission of an endpoint is refused by it", () => {
  const sets: Permission[][] = [[], ["read"], ["write"], ["account"], ["read", "write"], ["read", "write", "account"]];

  test.each(sets.map((set): [string, Permission[]] => [set.join(", ") || "none", set]))("%s", async (_name, set) => {
    const { key } = await userWith({ permissions: set });
    const lacking = closed.filter(({ access }) => !set.some((permission) => permission === access));
    for (const [name, endpoint] of named(lacking)) {
      expect([name, await call(endpoint, { key })]).toEqual([name, "403 forbidden"]);
    }
  });

  test("admin in the key of a user who is not an admin", async () => {
    const { key } = await userWith({ permissions: ["admin"] });
    for (const [name, endpoint] of named(closed)) {
      expect([name, await call(endpoint, { key })]).toEqual([name, "403 forbidden"]);
    }
  });
});

describe("a key with scopes", () => {
  test("is refused by every endpoint whose scope it lacks, which the error names", async () => {
    const { id } = await userWith({}, { role: "admin" });
    const instanceId = await api.instance((await userWith({})).key, "connected");
    for (const scope of scopes) {
      const others = scopes.filter((one) => one !== scope);
      const limits = { permissions: [...permissions], scopes: others };
      const { key } = await createApiKey(api.deps, { userId: id, name: "scoped", ...limits });
      for (const [name, endpoint] of named(closed.filter((one) => one.scope === scope))) {
        const path = endpoint.path.replace("{instanceId}", instanceId).replaceAll(/\{\w+\}/g, randomUUID());
        const { status, body } = await api.request(endpoint.method.toUpperCase(), path, { key });
        const details = `this API key lacks the scope "${scope}"`;
        expect([name, status, body.code, body.details ?? body.detail, body.missingScope]).toEqual([
          ...[name, 403, "forbidden", details, scope],
        ]);
      }
    }
  });

  test("no endpoint for callers is without a scope, and every scope has an endpoint", () => {
    expect(closed.filter(({ scope }) => scope === null).map(({ path }) => path)).toEqual([]);
    // These operations check the scope themselves.
    expect(closed.filter(({ scope }) => scope === "any").map(({ path }) => path)).toEqual([
      "/api/commands/{commandId}",
    ]);
    const used = new Set(endpoints.map(({ scope }) => scope));
    expect(scopes.filter((scope) => !used.has(scope))).toEqual([]);
  });

  test("is allowed what its only scope covers, and no other scope", async () => {
    const { id, key: whole } = await userWith({});
    const instanceId = await api.instance(whole, "connected");
    const { key } = await createApiKey(api.deps, {
      ...{ userId: id, name: "sender", permissions: ["read", "write"], scopes: ["messages:send"] },
    });
    const send = { key, body: { phone: "79001234567", message: "x" } };
    expect((await api.request("POST", `/api/whatsapp/${instanceId}/send`, send)).status).toBe(200);
    const [command] = await api.db.sql<{ id: string }[]>`
      select id from commands where user_id = ${id} and name = 'message.sendText'`;
    expect((await api.request("GET", `/api/commands/${command?.id}`, { key })).status).toBe(200);
    const { key: other } = await createApiKey(api.deps, {
      ...{ userId: id, name: "reader", permissions: ["read", "write"], scopes: ["groups:read"] },
    });
    const refused = await api.request("GET", `/api/commands/${command?.id}`, { key: other });
    expect(refused).toMatchObject({ status: 403, body: { missingScope: "messages:send" } });
  });
});

describe("a key that is limited to an instance", () => {
  let limited: string;
  let allowed: string;
  let forbidden: string;
  let userId: string;
  beforeAll(async () => {
    const user = await userWith({}, { role: "admin" });
    [allowed, forbidden] = [await api.instance(user.key, "connected"), await api.instance(user.key, "connected")];
    userId = user.id;
    const limits = { permissions: [...permissions], instances: [allowed] };
    limited = (await createApiKey(api.deps, { userId, name: "limited", ...limits })).key;
  });

  test("is refused by every endpoint for another instance of its user, and by those of the whole user", async () => {
    for (const [name, endpoint] of named(closed.filter(({ limitable, instance }) => instance || !limitable))) {
      expect([name, await call(endpoint, { key: limited }, { instanceId: forbidden })]).toEqual([
        name,
        "403 forbidden",
      ]);
    }
  });

  test("sees only its instance in lists, and its commands only", async () => {
    const list = await api.request("GET", "/api/instances", { key: limited });
    expect(list.body.instances.map(({ id }: { id: string }) => id)).toEqual([allowed]);
    const other = await api.request("GET", "/api/instance", { key: limited });
    expect(other.body.data.map(({ id }: { id: string }) => id)).toEqual([allowed]);
    const { key } = await createApiKey(api.deps, { userId, name: "whole", permissions: [...permissions] });
    const send = { key, body: { phone: "79001234567", message: "x" } };
    expect((await api.request("POST", `/api/whatsapp/${forbidden}/send`, send)).status).toBe(200);
    const [command] = await api.db.sql<{ id: string }[]>`select id from commands where instance_id = ${forbidden}`;
    expect((await api.request("GET", `/api/commands/${command?.id}`, { key: limited })).status).toBe(403);
    expect((await api.request("GET", `/api/commands/${command?.id}`, { key })).status).toBe(200);
  });

  test("only these endpoints of the whole user work with it", () => {
    const works = closed.filter(({ limitable, instance }) => limitable && !instance);
    expect(named(works).map(([name]) => name)).toEqual([
      "GET /api/instance",
      "GET /api/message/search",
      "GET /api/events",
      "GET /api/events/stream",
      "POST /api/events/stream/token",
      "GET /api/webhook/logs",
      "GET /api/webhook/stats",
      "POST /api/webhook/retry/{webhookId}",
      "DELETE /api/webhook/logs",
      "GET /api/observability/version",
      "GET /api/auth/me",
      "POST /api/auth/rotate-key",
      "GET /api/keys",
      "POST /api/keys",
      "PUT /api/keys/{keyId}",
      "DELETE /api/keys/{keyId}",
      "GET /api/instances",
      "GET /api/commands/{commandId}",
    ]);
  });
});

describe("ids of another user", () => {
  let attacker: { id: string; key: string };
  let own: string;
  let victim: { id: string; key: string };
  /** Ids of what belongs to the victim, by the name of the path parameter. */
  const foreign: Record<string, string> = {};
  const rowsOf = async () => {
    const { sql } = api.db;
    return JSON.stringify([
      await sql`select id, email, first_name, ip_ranges, password_hash from users where id = ${victim.id}`,
      await sql`select id, name, revoked_at, ip_ranges from api_keys where user_id = ${victim.id} order by id`,
      await sql`select id, name, desired, webhook_url, deleted_at from instances where user_id = ${victim.id}`,
      await sql`select id, status from commands where user_id = ${victim.id} order by id`,
      await sql`select id, status from bulks where user_id = ${victim.id}`,
    ]);
  };

  beforeAll(async () => {
    attacker = await userWith({ permissions: ["read", "write", "account"] });
    own = await api.instance(attacker.key, "connected");
    victim = await userWith({ permissions: ["read", "write", "account"] });
    const instance = await api.instance(victim.key, "connected");
    const key = victim.key;
    const at = new Date(Date.now() + 3_600_000).toISOString();
    const send = await api.request("POST", `/api/whatsapp/${instance}/send`, {
      key,
      body: { phone: "79001234567", message: "x", sendAt: at },
    });
    expect(send.status).toBe(200);
    const bulk = await api.request("POST", `/api/whatsapp/${instance}/bulk`, {
      key,
      body: { recipients: [{ phone: "79001234568" }], message: "x", sendAt: at },
    });
    expect(bulk.status, JSON.stringify(bulk.body)).toBe(201);
    const [command] = await api.db.sql<{ id: string }[]>`select id from commands where wa_id = ${send.body.id}`;
    const [list] = (await api.request("GET", "/api/keys", { key })).body.keys;
    Object.assign(foreign, {
      ...{ instanceId: instance, userId: victim.id, keyId: list.id, commandId: command?.id },
      ...{ bulkId: bulk.body.bulkId, messageId: send.body.id },
    });
  }, 60_000);

  const inPath = closed.filter(({ path }) =>
    /\{(?:instanceId|userId|keyId|commandId|bulkId)\}|scheduled\/\{/.test(path),
  );
  const inBody = closed.filter(({ instance }) => instance === "body");
  const inQuery = closed.filter(
    ({ query }) => query instanceof z.ZodObject && ["userId", "instanceId"].some((name) => name in query.shape),
  );

  test.each(named([...inPath, ...inBody]))("are refused in %s, and nothing changes", async (_name, endpoint) => {
    const before = await rowsOf();
    // All ids are the victim's.
    const notOwner = /\{(?:keyId|commandId)\}/.test(endpoint.path) ? /^40[34] / : /^403 forbidden$/;
    expect(await call(endpoint, { key: attacker.key }, foreign)).toMatch(notOwner);
    // The instance is the attacker's, and everything else is the victim's.
    if (/\{(?:bulkId|keyId|commandId|userId)\}|scheduled\/\{/.test(endpoint.path)) {
      expect(await call(endpoint, { key: attacker.key }, { ...foreign, instanceId: own })).toMatch(/^40[34] /);
    }
    expect(await rowsOf()).toBe(before);
  });

  test.each(named(inQuery))("are refused in the query of %s, and nothing changes", async (_name, endpoint) => {
    const before = await rowsOf();
    for (const name of ["userId", "instanceId"]) {
      if (!(name in (endpoint.query as z.ZodObject).shape)) continue;
      expect(await call(endpoint, { key: attacker.key }, foreign, `?${name}=${foreign[name]}`)).toMatch(/^40[34] /);
    }
    expect(await rowsOf()).toBe(before);
  });

  test("cover every endpoint that names something of a user", () => {
    expect(inPath.length).toBeGreaterThan(100);
    expect(inBody.length).toBeGreaterThan(10);
    expect(inQuery.length).toBeGreaterThan(5);
  });
});
