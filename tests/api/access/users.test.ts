import { randomUUID } from "node:crypto";
import * as jose from "jose";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { callerOfKey, createApiKey, createTokens } from "../../../core/user/index.ts";
import { type Ask, password, startApi, type TestApi } from "../../support/api/api.ts";

let api: TestApi;
let admin: Awaited<ReturnType<TestApi["user"]>>;
beforeAll(async () => {
  api = await startApi();
  admin = await api.user({ role: "admin", email: "admin@example.com" });
}, 60_000);
afterAll(() => api?.stop());
beforeEach(async () => void (await api.db.sql`delete from login_failures`));

const invalid = { status: 400, body: { code: "invalid_request" } };
const forbidden = { status: 403, body: { code: "forbidden" } };
const conflict = { status: 409, body: { code: "conflict" } };
const notCredentials = { status: 401, body: { code: "invalid_credentials" } };

const asAdmin = (method: string, path: string, body?: unknown) => api.request(method, path, { key: admin.key, body });
const me = (ask: Ask) => api.request("GET", "/api/auth/me", ask);
const logIn = (email: string, given = password) =>
  api.request("POST", "/api/auth/login", { body: { email, password: given } });
const tokenOf = (user: { id: string }) => createTokens(api.deps).issue(api.vault, user.id);
const hour = 3_600_000;

