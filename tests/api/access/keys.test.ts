import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { callerOfKey, createApiKey, createTokens, firstApiKey } from "../../../core/user/index.ts";
import { type Ask, password, startApi, type TestApi } from "../../support/api/api.ts";

let api: TestApi;
let admin: Awaited<ReturnType<TestApi["user"]>>;
beforeAll(async () => {
  api = await startApi();
  admin = await api.user({ role: "admin" });
}, 60_000);
afterAll(() => api?.stop());

const invalid = { status: 400, body: { code: "invalid_request" } };
const forbidden = { status: 403, body: { code: "forbidden" } };
const notCredentials = { status: 401, body: { code: "invalid_credentials" } };

const asAdmin = (method: string, path: string, body?: unknown) => api.request(method, path, { key: admin.key, body });
const me = (ask: Ask) => api.request("GET", "/api/auth/me", ask);
const logIn = (email: string) => api.request("POST", "/api/auth/login", { body: { email, password } });
const tokenOf = (user: { id: string }) => createTokens(api.deps).issue(api.vault, user.id);
const hour = 3_600_000;

describe("rotating a key", () => {
  const rotate = (ask: Ask) => api.request("POST", "/api/auth/rotate-key", ask);

  test("revokes the old key at once; the new key has the same limits and appears at login", async () => {
    const user = await api.user({ password });
    await createApiKey(api.deps, { userId: user.id, name: "narrow", permissions: ["read"] });
    const { status, body } = await rotate({ key: user.key });
    expect(status).toBe(200);
    expect(body.previousValidUntil).toBeNull();
    expect(await me({ key: user.key })).toMatchObject(notCredentials);
    expect((await me({ key: body.apiKey })).status).toBe(200);
    const { token, user: shown } = (await logIn(user.email)).body;
    expect(shown.apiKey).toBe(body.apiKey);
    const again = (await rotate({ token, body: { name: "anew" } })).body.apiKey;
    expect((await me({ key: body.apiKey })).status).toBe(401);
    const { keys } = (await api.request("GET", "/api/keys", { key: again })).body;
    expect(keys).toMatchObject([{ name: "narrow" }, { name: "anew", permissions: ["read", "write", "account"] }]);
  });

  test("keeps the old key valid for the requested overlap and no longer", async () => {
    const user = await api.user();
    const { body } = await rotate({ key: user.key, body: { overlapSeconds: 60 } });
    const lasts = Date.parse(body.previousValidUntil) - api.deps.clock.now().getTime();
    expect(lasts).toBeGreaterThan(0);
    expect(lasts).toBeLessThanOrEqual(60_000);
    expect((await firstApiKey(api.deps, user.id))?.key).toBe(body.apiKey);
    // Another rotation does not extend the lifetime of the old key.
    const third = (await rotate({ key: user.key, body: { overlapSeconds: 3600 } })).body;
    expect(third.previousValidUntil).toBe(body.previousValidUntil);
    expect((await me({ key: third.apiKey })).status).toBe(200);
    api.deps.clock.advance(61_000);
    const statuses = [user.key, body.apiKey, third.apiKey].map(async (key) => (await me({ key })).status);
    expect(await Promise.all(statuses)).toEqual([401, 200, 401]);
  });

  test("keeps the ranges and the expiry, and only one of two concurrent rotations succeeds", async () => {
    const user = await api.user();
    const expiresAt = new Date(api.deps.clock.now().getTime() + hour);
    const limits = { permissions: ["write" as const], ipRanges: ["127.0.0.1/32"], expiresAt };
    const narrow = await createApiKey(api.deps, { userId: user.id, name: "narrow", ...limits });
    const answers = await Promise.all([rotate({ key: narrow.key }), rotate({ key: narrow.key })]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 401]);
    const created = answers.find(({ status }) => status === 200)?.body.apiKey;
    expect(await callerOfKey(api.deps, created, "127.0.0.1")).toMatchObject({
      permissions: new Set(["write"]),
      key: { ipRanges: limits.ipRanges, expiresAt },
    });
  });

  test("requires a key, write permission and an overlap of at most one day", async () => {
    const user = await api.user();
    const token = await tokenOf(user);
    const reader = await createApiKey(api.deps, { userId: user.id, name: "r", permissions: ["read"] });
    expect(await rotate({ key: reader.key })).toMatchObject(forbidden);
    for (const overlapSeconds of [-1, 86_401, 1.5, "60"]) {
      expect(await rotate({ token, body: { overlapSeconds } })).toMatchObject(invalid);
    }
    await api.db.sql`update api_keys set revoked_at = now() where user_id = ${user.id}`;
    expect(await rotate({ token })).toMatchObject({ status: 404, body: { code: "key_not_found" } });
  });
});

