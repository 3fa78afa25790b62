import { createHmac, randomUUID, scryptSync } from "node:crypto";
import * as jose from "jose";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import {
  createApiKey,
  createTokens,
  ensureFirstAdmin,
  login,
  resetAdmin,
  revokeApiKey,
  rotateSigningKey,
} from "../../../core/user/index.ts";
import { hashPassword, needsRehash, verifyPassword } from "../../../core/user/password.ts";
import { password, startApi, type TestApi } from "../../support/api/api.ts";
import { until } from "../../support/until.ts";

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
}, 60_000);
afterAll(() => api?.stop());

const logIn = async (email: string) =>
  (await api.request("POST", "/api/auth/login", { body: { email, password } })).body.token as string;

describe("the first admin", () => {
  test("is created exactly once by concurrent starts, and its generated password works", async () => {
    const created = await Promise.all([
      ensureFirstAdmin(api.deps),
      ensureFirstAdmin(api.deps),
      ensureFirstAdmin(api.deps),
    ]);
    const admins = created.filter((one) => one !== null);
    expect(admins).toHaveLength(1);
    const [admin] = admins;
    const generated = admin?.generatedPassword ?? "";
    expect(generated.length).toBeGreaterThanOrEqual(20);
    const answer = await api.request("POST", "/api/auth/login", {
      body: { email: "Admin@Switchboard.local", password: generated },
    });
    expect(answer.body.user).toMatchObject({ email: "admin@switchboard.local", apiKey: admin?.apiKey.key });
    expect(await ensureFirstAdmin(api.deps)).toBeNull();
    expect(api.logged().join("")).not.toContain(generated);
  });
});

describe("a password", () => {
  test("is stored as a scrypt hash with its parameters and its own salt", async () => {
    const [one, other] = [await hashPassword("pässword"), await hashPassword("pässword")];
    expect(one).toMatch(/^\$scrypt\$ln=15,r=8,p=3\$[\w-]{22}\$[\w-]{43}$/);
    expect(one).not.toBe(other);
    expect(await verifyPassword("pa\u0308ssword", one)).toBe(true);
    expect(await verifyPassword("password", one)).toBe(false);
  });

  test("that is hashed with weaker parameters still works, and is rehashed at the next login", async () => {
    const user = await api.user({ password });
    const weak =
      "$scrypt$ln=4,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$" +
      scryptSync(password, Buffer.alloc(16), 32, { N: 16, r: 8, p: 1 }).toString("base64url");
    expect(needsRehash(weak)).toBe(true);
    await api.db.sql`update users set password_hash = ${weak} where id = ${user.id}`;
    await logIn(user.email);
    const [row] = await api.db.sql<{ hash: string }[]>`select password_hash as hash from users where id = ${user.id}`;
    expect(needsRehash(row?.hash ?? "")).toBe(false);
    await logIn(user.email);
  });

  test("that is wrong gets the same response, after the same work, as an unknown email address", async () => {
    const user = await api.user({ password });
    const time = async (email: string) => {
      const start = performance.now();
      const answer = await api.request("POST", "/api/auth/login", { body: { email, password: "wrong" } });
      return { answer, ms: performance.now() - start };
    };
    const known = [await time(user.email), await time(user.email)];
    const unknown = [await time("nobody@example.com"), await time("nobody@example.com")];
    for (const { answer } of [...known, ...unknown])
      expect(answer).toMatchObject({ status: 401, body: known[0]?.answer.body });
    const fastest = (times: { ms: number }[]) => Math.min(...times.map(({ ms }) => ms));
    expect(fastest(unknown)).toBeGreaterThan(fastest(known) / 3);
  });
});

describe("login", () => {
  test("returns a token, the user and the user's key, and both credentials work", async () => {
    const user = await api.user({ password });
    const { body } = await api.request("POST", "/api/auth/login", { body: { email: user.email, password } });
    const { id, email, key } = user;
    expect(body.user).toEqual({ id, email, firstName: "Ann", lastName: "Lee", apiKey: key });
    const me = {
      id,
      email,
      firstName: "Ann",
      lastName: "Lee",
      role: "user",
      timeZone: null,
      allowedIps: [],
      eventQueue: null,
      retention: null,
    };
    expect((await api.request("GET", "/api/auth/me", { token: body.token })).body).toEqual(me);
    expect((await api.request("GET", "/api/auth/me", { key })).body).toEqual(me);
    expect((await api.request("GET", "/api/auth/me", { headers: { "X-API-KEY": key } })).body).toEqual(me);
    expect(api.logged().join("")).not.toMatch(new RegExp(`${body.token}|${key}|${password}`));
  });

  test("fails for a disabled user, whose token and key stop working as well", async () => {
    const user = await api.user({ password });
    const token = await logIn(user.email);
    await api.db.sql`update users set disabled_at = now() where id = ${user.id}`;
    for (const ask of [{ token }, { key: user.key }]) {
      const answer = await api.request("GET", "/api/auth/me", ask);
      expect(answer).toMatchObject({ status: 401, body: { code: "invalid_credentials" } });
    }
    const answer = await api.request("POST", "/api/auth/login", { body: { email: user.email, password } });
    expect(answer).toMatchObject({ status: 401, body: { code: "invalid_credentials" } });
  });
});