describe("an admin", () => {
  test("creates a user whose first key is shown once and who can log in", async () => {
    const email = `New.${randomUUID()}@Example.com`;
    const wanted = {
      email,
      password,
      firstName: " Ann ",
      role: "user",
      timeZone: "Asia/Seoul",
      allowedIps: ["127.0.0.1", "2001:DB8::5/32", "::ffff:10.1.2.3/104", "127.0.0.1/32"],
    };
    const { status, body } = await asAdmin("POST", "/api/users", wanted);
    expect(status).toBe(201);
    const { apiKey, ...shown } = body;
    expect(shown).toEqual({
      id: expect.any(String),
      email: email.toLowerCase(),
      firstName: "Ann",
      lastName: "",
      role: "user",
      disabled: false,
      timeZone: "Asia/Seoul",
      eventQueue: null,
      retention: null,
      quotas: null,
      allowedIps: ["127.0.0.1/32", "2001:db8::/32", "10.0.0.0/8"],
      createdAt: expect.any(String),
      updatedAt: expect.any(String),
    });
    expect((await asAdmin("GET", `/api/users/${shown.id}`)).body).toEqual(shown);
    expect((await me({ key: apiKey })).body.role).toBe("user");
    expect((await logIn(email)).body.user.apiKey).toBe(apiKey);
    expect(await asAdmin("POST", "/api/users", { email: email.toUpperCase() })).toMatchObject({
      status: 409,
      body: { code: "already_exists" },
    });
  });

  test.each([
    ["an invalid email address", { email: "nobody" }],
    ["a short password", { password: "1234567" }],
    ["a password that is too long", { password: "x".repeat(1025) }],
    ["an unknown role", { role: "root" }],
    ["an offset as time zone", { timeZone: "+09:00" }],
    ["a time zone that does not exist", { timeZone: "Mars/Olympus" }],
    ["an ambiguous time zone abbreviation", { timeZone: "BST" }],
    ["a prefix that is too long", { allowedIps: ["10.0.0.0/33"] }],
    ["an octal address", { allowedIps: ["010.0.0.1"] }],
    ["a short address", { allowedIps: ["10.1"] }],
    ["an address with a zone", { allowedIps: ["fe80::1%eth0"] }],
    ["a host name as address", { allowedIps: ["localhost"] }],
    ["a line break in a name", { firstName: "a\nb" }],
  ])("cannot create a user with %s", async (_name, wrong) => {
    expect(await asAdmin("POST", "/api/users", { email: "x@example.com", ...wrong })).toMatchObject(invalid);
    if ("email" in wrong) return;
    expect(await asAdmin("PUT", `/api/users/${admin.id}`, wrong)).toMatchObject(invalid);
  });

  test("finds users by part of the name or address, in pages", async () => {
    const mark = randomUUID().slice(0, 8);
    for (const n of [1, 2, 3]) await api.user({ firstName: `Zoë ${n}`, lastName: `${mark}%` });
    const found = async (query: string) => (await asAdmin("GET", `/api/users?${query}`)).body;
    const first = await found(`search=${mark.toUpperCase()}&limit=2`);
    expect(first.users.map((user: { firstName: string }) => user.firstName)).toEqual(["Zoë 3", "Zoë 2"]);
    expect(first.pagination).toEqual({ total: 3, limit: 2, skip: 0, hasMore: true });
    expect((await found(`search=${mark}&limit=2&skip=2`)).pagination).toMatchObject({ total: 3, hasMore: false });
    expect((await found(`search=${mark}%25`)).pagination.total).toBe(3);
    expect((await found(`search=${mark.slice(0, 4)}%25${mark.slice(4)}`)).pagination.total).toBe(0);
    expect((await found("search=ADMIN@example")).users).toMatchObject([{ id: admin.id, role: "admin" }]);
    expect((await found("")).pagination).toMatchObject({ limit: 50, skip: 0 });
    for (const query of ["limit=0", "skip=-1", "limit=x", "search=%00"]) {
      expect(await asAdmin("GET", `/api/users?${query}`)).toMatchObject(invalid);
    }
  });

  test("changes only the given fields of a user", async () => {
    const user = await api.user();
    const path = `/api/users/${user.id}`;
    const before = (await asAdmin("GET", path)).body;
    const { body } = await asAdmin("PUT", path, { lastName: "Kim", timeZone: "Europe/Berlin" });
    expect({ ...body, updatedAt: "" }).toEqual({
      ...before,
      lastName: "Kim",
      timeZone: "Europe/Berlin",
      updatedAt: "",
    });
    const elsewhere = { role: "admin", allowedIps: ["203.0.113.0/24"], timeZone: null };
    expect((await asAdmin("PUT", path, elsewhere)).body).toMatchObject(elsewhere);
    expect((await asAdmin("PUT", path, { role: "user", allowedIps: [] })).body).toMatchObject({ allowedIps: [] });
  });

  test("resets a password, which ends earlier tokens", async () => {
    const user = await api.user({ password });
    const token = await tokenOf(user);
    await asAdmin("PUT", `/api/users/${user.id}`, { password: "quite another one" });
    expect(await me({ token })).toMatchObject(notCredentials);
    expect((await logIn(user.email)).status).toBe(401);
    const again = await logIn(user.email, "quite another one");
    expect((await me({ token: again.body.token })).status).toBe(200);
  });

  test("disables a user at once for every credential, and can enable the user again", async () => {
    const user = await api.user({ password });
    const token = await tokenOf(user);
    const works = async () => {
      const answers = await Promise.all([me({ key: user.key }), me({ token }), logIn(user.email)]);
      return answers.map(({ status }) => status);
    };
    expect((await me({ key: user.key })).status).toBe(200);
    expect((await asAdmin("PUT", `/api/users/${user.id}`, { disabled: true })).body.disabled).toBe(true);
    expect(await works()).toEqual([401, 401, 401]);
    expect((await asAdmin("PUT", `/api/users/${user.id}`, { disabled: false })).body.disabled).toBe(false);
    expect(await works()).toEqual([200, 200, 200]);
  });

  test("deletes a user without instances together with keys and tokens", async () => {
    const user = await api.user();
    const token = await tokenOf(user);
    const instance = await api.instance(user.key);
    const path = `/api/users/${user.id}`;
    expect(await asAdmin("DELETE", path)).toMatchObject(conflict);
    await api.db.sql`update instances set deleted_at = now() where id = ${instance}`;
    expect(await asAdmin("DELETE", path)).toMatchObject(conflict);
    await api.db.sql`delete from instances where id = ${instance}`;
    expect(await asAdmin("DELETE", path)).toMatchObject({ status: 200, body: { success: true } });
    expect((await me({ key: user.key })).status).toBe(401);
    expect((await me({ token })).status).toBe(401);
    for (const method of ["GET", "DELETE"]) {
      expect(await asAdmin(method, path)).toMatchObject({ status: 404, body: { code: "user_not_found" } });
    }
  });

  test("cannot delete a user whose commands on other users' instances are still stored", async () => {
    const other = await api.user({ role: "admin" });
    const instance = await api.instance((await api.user()).key, "connected");
    const sent = { phone: "79001234567", message: "x" };
    const send = await api.request("POST", `/api/whatsapp/${instance}/send`, { key: other.key, body: sent });
    expect(send.status).toBe(200);
    expect(await asAdmin("DELETE", `/api/users/${other.id}`)).toMatchObject(conflict);
    await asAdmin("PUT", `/api/users/${other.id}`, { disabled: true });
  });

  test.each(["PUT", "GET", "DELETE"])("gets 404 for a user that does not exist: %s", async (method) => {
    for (const id of [randomUUID(), "1", "' or ''='", "%00"]) {
      const answer = await asAdmin(method, `/api/users/${id}`, method === "PUT" ? { firstName: "x" } : undefined);
      expect(answer.status).toBe(404);
      if (id !== "%00") expect(answer.body.code).toBe("user_not_found");
    }
  });
});