describe("a user's keys", () => {
  const newUser = async () => {
    const user = await api.user();
    const token = await tokenOf(user);
    const call = (method: string, path = "", body?: unknown, key?: string) =>
      api.request(method, `/api/keys${path}`, { ...(key ? { key } : { token }), body });
    return { ...user, token, call };
  };

  test("can be created, changed and revoked, and the list omits the secrets", async () => {
    const { call, key } = await newUser();
    const expiresAt = new Date(api.deps.clock.now().getTime() + hour).toISOString();
    const wanted = { name: "ci", permissions: ["read"], allowedIps: ["127.0.0.1"], expiresAt };
    const { status, body: created } = await call("POST", "", wanted);
    expect(status).toBe(201);
    const { apiKey, ...shown } = created;
    expect(shown).toMatchObject({ ...wanted, allowedIps: ["127.0.0.1/32"], lastUsedAt: null });
    expect((await me({ key: apiKey })).status).toBe(200);
    const { keys } = (await call("GET")).body;
    expect(keys).toMatchObject([{ name: "default", allowedIps: [], expiresAt: null }, { id: shown.id }]);
    expect(keys[1].lastUsedIp).toBe("127.0.0.1");
    expect(Date.parse(keys[1].lastUsedAt)).toBeGreaterThan(Date.parse(shown.createdAt) - 1);
    expect(JSON.stringify(keys)).not.toMatch(new RegExp(`${apiKey}|${key}`));

    const changed = await call("PUT", `/${shown.id}`, { name: "cd", allowedIps: ["10.0.0.0/8"] });
    expect(changed.body).toMatchObject({ name: "cd", allowedIps: ["10.0.0.0/8"], permissions: ["read"] });
    expect(await me({ key: apiKey })).toMatchObject({ status: 403, body: { code: "ip_not_allowed" } });
    expect((await call("PUT", `/${shown.id}`, { allowedIps: null })).body).toMatchObject({
      name: "cd",
      allowedIps: [],
    });
    expect((await call("PUT", `/${shown.id}`, {})).body).toMatchObject({ name: "cd", allowedIps: [] });

    expect((await call("DELETE", `/${shown.id}`)).status).toBe(200);
    expect(await me({ key: apiKey })).toMatchObject(notCredentials);
    for (const id of [shown.id, randomUUID(), "1", "' or ''='"]) {
      const gone = { status: 404, body: { code: "key_not_found" } };
      expect(await call("DELETE", `/${id}`)).toMatchObject(gone);
      expect(await call("PUT", `/${id}`, { name: "x" })).toMatchObject(gone);
    }
    expect((await call("GET")).body.keys).toHaveLength(1);
  });

  test.each([
    ["no name", { name: "" }],
    ["an unknown permission", { permissions: ["root"] }],
    ["no permission", { permissions: [] }],
    ["an expiry in the past", { expiresAt: "2020-01-01T00:00:00Z" }],
    ["an expiry that is not a time", { expiresAt: "tomorrow" }],
    ["an invalid IP range", { allowedIps: ["here"] }],
  ])("are not created with %s", async (_name, wrong) => {
    const { call } = await newUser();
    expect(await call("POST", "", { name: "x", ...wrong })).toMatchObject(invalid);
  });

  test("never get more permissions, IP ranges or lifetime than the key that creates or changes them", async () => {
    const { call, id } = await newUser();
    const expiresAt = new Date(api.deps.clock.now().getTime() + hour);
    const permissions = ["write" as const, "account" as const];
    const limits = { permissions, ipRanges: ["127.0.0.0/8", "2001:db8::/32"], expiresAt };
    const narrow = await createApiKey(api.deps, { userId: id, name: "narrow", ...limits });
    const make = (body: object) => call("POST", "", { name: "x", ...body }, narrow.key);
    const later = new Date(expiresAt.getTime() + 1).toISOString();
    for (const more of [
      { permissions: ["read"] },
      { permissions: ["write", "admin"] },
      { allowedIps: [] },
      { allowedIps: null },
      { allowedIps: ["127.0.0.1", "10.0.0.1"] },
      { allowedIps: ["126.0.0.0/7"] },
      { allowedIps: ["::/0"] },
      { expiresAt: null },
      { expiresAt: later },
    ]) {
      expect({ more, ...(await make(more)) }).toMatchObject(forbidden);
    }
    const child = { permissions: ["write"], allowedIps: limits.ipRanges, expiresAt: expiresAt.toISOString() };
    expect((await make({})).body).toMatchObject(child);
    expect((await make({ allowedIps: ["127.1.0.0/16", "2001:db8:1::/48"] })).status).toBe(201);

    const [full] = (await call("GET")).body.keys;
    const change = (keyId: string, body: object) => call("PUT", `/${keyId}`, body, narrow.key);
    expect(await change(narrow.id, { allowedIps: [] })).toMatchObject(forbidden);
    expect(await change(full.id, { allowedIps: ["127.0.0.1"] })).toMatchObject(forbidden);
    expect(await change(full.id, { name: "renamed" })).toMatchObject(forbidden);
    expect(await call("DELETE", `/${full.id}`, undefined, narrow.key)).toMatchObject(forbidden);
    const weaker = (await make({ permissions: ["write"] })).body;
    expect((await change(weaker.id, { name: "renamed" })).body.name).toBe("renamed");
    expect((await call("DELETE", `/${weaker.id}`, undefined, narrow.key)).status).toBe(200);
    expect(await change(narrow.id, { allowedIps: ["127.9.9.9"] })).toMatchObject(invalid);
    expect((await change(narrow.id, { allowedIps: ["127.9.9.9"], force: true })).status).toBe(200);
    expect(await call("GET", "", undefined, narrow.key)).toMatchObject({ status: 403 });
  });

  test("are not managed by a key without the permission account, not even its own", async () => {
    const { call, id, key } = await newUser();
    const [full] = (await call("GET")).body.keys;
    for (const permissions of [["write"], ["read", "write"]] as const) {
      const weak = await createApiKey(api.deps, { userId: id, name: "weak", permissions: [...permissions] });
      for (const target of [full.id, weak.id]) {
        expect(await call("PUT", `/${target}`, { name: "x" }, weak.key)).toMatchObject(forbidden);
        expect(await call("PUT", `/${target}`, { allowedIps: ["203.0.113.1"], force: true }, weak.key)).toMatchObject(
          forbidden,
        );
        expect(await call("DELETE", `/${target}`, undefined, weak.key)).toMatchObject(forbidden);
      }
      expect(await call("POST", "", { name: "x", permissions: ["write"] }, weak.key)).toMatchObject(forbidden);
      const generated = await api.request("POST", "/api/auth/generate-key", { key: weak.key });
      expect(generated).toMatchObject(forbidden);
    }
    expect((await me({ key })).status).toBe(200);
    // Created keys lack the permission unless the request asks for it.
    expect((await call("POST", "", { name: "x" })).body.permissions).toEqual(["read", "write"]);
    const wanted = { name: "x", permissions: ["account"] };
    expect((await call("POST", "", wanted)).body.permissions).toEqual(["account"]);
  });

  test("can be managed by their user and by an admin but by no other user", async () => {
    const owner = await newUser();
    const stranger = await newUser();
    const [first] = (await owner.call("GET")).body.keys;
    const of = `?userId=${owner.id}`;
    const calls = [
      ["GET", of],
      ["POST", of, { name: "x" }],
      ["PUT", `/${first.id}${of}`, { name: "x" }],
      ["DELETE", `/${first.id}${of}`],
    ] as const;
    for (const [method, path, body] of calls) {
      expect(await stranger.call(method, path, body)).toMatchObject(forbidden);
      const answer = await stranger.call(method, path.replace(of, ""), body);
      if (path.startsWith("/")) expect(answer).toMatchObject({ status: 404, body: { code: "key_not_found" } });
    }
    const byAdmin = (method: string, path: string, body?: unknown) => asAdmin(method, `/api/keys${path}`, body);
    const { body: created } = await byAdmin("POST", of, { name: "from above" });
    expect((await me({ key: created.apiKey })).body.id).toBe(owner.id);
    expect(await byAdmin("POST", of, { name: "x", permissions: ["admin"] })).toMatchObject(invalid);
    expect((await byAdmin("PUT", `/${first.id}${of}`, { allowedIps: ["203.0.113.1"] })).status).toBe(200);
    expect((await me({ key: owner.key })).status).toBe(403);
    expect((await byAdmin("DELETE", `/${first.id}${of}`)).status).toBe(200);
    expect((await owner.call("GET")).body.keys).toMatchObject([{ name: "from above" }]);
    for (const userId of [randomUUID(), "1"]) {
      expect(await byAdmin("GET", `?userId=${userId}`)).toMatchObject({
        status: 404,
        body: { code: "user_not_found" },
      });
    }
  });
});

