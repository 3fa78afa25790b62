import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { prune } from "../../../core/db/prune.ts";
import { createTokens, login } from "../../../core/user/index.ts";
import {
  accountDelaySeconds,
  accountFailures,
  countAttempt,
  ipFailures,
  pairFailures,
} from "../../../core/user/throttle.ts";
import { password, startApi, type TestApi } from "../../support/api/api.ts";

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
}, 60_000);
afterAll(() => api?.stop());
// All tests send from one IP address.
beforeEach(async () => {
  await api.db.sql`delete from login_failures`;
  await api.db.sql`delete from known_logins`;
});

/** The address from which the tests send requests. */
const here = "127.0.0.1";
const minutes = 60_000;
const anyEmail = () => `${randomUUID()}@example.com`;
const attempt = (email: string, given: string) =>
  api.request("POST", "/api/auth/login", { body: { email, password: given } });
const statuses = (answers: { status: number }[]) => answers.map(({ status }) => status).sort();

/** Counts an attempt without the work of hashing. Returns `counted`, or the seconds to wait. */
const countOrWait = (email: string, ip: string | undefined) =>
  countAttempt(api.deps, { email, ip }).then(
    () => "counted" as const,
    (error) => Number(error.data.retryAfter),
  );

test("concurrent guesses do not exceed the limit, and the right password is rejected during a block", async () => {
  const { email } = await api.user({ password });
  const guesses = await Promise.all(Array.from({ length: pairFailures + 3 }, () => attempt(email, "wrong")));
  expect(statuses(guesses)).toEqual([...Array(pairFailures).fill(401), 429, 429, 429]);
  const refused = await attempt(email.toUpperCase(), password);
  expect(refused).toMatchObject({ status: 429, body: { code: "rate_limited" } });
  const seconds = Number(refused.headers.get("retry-after"));
  expect(seconds).toBeGreaterThan(0);
  expect(seconds).toBeLessThanOrEqual(60);
  expect(refused.body.retryAfter).toBe(seconds);
  // Other users can still log in from the same address.
  const other = await api.user({ password });
  expect((await attempt(other.email, password)).status).toBe(200);
  api.deps.clock.advance(1 * minutes);
  expect((await attempt(email, password)).status).toBe(200);
});

test("an account that does not exist is blocked like an existing account", async () => {
  const unknown = anyEmail();
  const known = (await api.user({ password })).email;
  for (const email of [unknown, known]) for (let i = 0; i < pairFailures; i++) await countOrWait(email, here);
  const [one, other] = [await attempt(unknown, "wrong"), await attempt(known, "wrong")];
  const comparable = ({ status, body }: typeof one) => ({ status, ...body, retryAfter: 0, detail: "" });
  expect(comparable(one)).toEqual(comparable(other));
  expect(one.body.detail.replace(/\d+/, "")).toBe(other.body.detail.replace(/\d+/, ""));
});

test("each failure after a block doubles the next block, up to 15 minutes", async () => {
  const email = anyEmail();
  for (let i = 0; i < pairFailures; i++) expect(await countOrWait(email, undefined)).toBe("counted");
  for (const wait of [60, 120, 240, 480, 900, 900]) {
    const left = Number(await countOrWait(email, undefined));
    expect(left).toBeGreaterThan(wait / 2);
    expect(left).toBeLessThanOrEqual(wait);
    api.deps.clock.advance(left * 1000);
    expect(await countOrWait(email, undefined)).toBe("counted");
  }
  // 15 minutes after the last block, the failures are forgotten.
  api.deps.clock.advance(30 * minutes);
  for (let i = 0; i < pairFailures; i++) expect(await countOrWait(email, undefined)).toBe("counted");
});

test("failures further apart than the window do not add up", async () => {
  const email = anyEmail();
  for (let i = 0; i < pairFailures * 2; i++) {
    expect(await countOrWait(email, undefined)).toBe("counted");
    api.deps.clock.advance(4 * minutes);
  }
});

test("a successful login clears the failures of the account", async () => {
  const { email } = await api.user({ password });
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < pairFailures - 1; i++) expect(await countOrWait(email, here)).toBe("counted");
    expect((await attempt(email, password)).status).toBe(200);
  }
});

test("an address that guesses at many accounts is blocked and no longer counts against any account", async () => {
  const ip = "203.0.113.7";
  const accounts = Array.from({ length: ipFailures }, anyEmail);
  const together = await Promise.all([...accounts, anyEmail(), anyEmail()].map((email) => countOrWait(email, ip)));
  expect(together.filter((one) => one === "counted")).toHaveLength(ipFailures);
  const victim = anyEmail();
  for (let i = 0; i < pairFailures; i++) expect(await countOrWait(victim, ip)).toBeGreaterThan(0);
  expect(await countOrWait(victim, "203.0.113.8")).toBe("counted");
});

test("users behind one address who know their passwords are not blocked", async () => {
  const ip = "198.51.100.1";
  const { id, email } = await api.user();
  for (let i = 0; i < ipFailures * 2; i++) {
    const recordSuccess = await countAttempt(api.deps, { email, ip });
    await recordSuccess({ id });
  }
  // A correct password from an address with failures is not a failure, but it doesn't clear the earlier failures.
  for (let i = 0; i < ipFailures; i++) await countOrWait(anyEmail(), ip);
  api.deps.clock.advance(1 * minutes);
  await api.db.sql`delete from known_logins`;
  await (await countAttempt(api.deps, { email, ip }))({ id });
  expect(await countOrWait(anyEmail(), ip)).toBe("counted");
  expect(await countOrWait(anyEmail(), ip)).toBeGreaterThan(60);
});

