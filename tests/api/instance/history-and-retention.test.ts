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
    await update(id, { retention: null });
    expect(await read(id)).toMatchObject({ history: "full", retention: null });
  });

  test.each([
    [{ history: "all" }],
    [{ history: null }],
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
