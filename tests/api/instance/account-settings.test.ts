import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startApi, type TestApi } from "../../support/api/api.ts";

let api: TestApi;
let key: string;
let userId: string;
beforeAll(async () => {
  api = await startApi();
  ({ key, id: userId } = await api.user());
}, 60_000);
afterAll(() => api?.stop());

const request = (method: string, path: string, body?: unknown, as = key) =>
  api.request(method, path, { key: as, body });

/** Creates, changes and reads an instance in each dialect. */
const dialects = {
  "multi-instance": {
    create: async (body: object) => request("POST", "/api/instances", { name: "one", ...body }),
    update: (id: string, body: object) => request("PUT", `/api/instances/${id}`, body),
    read: async (id: string) => (await request("GET", `/api/instances/${id}`)).body,
    of: (body: Record<string, unknown>) => body,
  },
  gateway: {
    create: async (body: object) => request("POST", "/api/instance/create", { name: "one", ...body }),
    update: (id: string, body: object) => request("PUT", `/api/instance/${id}`, body),
    read: async (id: string) => (await request("GET", `/api/instance/${id}/status`)).body.data,
    of: (body: Record<string, unknown>) => body.data as Record<string, unknown>,
  },
};

describe.each(Object.entries(dialects))("an instance in the %s dialect", (_name, { create, update, read, of }) => {
  test("gets another webhook and event queue, which null removes, and an omitted one stays", async () => {
    const id = String(of((await create({})).body).id);
    const set = { webhookUrl: "https://example.com/second", eventQueue: `switchboard-events-${userId}.fifo` };
    expect((await update(id, { ...set, webhookSecret: "hush" })).status).toBe(200);
    await update(id, { name: "Renamed" });
    expect(await read(id)).toMatchObject(set);
    await update(id, { webhookUrl: null, eventQueue: "", webhookSecret: null });
    expect(await read(id)).toMatchObject({ webhookUrl: null, eventQueue: null });
  });

  test("imports no history and has no retention of its own by default", async () => {
    const created = of((await create({})).body);
    expect(created).toMatchObject({ history: "none", retention: null });
    expect(await read(created.id as string)).toMatchObject({ history: "none", retention: null });
  });

  test("gets and changes its history and its retention, and keeps what a request omits", async () => {
    const created = of((await create({ history: "recent", retention: { messages: 90 } })).body);
    expect(created).toMatchObject({ history: "recent", retention: { messages: 90 } });
    const id = created.id as string;
    const changed = await update(id, { history: "full" });
    expect(of(changed.body)).toMatchObject({ history: "full", retention: { messages: 90 } });
    await update(id, { retention: { files: 7, events: 1, deliveries: 2 } });
    expect(await read(id)).toMatchObject({ history: "full", retention: { files: 7, events: 1, deliveries: 2 } });
    await update(id, { retention: null, history: null });
    expect(await read(id)).toMatchObject({ history: "none", retention: null });
  });

  test("has a pace that limits only new contacts unless a request sets one, and null restores it", async () => {
    const initial = { perMinute: null, newContactsPerDay: 250, minGapMs: 0, jitter: 0.3, typing: false };
    const created = of((await create({})).body);
    expect(created.pace).toEqual(initial);
    const id = created.id as string;
    await update(id, { pace: { perMinute: 20, newContactsPerDay: 50, typing: true } });
    expect((await read(id)).pace).toEqual({ ...initial, perMinute: 20, newContactsPerDay: 50, typing: true });
    await update(id, { pace: { newContactsPerDay: null } });
    expect((await read(id)).pace).toEqual({ ...initial, newContactsPerDay: null });
    await update(id, { pace: null });
    expect((await read(id)).pace).toEqual(initial);
    expect((await update(id, { pace: { perMinute: 0 } })).status).toBe(400);
    expect((await update(id, { pace: { perHour: 1 } })).status).toBe(400);
  });

  test("has default account settings unless a request sets them, and null restores the default", async () => {
    const initial = { presence: "unavailable", proxy: null, deviceName: null };
    const created = of((await create({})).body);
    expect(created).toMatchObject(initial);
    const id = created.id as string;
    const set = { presence: "available", proxy: "socks5://10.0.0.1.example:1080", deviceName: "Front desk" };
    expect(of((await update(id, set)).body)).toMatchObject(set);
    expect(of((await update(id, { name: "two" })).body)).toMatchObject(set);
    expect(await read(id)).toMatchObject(set);
    expect(of((await update(id, { presence: null, proxy: null, deviceName: null })).body)).toMatchObject(initial);
    expect(await read(id)).toMatchObject(initial);
  });

  test("restarts the session for a presence, a proxy or a password that changes, and not for other changes", async () => {
    const id = of((await create({ proxy: "http://user:one@proxy.example.com" })).body).id as string;
    const restarts = async () =>
      (await api.db.sql`select from commands where instance_id = ${id} and name = 'instance.restart'`).length;
    await update(id, { name: "two", history: "recent", presence: "unavailable", ignore: { groups: true } });
    await update(id, { proxy: "http://user@proxy.example.com:80" });
    expect(await restarts()).toBe(0);
    await update(id, { presence: "available" });
    expect(await restarts()).toBe(1);
    await update(id, { proxy: "http://user:one@proxy.example.com/" });
    expect(await restarts()).toBe(1);
    await update(id, { proxy: "http://user:two@proxy.example.com" });
    expect(await restarts()).toBe(2);
    await update(id, { proxy: null });
    expect(await restarts()).toBe(3);
    await api.db.sql`update instances set desired = 'stopped' where id = ${id}`;
    await update(id, { presence: null });
    expect(await restarts()).toBe(3);
  });

  test("encrypts the password of its proxy, never shows it, and keeps it for the URL that it shows", async () => {
    const created = of((await create({ proxy: "http://user%40eu:s%3Ac-r-e-t@proxy.example.com:8080" })).body);
    const id = created.id as string;
    const proxy = "http://user%40eu@proxy.example.com:8080";
    const password = async () => {
      const [row] = await api.db.sql`select proxy, proxy_password from instances where id = ${id}`;
      expect(row?.proxy).not.toContain("c-r-e-t");
      return row?.proxy_password && api.vault.open(row.proxy_password, `proxy-password:${id}`).toString();
    };
    expect(created.proxy).toBe(proxy);
    expect(JSON.stringify(await read(id))).not.toContain("c-r-e-t");
    expect(await password()).toBe("s:c-r-e-t");
    await update(id, { proxy });
    expect(await password()).toBe("s:c-r-e-t");
    expect(of((await update(id, { proxy: "http://user%40eu@proxy.example.org:8080" })).body)).toMatchObject({
      proxy: "http://user%40eu@proxy.example.org:8080",
    });
    expect(await password()).toBeNull();
    const [logged] = await api.db.sql`
      select jsonb_agg(details order by created_at)::text as text from activities where instance_id = ${id}`;
    expect(logged?.text).not.toContain("c-r-e-t");
  });

  test.each([
    "http://127.0.0.1:8080",
    "https://localhost",
    "socks5://[::1]:1080",
    "socks5://169.254.169.254",
    "socks5://0x7f.1",
  ])("rejects the internal proxy %s", async (proxy) => {
    expect(await create({ proxy })).toMatchObject({ status: 400, body: { code: "url_not_allowed" } });
    const id = of((await create({})).body).id as string;
    expect(await update(id, { proxy })).toMatchObject({ status: 400, body: { code: "url_not_allowed" } });
  });

  test.each([
    ["ftp://proxy.example.com", "must be an http, https or socks5 URL"],
    ["http://proxy.example.com/path", "must not have a path or a query"],
    ["http://proxy.example.com:0", "must not have the port 0"],
    ["socks5://proxy.example.com:25", "must not have the port 25"],
    ["http://:secret@proxy.example.com", "must have a user name if it has a password"],
  ])("rejects the proxy %s, and says why", async (proxy, text) => {
    expect(JSON.stringify((await create({ proxy })).body)).toContain(text);
  });

  test.each([
    [{ presence: "online" }],
    [{ proxy: "proxy.example.com:8080" }],
    [{ proxy: "ftp://proxy.example.com" }],
    [{ proxy: "socks4://proxy.example.com" }],
    [{ proxy: "http://proxy.example.com/path" }],
    [{ proxy: "http://proxy.example.com:25" }],
    [{ proxy: "http://:secret@proxy.example.com" }],
    [{ proxy: `http://${"u".repeat(256)}@proxy.example.com` }],
    [{ proxy: "http://a%3Ab:secret@proxy.example.com" }],
    [{ proxy: "http://user:%ff@proxy.example.com" }],
    [{ deviceName: "x".repeat(51) }],
    [{ deviceName: "two\nlines" }],
    [{ deviceName: "\ud800" }],
    [{ history: "all" }],
    [{ history: "" }],
    [{ retention: { messages: 0 } }],
    [{ retention: { messages: 1.5 } }],
    [{ retention: { files: 36_501 } }],
    [{ retention: { chats: 1 } }],
    [{ retention: "30" }],
  ])("rejects %j", async (body) => {
    expect(await create(body)).toMatchObject({ status: 400, body: { code: "invalid_request" } });
  });
});

test("users change their own retention, and admins that of any user", async () => {
  const me = () => request("GET", "/api/auth/me");
  expect((await me()).body).toMatchObject({ retention: null });
  expect(await request("PUT", "/api/auth/me", { retention: { messages: 30 } })).toMatchObject({ status: 200 });
  expect((await me()).body).toMatchObject({ retention: { messages: 30 } });
  const admin = await api.user({ role: "admin" });
  const changed = await request("PUT", `/api/users/${userId}`, { retention: { events: 3 } }, admin.key);
  expect(changed).toMatchObject({ status: 200, body: { retention: { events: 3 } } });
  expect((await me()).body).toMatchObject({ retention: { events: 3 } });
  expect(await request("PUT", "/api/auth/me", { retention: { events: 0 } })).toMatchObject({ status: 400 });
});