/** Counts a failure of the account from an address that nobody else uses. */
const fromElsewhere = (email: string, index: number) =>
  countOrWait(email, `203.0.${Math.floor(index / 250)}.${index % 250}`);

test("guesses from many addresses are spaced for an account but never block it", async () => {
  const { email } = await api.user({ password });
  let index = 0;
  while (index < accountFailures) expect(await fromElsewhere(email, index++)).toBe("counted");
  for (let round = 0; round < 40; round++) {
    const wait = Number(await fromElsewhere(email, index++));
    expect(wait).toBeGreaterThan(0);
    expect(wait).toBeLessThanOrEqual(accountDelaySeconds);
    api.deps.clock.advance(accountDelaySeconds * 1000);
    expect(await fromElsewhere(email, index++)).toBe("counted");
  }
  // The owner waits as long as a stranger, also from an address without earlier logins.
  api.deps.clock.advance(accountDelaySeconds * 1000);
  expect((await attempt(email, password)).status).toBe(200);
});

test("strangers don't delay the owner at an address from which the owner has logged in", async () => {
  const { email } = await api.user({ password });
  expect((await attempt(email, password)).status).toBe(200);
  for (let i = 0; i < accountFailures + 1; i++) await fromElsewhere(email, i);
  expect(await fromElsewhere(email, 100)).toBeGreaterThan(0);
  expect((await attempt(email, password)).status).toBe(200);
  // Neither do guesses at other accounts from the same address.
  for (let i = 0; i < ipFailures + 1; i++) await countOrWait(anyEmail(), here);
  expect(await countOrWait(anyEmail(), here)).toBeGreaterThan(0);
  expect((await attempt(email, password)).status).toBe(200);
  // Guesses at this account from the address itself are limited.
  for (let i = 0; i < pairFailures; i++) expect((await attempt(email, "wrong")).status).toBe(401);
  expect((await attempt(email, password)).status).toBe(429);
});

test("an address is known for 90 days after the last login, and only to its user", async () => {
  const { id, email } = await api.user();
  const ip = "198.51.100.20";
  const other = (await api.user()).email;
  for (const one of [email, other]) for (let i = 0; i < accountFailures + 1; i++) await fromElsewhere(one, i);
  api.deps.clock.advance(accountDelaySeconds * 1000);
  await (await countAttempt(api.deps, { email, ip }))({ id });
  for (const one of [email, other]) await fromElsewhere(one, 150);
  expect(await countOrWait(email, ip)).toBe("counted");
  expect(await countOrWait(other, ip)).toBeGreaterThan(0);
  api.deps.clock.advance(91 * 24 * 60 * minutes);
  for (let i = 0; i < accountFailures + 1; i++) await fromElsewhere(email, i);
  expect(await countOrWait(email, ip)).toBeGreaterThan(0);
  expect(await prune(api.deps, 10_000)).toMatchObject({ known_logins: 1 });
});

test("an IPv6 /64 counts as one address, and so do both spellings of an IPv4 address", async () => {
  for (let i = 0; i < ipFailures; i++) await countOrWait(anyEmail(), `2001:db8:1:2::${i.toString(16)}`);
  expect(await countOrWait(anyEmail(), "2001:db8:1:2:ffff::1")).toBeGreaterThan(0);
  expect(await countOrWait(anyEmail(), "2001:db8:1:3::1")).toBe("counted");
  for (let i = 0; i < ipFailures; i++) await countOrWait(anyEmail(), "192.0.2.1");
  expect(await countOrWait(anyEmail(), "::ffff:192.0.2.1")).toBeGreaterThan(0);
});

test("wrong current passwords count like failed logins", async () => {
  const user = await api.user({ password });
  const change = (currentPassword: string) =>
    api.request("POST", "/api/auth/change-password", {
      key: user.key,
      body: { currentPassword, newPassword: "another long password" },
    });
  for (let i = 0; i < pairFailures - 1; i++) await countOrWait(user.email, here);
  expect(await change("wrong")).toMatchObject({ status: 401, body: { code: "invalid_credentials" } });
  expect(await change(password)).toMatchObject({ status: 429, body: { code: "rate_limited" } });
  expect((await attempt(user.email, password)).status).toBe(429);
  const tokens = createTokens(api.deps);
  await expect(login({ ...api.deps, tokens }, { email: user.email, password, ip: here })).rejects.toMatchObject({
    code: "rate_limited",
  });
});

test("failures are stored without plaintext email or IP addresses, and are pruned when old and without an active block", async () => {
  const email = anyEmail();
  for (let i = 0; i < pairFailures; i++) await countOrWait(email, "192.0.2.9");
  const kept = JSON.stringify(await api.db.sql`select encode(subject, 'escape') as subject from login_failures`);
  expect(kept).not.toMatch(/example|192\.0\.2\.9/);
  await api.db.sql`update login_failures set since = since - interval '2 hours' where blocked_until is not null`;
  expect(await prune(api.deps, 10_000)).toEqual({});
  api.deps.clock.advance(120 * minutes);
  expect(await prune(api.deps, 10_000)).toEqual({ login_failures: 3 });
});
