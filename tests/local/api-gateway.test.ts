import { request as httpRequest, type IncomingMessage } from "node:http";
import { gzipSync } from "node:zlib";
import type { APIGatewayProxyEventV2, Context } from "aws-lambda";
import { Hono } from "hono";
import { handle } from "hono/aws-lambda";
import { expect, onTestFinished, test, vi } from "vitest";
import { type ApiGatewayOptions, type ApiHandler, startApiGateway } from "../../local/lambda/api-gateway.ts";

// The tests use real servers, which are slow on a busy machine.
vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

async function gateway(handler: ApiHandler, more: Partial<ApiGatewayOptions> = {}) {
  const errors: unknown[] = [];
  const api = await startApiGateway({ handler, port: 0, onError: (error) => errors.push(error), ...more });
  onTestFinished(api.stop);
  return { ...api, errors };
}

/** Starts a gateway that keeps the last event and responds with 200. */
async function recorder() {
  const seen: { event?: APIGatewayProxyEventV2; context?: Context } = {};
  const api = await gateway(async (event, context) => {
    Object.assign(seen, { event, context });
    return { statusCode: 200, body: "ok" };
  });
  return { api, seen };
}

test("a request becomes an event of payload format 2.0", async () => {
  const { api, seen } = await recorder();
  await fetch(`${api.url}/chats/a%40b.c/%C3%BC?x=1&x=2&y=a%20b&flag`, {
    method: "PATCH",
    headers: {
      "Content-Type": "application/json; charset=utf-8",
      "User-Agent": "test/1",
      "X-Forwarded-For": "9.9.9.9",
    },
    body: '{"text":"👍"}',
  });
  expect(seen.event).toMatchObject({
    version: "2.0",
    routeKey: "$default",
    rawPath: "/chats/a@b.c/ü",
    rawQueryString: "x=1&x=2&y=a%20b&flag",
    queryStringParameters: { x: "1,2", y: "a b", flag: "" },
    headers: { "content-type": "application/json; charset=utf-8", "x-forwarded-for": "9.9.9.9, 127.0.0.1" },
    body: '{"text":"👍"}',
    isBase64Encoded: false,
    requestContext: {
      http: {
        method: "PATCH",
        path: "/chats/a@b.c/ü",
        protocol: "HTTP/1.1",
        sourceIp: "127.0.0.1",
        userAgent: "test/1",
      },
      stage: "$default",
      time: expect.stringMatching(/^\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d \+0000$/),
      timeEpoch: expect.any(Number),
      requestId: expect.stringMatching(/.+/),
    },
  });
  expect(seen.context?.functionName).toBe("api");
  expect(seen.context?.awsRequestId).toMatch(/^[0-9a-f-]{36}$/);
  expect(seen.context?.getRemainingTimeInMillis()).toBeGreaterThan(20_000);
});

test("an event without addForwarded has only the forwarding headers that the client sent", async () => {
  const seen: APIGatewayProxyEventV2[] = [];
  const handler: ApiHandler = async (event) => {
    seen.push(event);
    return { statusCode: 200 };
  };
  const api = await gateway(handler, { addForwarded: false });
  await fetch(api.url);
  await fetch(api.url, { headers: { "X-Forwarded-For": "9.9.9.9", "X-Forwarded-Proto": "https" } });
  const forwarded = seen.map(({ headers }) =>
    Object.entries(headers).filter(([name]) => name.startsWith("x-forwarded")),
  );
  expect(forwarded.map((entries) => Object.fromEntries(entries))).toEqual([
    {},
    { "x-forwarded-for": "9.9.9.9", "x-forwarded-proto": "https" },
  ]);
});

test("repeated headers are joined by commas, and cookies are passed separately", async () => {
  const { api, seen } = await recorder();
  const headers = { "X-Many": ["a", "b"], Constructor: "c", Cookie: "one=1; two=2" };
  await raw(api.url, { headers });
  expect(seen.event?.headers["x-many"]).toBe("a,b");
  expect(seen.event?.headers.constructor).toBe("c");
  expect(seen.event?.cookies).toEqual(["one=1", "two=2"]);
  expect(seen.event?.headers.cookie).toBeUndefined();
  expect(seen.event?.body).toBeUndefined();
});

test("a binary body reaches the handler in base64", async () => {
  const { api, seen } = await recorder();
  const bytes = Buffer.from([0, 255, 128]);
  const cases: [body: Buffer, headers: Record<string, string>][] = [
    [bytes, { "content-type": "image/png" }],
    [Buffer.from("a=1"), { "content-type": "application/x-www-form-urlencoded" }],
    [gzipSync("{}"), { "content-type": "application/json", "content-encoding": "gzip" }],
  ];
  for (const [body, headers] of cases) {
    await fetch(api.url, { method: "POST", body: new Uint8Array(body), headers });
    expect(seen.event?.isBase64Encoded).toBe(true);
    expect(Buffer.from(seen.event?.body ?? "", "base64").equals(body)).toBe(true);
  }
});

test("the caller gets the handler's status, headers, cookies and decoded body", async () => {
  const bytes = Buffer.from([0, 255, 128]);
  const api = await gateway(async () => ({
    statusCode: 201,
    headers: { "Content-Type": "image/png", "X-Number": 5, Connection: "close" },
    cookies: ["a=1; Path=/", "b=2"],
    body: bytes.toString("base64"),
    isBase64Encoded: true,
  }));
  const response = await fetch(api.url);
  expect(response.status).toBe(201);
  expect(response.headers.get("content-type")).toBe("image/png");
  expect(response.headers.get("x-number")).toBe("5");
  expect(response.headers.get("apigw-requestid")).toBeTruthy();
  expect(response.headers.getSetCookie()).toEqual(["a=1; Path=/", "b=2"]);
  expect(Buffer.from(await response.arrayBuffer()).equals(bytes)).toBe(true);
});