test("the last enabled admin can't be deleted, demoted or disabled, even by concurrent requests", async () => {
  const enableOtherAdmins = await disableOtherAdmins();
  expect(await asAdmin("DELETE", `/api/users/${admin.id}`)).toMatchObject(conflict);
  expect(await asAdmin("PUT", `/api/users/${admin.id}`, { role: "user" })).toMatchObject(conflict);
  expect(await asAdmin("PUT", `/api/users/${admin.id}`, { disabled: true })).toMatchObject(conflict);
  await enableOtherAdmins();

  const others = await Promise.all([1, 2, 3].map(() => api.user({ role: "admin" })));
  const all = [admin, ...others];
  const changes = [undefined, { role: "user" }, { disabled: true }, { role: "user" }];
  const answers = await Promise.all(
    all.map((one, index) => {
      const target = all[(index + 1) % all.length];
      const body = changes[index];
      return api.request(body ? "PUT" : "DELETE", `/api/users/${target?.id}`, { key: one.key, body });
    }),
  );
  const [row] = await api.db.sql<{ left: number }[]>`
    select count(*)::int as left from users where role = 'admin' and disabled_at is null`;
  expect(row?.left).toBeGreaterThanOrEqual(1);
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(4 - (row?.left ?? 0));
  await api.db.sql`update users set role = 'admin', disabled_at = null where id = ${admin.id}`;
});

/** Disables every other admin. Returns a function that enables them again. */
async function disableOtherAdmins() {
  const rows = await api.db.sql`
    update users set disabled_at = now() where role = 'admin' and id <> ${admin.id} and disabled_at is null returning id`;
  const ids = rows.map(({ id }) => id as string);
  return () => api.db.sql`update users set disabled_at = null where id = any(${ids})`;
}

test("only an admin with the admin permission can manage users", async () => {
  const user = await api.user();
  const weak = await createApiKey(api.deps, { userId: admin.id, name: "weak", permissions: ["read", "write"] });
  const calls = [
    ["GET", "/api/users"],
    ["GET", `/api/users/${user.id}`],
    ["POST", "/api/users", { email: "x@example.com" }],
    ["PUT", `/api/users/${user.id}`, { role: "admin" }],
    ["DELETE", `/api/users/${user.id}`],
  ] as const;
  for (const [method, path, body] of calls) {
    for (const ask of [{ key: user.key }, { token: await tokenOf(user) }, { key: weak.key }]) {
      expect(await api.request(method, path, { ...ask, body })).toMatchObject(forbidden);
    }
  }
});