describe("scopes and instances of a key", () => {
  const create = (ask: Ask, body: object) =>
    api.request("POST", "/api/keys", { ...ask, body: { name: "limited", ...body } });

  test("appear where keys are listed, survive a rotation, and take effect at once when they change", async () => {
    const user = await api.user();
    const id = await api.instance(user.key, "connected");
    const limits = { permissions: ["read", "write"], scopes: ["instances:read", "keys:rotate"], instances: [id] };
    const made = await create({ key: user.key }, limits);
    expect(made).toMatchObject({ status: 201, body: { ...limits, lastUsedAt: null, lastUsedIp: null } });
    const rotated = await api.request("POST", "/api/auth/rotate-key", { key: made.body.apiKey });
    const { apiKey } = rotated.body;
    const { keys } = (await api.request("GET", "/api/keys", { key: user.key })).body;
    const shown = keys.find(({ name }: { name: string }) => name === "limited");
    expect(shown).toMatchObject(limits);
    const path = `/api/instances/${id}`;
    expect((await api.request("GET", path, { key: apiKey })).status).toBe(200);
    const change = (body: object) => api.request("PUT", `/api/keys/${shown.id}`, { key: user.key, body });
    expect((await change({ scopes: ["stats:read"] })).body.scopes).toEqual(["stats:read"]);
    expect(await api.request("GET", path, { key: apiKey })).toMatchObject(forbidden);
    expect((await change({ scopes: null, instances: null, expiresAt: null })).body).toMatchObject({
      ...{ scopes: null, instances: null, expiresAt: null },
    });
    expect((await api.request("GET", path, { key: apiKey })).status).toBe(200);
    const soon = new Date(api.deps.clock.now().getTime() + hour).toISOString();
    expect((await change({ expiresAt: soon })).body.expiresAt).toBe(soon);
    expect(await change({ expiresAt: "2020-01-01T00:00:00Z" })).toMatchObject(invalid);
  });

  test("can't be exceeded by keys that a key creates, changes or revokes", async () => {
    const user = await api.user();
    const [one, two] = [await api.instance(user.key, "connected"), await api.instance(user.key, "connected")];
    const permissions = ["read", "write", "account"];
    const own = { permissions, scopes: ["keys:write", "messages:send"], instances: [one] };
    const { body: parent } = await create({ key: user.key }, own);
    const key = parent.apiKey;
    for (const more of [
      { scopes: null },
      { scopes: ["messages:send", "messages:read"] },
      { instances: null },
      { instances: [one, two] },
    ])
      expect(await create({ key }, more)).toMatchObject(forbidden);
    const inherited = await create({ key }, { permissions: ["write"] });
    expect(inherited.body).toMatchObject({ scopes: own.scopes, instances: own.instances });
    expect((await create({ key }, { permissions: ["write"], scopes: ["messages:send"] })).status).toBe(201);
    const lift = { scopes: null, instances: null };
    expect(await api.request("PUT", `/api/keys/${parent.id}`, { key, body: lift })).toMatchObject(forbidden);
    const [whole] = (await api.request("GET", "/api/keys", { key: user.key })).body.keys;
    expect(await api.request("DELETE", `/api/keys/${whole.id}`, { key })).toMatchObject(forbidden);
    expect((await api.request("DELETE", `/api/keys/${inherited.body.id}`, { key })).status).toBe(200);
  });

  test("must be known scopes and own instances", async () => {
    const user = await api.user();
    const foreign = await api.instance(admin.key, "connected");
    const bad = [{ scopes: ["messages:fly"] }, { scopes: [] }, { instances: [] }, { instances: ["x"] }];
    for (const body of bad) expect(await create({ key: user.key }, body)).toMatchObject(invalid);
    const notFound = { status: 404, body: { code: "instance_not_found" } };
    for (const id of [foreign, randomUUID()]) {
      expect(await create({ key: user.key }, { instances: [id] })).toMatchObject(notFound);
    }
  });

  test("a key with scopes can't set passwords or roles, which give access without scopes", async () => {
    const scoped = await create(
      { key: admin.key },
      { permissions: ["read", "write", "admin"], scopes: ["users:admin"] },
    );
    const body = { email: `${randomUUID()}@example.com`, password };
    expect(await api.request("POST", "/api/users", { key: scoped.body.apiKey, body })).toMatchObject(forbidden);
    const plain = await api.request("POST", "/api/users", { key: scoped.body.apiKey, body: { email: body.email } });
    expect(plain.status).toBe(201);
    const { keys } = (await api.request("GET", `/api/keys?userId=${plain.body.id}`, { key: admin.key })).body;
    expect(keys).toMatchObject([{ scopes: ["users:admin"] }]);
  });
});