describe("a token", () => {
  const claims = (sub: string) => ({
    sub,
    iss: "switchboard",
    aud: "switchboard-api",
    exp: Math.floor(Date.now() / 1000) + 600,
  });
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const me = (token: string) => api.request("GET", "/api/auth/me", { token });

  test("is rejected if it is forged", async () => {
    const user = await api.user({ password });
    const honest = await logIn(user.email);
    const { kid = "" } = jose.decodeProtectedHeader(honest);
    const [row] = await api.db.sql<{ jwk: jose.JWK }[]>`select public_jwk as jwk from signing_keys where kid = ${kid}`;
    const publicKey = row?.jwk ?? {};
    const strange = await jose.generateKeyPair("EdDSA", { crv: "Ed25519" });
    const sign = (header: jose.JWTHeaderParameters, payload: jose.JWTPayload = claims(user.id)) =>
      new jose.SignJWT(payload).setProtectedHeader(header).sign(strange.privateKey);
    const hmac = (secret: string | Buffer, alg = "HS256") => {
      const input = `${encode({ alg, kid, typ: "JWT" })}.${encode(claims(user.id))}`;
      return `${input}.${createHmac("sha256", secret).update(input).digest("base64url")}`;
    };
    const pem = await jose.exportSPKI(
      (await jose.importJWK(publicKey, "EdDSA", { extractable: true })) as jose.CryptoKey,
    );
    const [header, payload, signature] = honest.split(".");
    const forged = {
      "alg none": `${encode({ alg: "none", kid })}.${encode(claims(user.id))}.`,
      "alg none with our signature": `${encode({ alg: "none", kid })}.${payload}.${signature}`,
      "a wrong key": await sign({ alg: "EdDSA", kid }),
      "a wrong kid": await sign({ alg: "EdDSA", kid: randomUUID() }),
      "no kid": await sign({ alg: "EdDSA" }),
      "a kid that is a path": await sign({ alg: "EdDSA", kid: "../../etc/passwd" }),
      "its own key in the header": await sign({
        alg: "EdDSA",
        kid,
        jwk: await jose.exportJWK(strange.publicKey),
      } as jose.JWTHeaderParameters),
      "HS256 with the public key as PEM": hmac(pem),
      "HS256 with the public key's bytes": hmac(Buffer.from(publicKey.x ?? "", "base64url")),
      "HS256 with the public JWK": hmac(JSON.stringify(publicKey)),
      "another payload": `${header}.${encode(claims(randomUUID()))}.${signature}`,
      "a cut signature": `${header}.${payload}.${signature?.slice(0, -4)}`,
      "no structure": "x.y.z",
      "one character": "x",
    };
    for (const [how, token] of Object.entries(forged)) {
      const answer = await me(token);
      expect({ how, status: answer.status, code: answer.body.code }).toEqual({
        how,
        status: 401,
        code: "invalid_credentials",
      });
    }
    expect((await me(honest)).status).toBe(200);
  });

  test("is rejected for another audience or issuer, or without an expiry", async () => {
    const user = await api.user({ password });
    const { kid = "" } = jose.decodeProtectedHeader(await logIn(user.email));
    const [row] = await api.db.sql<{ sealed: Buffer }[]>`
      select private_ciphertext as sealed from signing_keys where kid = ${kid}`;
    const jwk = JSON.parse(api.vault.open(row?.sealed ?? Buffer.alloc(0), `signing-key:${kid}`).toString());
    const key = await jose.importJWK(jwk, "EdDSA");
    const { exp: _exp, ...endless } = claims(user.id);
    const header = { alg: "EdDSA", kid };
    const sign = (payload: jose.JWTPayload) => new jose.SignJWT(payload).setProtectedHeader(header).sign(key);
    expect((await me(await sign(claims(user.id)))).status).toBe(200);
    for (const payload of [{ ...claims(user.id), aud: "other" }, { ...claims(user.id), iss: "other" }, endless]) {
      expect(await me(await sign(payload))).toMatchObject({ status: 401, body: { code: "invalid_credentials" } });
    }
  });

  test("stays valid when the signing key is rotated, and the new key signs later tokens", async () => {
    const user = await api.user({ password });
    const old = await logIn(user.email);
    const kid = await rotateSigningKey(api.deps, api.vault);
    expect((await me(old)).status).toBe(200);
    // A new process, such as a new Lambda instance, uses the new key at once.
    const tokens = createTokens(api.deps);
    const { token } = await login({ ...api.deps, tokens }, { email: user.email, password });
    expect(jose.decodeProtectedHeader(token).kid).toBe(kid);
    api.deps.clock.advance(2_000);
    expect((await me(token)).status).toBe(200);
  });

  test("expires after an hour", async () => {
    const user = await api.user({ password });
    const token = await logIn(user.email);
    api.deps.clock.advance(59 * 60_000);
    expect((await me(token)).status).toBe(200);
    api.deps.clock.advance(2 * 60_000);
    const answer = await me(token);
    expect(answer).toMatchObject({ status: 401, body: { code: "expired_token" } });
    expect(answer.headers.get("www-authenticate")).toBe("Bearer");
  });

  test("is signed with one key when several processes start at once", async () => {
    await api.db.sql`delete from signing_keys`;
    const user = await api.user();
    await Promise.all([1, 2, 3].map(() => createTokens(api.deps).issue(api.vault, user.id)));
    const [row] = await api.db.sql<{ count: number }[]>`select count(*)::int as count from signing_keys`;
    expect(row?.count).toBe(1);
  });
});