test("an admin's limited key creates users whose first key has the same limits", async () => {
  const expiresAt = new Date(api.deps.clock.now().getTime() + hour);
  const limits = { permissions: ["read" as const, "admin" as const], ipRanges: ["127.0.0.0/8"], expiresAt };
  const { key } = await createApiKey(api.deps, { userId: admin.id, name: "limited", ...limits });
  const wanted = { email: `${randomUUID()}@example.com`, role: "admin" };
  const { body } = await api.request("POST", "/api/users", { key, body: wanted });
  const { keys } = (await asAdmin("GET", `/api/keys?userId=${body.id}`)).body;
  expect(keys).toMatchObject([
    { permissions: ["read", "account", "admin"], allowedIps: ["127.0.0.0/8"], expiresAt: expiresAt.toISOString() },
  ]);
  await asAdmin("DELETE", `/api/users/${body.id}`);
  // A password or a role would give access without the limits of the key.
  const withKey = (method: string, path: string, ask: object) => api.request(method, path, { key, body: ask });
  const other = await api.user();
  expect(await withKey("POST", "/api/users", { ...wanted, password })).toMatchObject(forbidden);
  expect(await withKey("PUT", `/api/users/${other.id}`, { password })).toMatchObject(forbidden);
  expect(await withKey("PUT", `/api/users/${other.id}`, { role: "admin" })).toMatchObject(forbidden);
});

test("a key without the permission account changes neither the settings nor the password of its user", async () => {
  const user = await api.user({ role: "admin", password });
  const { key } = await createApiKey(api.deps, { userId: user.id, name: "w", permissions: ["read", "write"] });
  const lockOut = { allowedIps: ["203.0.113.1"], force: true };
  expect(await api.request("PUT", "/api/auth/me", { key, body: lockOut })).toMatchObject(forbidden);
  expect(await api.request("PUT", "/api/auth/me", { key, body: { firstName: "x" } })).toMatchObject(forbidden);
  const change = { currentPassword: password, newPassword: "quite another one" };
  expect(await api.request("POST", "/api/auth/change-password", { key, body: change })).toMatchObject(forbidden);
  expect((await me({ key })).body).toMatchObject({ firstName: "Ann", allowedIps: [] });
  await asAdmin("DELETE", `/api/users/${user.id}`);
});

test("allowedIps never exclude the last admin who can call from the requester's address, even with force", async () => {
  const other = await startApi();
  onTestFinished(() => other.stop());
  const first = await other.user({ role: "admin" });
  const put = (id: string, key: string, body: object) => other.request("PUT", `/api/users/${id}`, { key, body });
  const away = { allowedIps: ["203.0.113.1"], force: true };
  const own = (key: string) => other.request("PUT", "/api/auth/me", { key, body: away });
  expect(await own(first.key)).toMatchObject(conflict);
  expect((await other.request("GET", "/api/auth/me", { key: first.key })).status).toBe(200);
  const second = await other.user({ role: "admin" });
  expect((await put(second.id, first.key, away)).status).toBe(200);
  // Only the first admin can call from here now.
  expect(await own(first.key)).toMatchObject(conflict);
  expect(await put(first.id, first.key, { disabled: true })).toMatchObject(conflict);
  expect(await put(first.id, first.key, { role: "user" })).toMatchObject(conflict);
  expect((await put(first.id, first.key, { allowedIps: ["127.0.0.1"] })).status).toBe(200);
  // A user who is not an admin may shut itself out.
  expect((await own((await other.user()).key)).status).toBe(200);
}, 60_000);