test("a result without a status is sent as JSON with 200, and a result without a content type is sent as text", async () => {
  const json = await fetch((await gateway(async () => ({ hello: "world" }) as never)).url);
  expect([json.status, json.headers.get("content-type"), await json.json()]).toEqual([
    200,
    "application/json",
    { hello: "world" },
  ]);
  const text = await fetch((await gateway(async () => ({ statusCode: 200, body: "hi" }))).url);
  expect(text.headers.get("content-type")).toBe("text/plain; charset=utf-8");
});

test("a handler that throws or returns an invalid result causes a 500 without details", async () => {
  const handlers: ApiHandler[] = [
    () => Promise.reject(new Error("secret")),
    () => {
      throw new Error("secret");
    },
    async () => ({ statusCode: 99 }),
    async () => ({ statusCode: 200, headers: { "x-bad": "a\nb" } }),
    async () => ({ statusCode: 200, body: "x".repeat(6 * 1024 * 1024 + 101) }),
  ];
  for (const handler of handlers) {
    const api = await gateway(handler);
    const response = await fetch(api.url);
    expect(response.status).toBe(500);
    expect(await response.json()).toEqual({ message: "Internal Server Error" });
    expect(api.errors).toHaveLength(1);
  }
});

test("a handler that exceeds its time limit causes a 503, and its late failure has no effect", async () => {
  let fail = () => {};
  const never: ApiHandler = () => new Promise((_, reject) => (fail = () => reject(new Error("late"))));
  const api = await gateway(never, { timeoutMs: 50 });
  const response = await fetch(api.url);
  expect(response.status).toBe(503);
  expect(await response.json()).toEqual({ message: "Service Unavailable" });
  fail();
  expect((await fetch(api.url)).status).toBe(503);
});

test("a body over 10 MB, or over Lambda's 6 MB, gets 413 and never reaches the handler", async () => {
  const { api, seen } = await recorder();
  const send = (bytes: number, type: string) =>
    fetch(api.url, { method: "POST", body: "x".repeat(bytes), headers: { "content-type": type } });
  for (const [bytes, type] of [
    [11 * 1024 * 1024, "text/plain"],
    [6 * 1024 * 1024 + 1, "text/plain"],
    [5 * 1024 * 1024, "image/png"],
  ] as const) {
    const response = await send(bytes, type);
    expect(response.status).toBe(413);
    expect(await response.json()).toEqual({ message: "Request Entity Too Large" });
  }
  expect(seen.event).toBeUndefined();
  expect((await send(5 * 1024 * 1024, "text/plain")).status).toBe(200);
});

test("a response to HEAD keeps its Content-Length, a 204 has no Content-Length, and OPTIONS reaches the handler", async () => {
  const api = await gateway(async (event) =>
    event.requestContext.http.method === "OPTIONS" ? { statusCode: 204 } : { statusCode: 200, body: "12345" },
  );
  const head = await raw(api.url, { method: "HEAD" });
  expect([head.statusCode, head.headers["content-length"]]).toEqual([200, "5"]);
  const options = await raw(api.url, { method: "OPTIONS" });
  expect([options.statusCode, options.headers["content-length"]]).toEqual([204, undefined]);
});

test("a path with broken escapes gets 400", async () => {
  const { api } = await recorder();
  expect((await raw(api.url, { path: "/%E0%A4%A" })).statusCode).toBe(400);
});

test("a Hono app behind hono/aws-lambda gets decoded paths, queries and bodies and can return bytes", async () => {
  const app = new Hono();
  app.post("/echo/:id", async (c) =>
    c.json({ id: c.req.param("id"), tags: c.req.queries("tag"), body: await c.req.json() }),
  );
  app.get("/bytes", (c) => c.body(new Uint8Array([1, 2, 255]), 200, { "content-type": "image/png" }));
  const api = await startApiGateway({ handler: handle(app), port: 0 });
  onTestFinished(api.stop);
  const json = { method: "POST", headers: { "content-type": "application/json" }, body: '{"a":"ü"}' };
  const echo = await fetch(`${api.url}/echo/49%4012?tag=x`, json);
  expect(await echo.json()).toEqual({ id: "49@12", tags: ["x"], body: { a: "ü" } });
  const bytes = await (await fetch(`${api.url}/bytes`)).arrayBuffer();
  expect([...new Uint8Array(bytes)]).toEqual([1, 2, 255]);
  expect((await fetch(`${api.url}/nowhere`)).status).toBe(404);
});

test("stop finishes running requests and rejects new requests", async () => {
  let entered = () => {};
  const inside = new Promise<void>((resolve) => (entered = resolve));
  let release = () => {};
  const gate = new Promise<void>((resolve) => (release = resolve));
  const api = await startApiGateway({
    port: 0,
    handler: async () => {
      entered();
      await gate;
      return { statusCode: 200, body: "finished" };
    },
  });
  const answer = fetch(api.url).then((response) => response.text());
  await inside;
  const stopped = api.stop();
  release();
  expect(await answer).toBe("finished");
  await stopped;
  await expect(fetch(api.url)).rejects.toThrow();
});

function raw(url: string, options: { path?: string; method?: string; headers?: Record<string, string | string[]> }) {
  return new Promise<IncomingMessage>((resolve, reject) => {
    const request = httpRequest(url, options, (response) => response.resume().once("end", () => resolve(response)));
    request.once("error", reject).end();
  });
}