describe("an API key", () => {
  const me = (key: string) => api.request("GET", "/api/auth/me", { key });

  test("is stored as a hash and as ciphertext that decrypts only in its own row", async () => {
    const user = await api.user();
    const [row] = await api.db.sql<{ id: string; hash: Buffer; ciphertext: Buffer }[]>`
      select id, hash, ciphertext from api_keys where user_id = ${user.id}`;
    if (!row) throw new Error("the key is not stored");
    expect(row.ciphertext.includes(user.key)).toBe(false);
    expect(api.vault.open(row.ciphertext, `api-key:${row.id}`).toString()).toBe(user.key);
    expect(() => api.vault.open(row.ciphertext, `api-key:${randomUUID()}`)).toThrow();
  });

  test("works until it expires or its user revokes the key", async () => {
    const user = await api.user();
    const expiresAt = new Date(api.deps.clock.now().getTime() + 60_000);
    const passing = await createApiKey(api.deps, { userId: user.id, name: "x", permissions: ["read"], expiresAt });
    expect((await me(passing.key)).status).toBe(200);
    api.deps.clock.advance(61_000);
    expect(await me(passing.key)).toMatchObject({ status: 401, body: { code: "invalid_credentials" } });
    const revoked = await createApiKey(api.deps, { userId: user.id, name: "x", permissions: ["read"] });
    expect(await revokeApiKey(api.deps, { userId: randomUUID(), keyId: revoked.id })).toBe(false);
    expect((await me(revoked.key)).status).toBe(200);
    expect(await revokeApiKey(api.deps, { userId: user.id, keyId: revoked.id })).toBe(true);
    expect(await me(revoked.key)).toMatchObject({ status: 401, body: { code: "invalid_credentials" } });
  });

  test("with IP ranges works only from those ranges, whatever headers the request has", async () => {
    const user = await api.user();
    const keyFor = async (ipRanges: string[]) =>
      (await createApiKey(api.deps, { userId: user.id, name: "x", permissions: ["read"], ipRanges })).key;
    expect((await me(await keyFor(["10.0.0.0/8", "127.0.0.0/8"]))).status).toBe(200);
    const elsewhere = await keyFor(["203.0.113.0/24", "2001:db8::/32"]);
    const headers = { "x-forwarded-for": "203.0.113.5", "x-real-ip": "203.0.113.5", forwarded: "for=203.0.113.5" };
    const answer = await api.request("GET", "/api/auth/me", { key: elsewhere, headers });
    expect(answer).toMatchObject({ status: 403, body: { code: "ip_not_allowed" } });
  });

  test("permits only the operations of its permissions, within its user's role", async () => {
    const user = await api.user();
    const reader = await createApiKey(api.deps, { userId: user.id, name: "r", permissions: ["read"] });
    const instance = await api.instance(user.key);
    expect((await api.request("GET", `/api/instances/${instance}`, { key: reader.key })).status).toBe(200);
    for (const [method, path] of [
      ["POST", "/api/instances"],
      ["PUT", `/api/instances/${instance}`],
      ["DELETE", `/api/instances/${instance}`],
      ["POST", "/api/auth/generate-key"],
    ] as const) {
      const answer = await api.request(method, path, { key: reader.key, body: { name: "x" } });
      expect(answer).toMatchObject({ status: 403, body: { code: "forbidden" } });
    }
    // The `admin` permission has no effect on the key of a user who isn't an admin.
    const escalating = await createApiKey(api.deps, {
      userId: user.id,
      name: "a",
      permissions: ["read", "write", "admin"],
    });
    const other = await api.instance((await api.user()).key);
    expect((await api.request("GET", `/api/instances/${other}`, { key: escalating.key })).status).toBe(403);
  });

  test("of an admin reaches every user's instances", async () => {
    const admin = await api.user({ role: "admin" });
    const instance = await api.instance((await api.user()).key);
    expect((await api.request("GET", `/api/instances/${instance}`, { key: admin.key })).status).toBe(200);
  });

  test("creates keys with at most its own permissions, IP ranges and lifetime", async () => {
    const user = await api.user();
    const expiresAt = new Date(api.deps.clock.now().getTime() + 3_600_000);
    const narrow = {
      userId: user.id,
      name: "narrow",
      permissions: ["write" as const, "account" as const],
      ipRanges: ["127.0.0.1/32"],
      expiresAt,
    };
    const { key } = await createApiKey(api.deps, narrow);
    const { body } = await api.request("POST", "/api/auth/generate-key", { key, body: { name: "child" } });
    expect(body.data.permissions).toEqual(["write"]);
    const [row] = await api.db.sql<{ user_id: string; ip_ranges: string[]; expires_at: string | Date }[]>`
      select user_id, ip_ranges, expires_at from api_keys where user_id = ${user.id} and name = 'child'`;
    expect(row).toMatchObject({ user_id: user.id, ip_ranges: ["127.0.0.1/32"] });
    expect(new Date(row?.expires_at ?? 0)).toEqual(expiresAt);
  });

  test("records its last use once a minute without delaying requests", async () => {
    const user = await api.user();
    const lastUse = async () =>
      (
        await api.db.sql<
          { at: string | null }[]
        >`select last_used_at::text as at from api_keys where user_id = ${user.id}`
      )[0]?.at;
    await me(user.key);
    const first = await lastUse();
    expect(first).not.toBeNull();
    api.deps.clock.advance(30_000);
    await me(user.key);
    expect(await lastUse()).toBe(first);
    api.deps.clock.advance(31_000);
    await api.db.sql.begin(async (sql) => {
      await sql`select 1 from api_keys where user_id = ${user.id} for update`;
      expect((await me(user.key)).status).toBe(200);
    });
    expect(await lastUse()).toBe(first);
    await me(user.key);
    expect(await lastUse()).not.toBe(first);
  });
});