describe("a user", () => {
  test("changes its own settings but no admin setting", async () => {
    const user = await api.user();
    for (const setting of [{ role: "admin" }, { disabled: true }, { quotas: {} }]) {
      const answer = await api.request("PUT", "/api/auth/me", { key: user.key, body: { firstName: "Bo", ...setting } });
      expect(answer).toMatchObject({ status: 400, body: { code: "invalid_request" } });
    }
    const ask = { key: user.key, body: { firstName: "Bo", timeZone: "America/New_York" } };
    const { body } = await api.request("PUT", "/api/auth/me", ask);
    expect(body).toEqual({
      id: user.id,
      email: user.email,
      firstName: "Bo",
      lastName: "Lee",
      role: "user",
      timeZone: "America/New_York",
      eventQueue: null,
      retention: null,
      allowedIps: [],
    });
    expect((await me({ token: await tokenOf(user) })).body).toEqual(body);
    for (const wrong of [
      { firstName: 7 },
      { timeZone: "nowhere" },
      { allowedIps: ["x"] },
      { allowedIps: "10.0.0.1" },
    ]) {
      expect(await api.request("PUT", "/api/auth/me", { key: user.key, body: wrong })).toMatchObject(invalid);
    }
    const reader = await createApiKey(api.deps, { userId: user.id, name: "r", permissions: ["read"] });
    expect(await api.request("PUT", "/api/auth/me", { key: reader.key, body: {} })).toMatchObject(forbidden);
  });

  test("can log in and send requests only from its allowed addresses, and cannot lock itself out by mistake", async () => {
    const user = await api.user({ password });
    const token = await tokenOf(user);
    const limit = (body: object) => api.request("PUT", "/api/auth/me", { token, body });
    const mistake = await limit({ allowedIps: ["203.0.113.0/24", "::1"] });
    expect(mistake).toMatchObject(invalid);
    expect(mistake.body.detail).toContain("127.0.0.1");
    expect((await limit({ allowedIps: ["127.0.0.0/8"] })).body.allowedIps).toEqual(["127.0.0.0/8"]);
    expect((await me({ key: user.key })).status).toBe(200);
    expect((await limit({ allowedIps: ["203.0.113.0/24"], force: true })).status).toBe(200);
    const elsewhere = { status: 403, body: { code: "ip_not_allowed" } };
    const headers = { "x-forwarded-for": "203.0.113.5" };
    expect(await me({ token, headers })).toMatchObject(elsewhere);
    expect(await me({ key: user.key, headers })).toMatchObject(elsewhere);
    expect(await logIn(user.email)).toMatchObject(elsewhere);
    expect((await logIn(user.email, "wrong")).status).toBe(401);
    expect((await callerOfKey(api.deps, user.key, "::ffff:203.0.113.9")).userId).toBe(user.id);
    expect((await asAdmin("PUT", `/api/users/${user.id}`, { allowedIps: null })).body.allowedIps).toEqual([]);
    expect((await me({ token })).status).toBe(200);
    expect(await asAdmin("PUT", `/api/users/${admin.id}`, { allowedIps: ["203.0.113.1"] })).toMatchObject(invalid);
  });

  test("changes its password: earlier tokens end, and a token from the same second works", async () => {
    const user = await api.user({ password });
    const change = (body: object, ask: Ask = { key: user.key }) =>
      api.request("POST", "/api/auth/change-password", { ...ask, body });
    const before = await tokenOf(user);
    const first = (await change({ currentPassword: password, newPassword: "the second one" }, { token: before })).body;
    const second = (await change({ currentPassword: "the second one", newPassword: "the third one" })).body;
    const statuses = async () =>
      (await Promise.all([before, first.token, second.token].map((token) => me({ token })))).map(
        ({ status }) => status,
      );
    expect(await statuses()).toEqual([401, 401, 200]);
    // The clock of another process is behind, but its token still counts as issued after the change.
    const behind = { ...api.deps, clock: { now: () => new Date(api.deps.clock.now().getTime() - 5_000) } };
    const [row] = await api.db.sql<{ from: Date }[]>`select tokens_from as from from users where id = ${user.id}`;
    const late = await createTokens(behind).issue(api.vault, user.id, row?.from ?? null);
    const { iat = 0 } = jose.decodeJwt(late);
    expect(iat * 1000).toBeLessThan(row?.from.getTime() ?? 0);
    expect((await me({ token: late })).status).toBe(200);
    expect((await me({ token: await tokenOf(user) })).status).toBe(401);
    expect((await me({ key: user.key })).status).toBe(200);

    expect(await change({ currentPassword: password, newPassword: "whatever else" })).toMatchObject(notCredentials);
    for (const newPassword of ["1234567", "x".repeat(1025), 7]) {
      expect(await change({ currentPassword: "the third one", newPassword })).toMatchObject(invalid);
    }
    expect((await logIn(user.email, "the third one")).status).toBe(200);
  });

  test("changes its password once under concurrent requests, and cannot change a password that is not set", async () => {
    const user = await api.user({ password });
    const change = (key: string, newPassword: string) =>
      api.request("POST", "/api/auth/change-password", { key, body: { currentPassword: password, newPassword } });
    const answers = await Promise.all([change(user.key, "one of the two"), change(user.key, "two of the two")]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 401]);
    const newToken = answers.find(({ status }) => status === 200)?.body.token;
    expect((await me({ token: newToken })).status).toBe(200);
    expect(await change((await api.user()).key, "anything long")).toMatchObject(notCredentials);
  });
});