test("the first admin has the configured email address and password", async () => {
  const other = await startApi();
  onTestFinished(() => other.stop());
  const wanted = { email: "Boss@example.com", password };
  const created = await ensureFirstAdmin(other.deps, wanted);
  expect(created).toMatchObject({ user: { email: "boss@example.com", role: "admin" }, generatedPassword: null });
  const { token } = (await other.request("POST", "/api/auth/login", { body: wanted })).body;
  expect((await other.request("GET", "/api/users?search=boss", { token })).body.users).toHaveLength(1);
  expect(await ensureFirstAdmin(other.deps, { email: "other@example.com", password })).toBeNull();
}, 60_000);

test("ADMIN_RESET gives an admin access again who is locked out in every way", async () => {
  const other = await startApi();
  onTestFinished(() => other.stop());
  const wanted = { email: "boss@example.com", password };
  const first = await ensureFirstAdmin(other.deps, wanted);
  const id = first?.user.id ?? "";
  const token = (await other.request("POST", "/api/auth/login", { body: wanted })).body.token;
  await other.db
    .sql`update users set role = 'user', disabled_at = now(), ip_ranges = '["203.0.113.1/32"]' where id = ${id}`;
  await other.db.sql`update api_keys set revoked_at = now()`;
  for (let i = 0; i < 6; i++) await other.request("POST", "/api/auth/login", { body: wanted });
  const reset = await resetAdmin(other.deps, { email: "Boss@Example.com" });
  expect(reset).toMatchObject({ reset: true, user: { id, role: "admin" } });
  const { key } = reset.apiKey;
  expect((await other.request("GET", "/api/users", { key })).status).toBe(200);
  const again = { email: wanted.email, password: reset.generatedPassword ?? "" };
  expect((await other.request("POST", "/api/auth/login", { body: again })).status).toBe(200);
  expect((await other.request("POST", "/api/auth/login", { body: wanted })).status).toBe(401);
  expect((await other.request("GET", "/api/auth/me", { token })).status).toBe(401);
  // A second reset replaces the key of the first one.
  const second = await resetAdmin(other.deps, wanted);
  expect(second.generatedPassword).toBeNull();
  expect((await other.request("GET", "/api/auth/me", { key })).status).toBe(401);
  expect((await other.request("POST", "/api/auth/login", { body: wanted })).status).toBe(200);
  // Without such a user, it creates one.
  const created = await resetAdmin(other.deps, { email: "new@example.com" });
  expect(created).toMatchObject({ reset: false, user: { email: "new@example.com", role: "admin" } });
}, 60_000);

test("an unknown Authorization scheme does not hide the API key", async () => {
  const user = await api.user();
  const headers = { authorization: "Basic cHJveHk6cHJveHk=" };
  expect((await api.request("GET", "/api/auth/me", { key: user.key, headers })).status).toBe(200);
  expect(await api.request("GET", "/api/auth/me", { headers })).toMatchObject({
    status: 401,
    body: { code: "missing_credentials" },
  });
});

// Concurrent requests share the statement that reads their keys and instances.
describe("under concurrent requests", () => {
  const path = (id: string) => `/api/whatsapp/${id}/status`;
  const text = { phone: "4915550000001", message: "hello" };
  const send = (id: string, key: string) => api.request("POST", `/api/whatsapp/${id}/send`, { key, body: text });

  test.each([
    [
      "a revoked key",
      { status: 401, body: { code: "invalid_credentials" } },
      (user: { id: string }) => api.db.sql`update api_keys set revoked_at = now() where user_id = ${user.id}`,
    ],
    [
      "a disabled user",
      { status: 401, body: { code: "invalid_credentials" } },
      (user: { id: string }) => api.db.sql`update users set disabled_at = now() where id = ${user.id}`,
    ],
    [
      "a key that becomes limited",
      { status: 403, body: { code: "forbidden" } },
      (user: { id: string }) =>
        api.db
          .sql`update api_keys set instances = ${JSON.stringify([randomUUID()])}::text::jsonb where user_id = ${user.id}`,
    ],
    [
      "a deleted instance",
      { status: 404, body: { code: "instance_not_found" } },
      (_: unknown, id: string) => api.db.sql`update instances set deleted_at = now() where id = ${id}`,
    ],
    [
      "an instance that loses its connection",
      { status: 409, body: { code: "instance_not_connected" } },
      (_: unknown, id: string) => api.db.sql`update instances set status = 'logged_out' where id = ${id}`,
    ],
  ])("%s counts for every request that begins afterwards", async (_, refused, change) => {
    const [user, other] = [await api.user(), await api.user()];
    const id = await api.instance(user.key, "connected");
    const own = await api.instance(other.key, "connected");
    let isChanged = false;
    const load = Array.from({ length: 6 }, async () => {
      const statuses: number[] = [];
      while (!isChanged) statuses.push((await send(own, other.key)).status, (await send(id, user.key)).status);
      return statuses;
    });
    await until(async () => (await api.db.sql`select from commands where instance_id = ${id}`).length > 0 || undefined);
    await change(user, id);
    const answers = await Promise.all(Array.from({ length: 12 }, () => send(id, user.key)));
    isChanged = true;
    for (const answer of answers) expect(answer).toMatchObject(refused);
    for (const status of (await Promise.all(load)).flat()) expect([200, refused.status]).toContain(status);
    // The other user's requests share the statements, and nothing else.
    expect((await send(own, other.key)).status).toBe(200);
  });

  test("each request gets its own instance, and nobody else's", async () => {
    const users = await Promise.all(Array.from({ length: 6 }, () => api.user()));
    const ids = await Promise.all(users.map(({ key }) => api.instance(key, "connected")));
    const answers = await Promise.all(
      users.flatMap(({ key }, reader) =>
        ids.map(async (id, owner) => [reader === owner, (await api.request("GET", path(id), { key })).status]),
      ),
    );
    for (const [isOwn, status] of answers) expect(status).toBe(isOwn ? 200 : 403);
    const [missing, malformed] = await Promise.all(
      [randomUUID(), "no-id"].map((id) => api.request("GET", path(id), { key: users[0]?.key ?? "" })),
    );
    expect([missing?.status, malformed?.status]).toEqual([404, 404]);
  });
});
