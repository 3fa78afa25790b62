import { randomUUID } from "node:crypto";
import * as jose from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as z from "zod";
import { isErrorCode } from "../../core/error.ts";
import { createTokens } from "../../core/user/index.ts";
import { type Endpoint, isOpen } from "../../functions/api/engine/endpoint.ts";
import { startApi, type TestApi } from "../support/api/api.ts";
import { bodies } from "../support/api/valid-bodies.ts";
import { dialects } from "../support/endpoint/dialect-tables.ts";
import { rawRequest } from "../support/network/raw-request.ts";

let api: TestApi;
let key: string;
let adminKey: string;
let userId: string;
let instanceId: string;
let foreign: string;
beforeAll(async () => {
  api = await startApi();
  ({ key, id: userId } = await api.user());
  ({ key: adminKey } = await api.user({ role: "admin" }));
  instanceId = await api.instance(key, "connected");
  foreign = await api.instance((await api.user()).key, "connected");
}, 60_000);
afterAll(() => api?.stop());

const endpoints = dialects.flatMap((dialect) => dialect.endpoints);
const named = (some: readonly Endpoint[]) =>
  some.map((endpoint) => [`${endpoint.method.toUpperCase()} ${endpoint.path}`, endpoint] as const);
const ofInstances = endpoints.filter((endpoint) => endpoint.instance);
const withBody = endpoints.filter((endpoint) => endpoint.body && !endpoint.form);
const withForm = endpoints.filter((endpoint) => endpoint.form);
/** The engine treats endpoints alike, so one endpoint represents all endpoints with the same dialect, instance location and access. */
const kindOf = (endpoint: Endpoint) =>
  `${dialects.findIndex(({ endpoints }) => endpoints.includes(endpoint))} ${endpoint.instance} ${endpoint.access}`;
const oneOfEach = (some: readonly Endpoint[]) => [
  ...new Map(some.map((endpoint) => [kindOf(endpoint), endpoint])).values(),
];
const sampleWithBody = oneOfEach(withBody);
const withCredentials = endpoints.filter((endpoint) => !isOpen(endpoint.access));

/** Looks up a valid body, by method and path if two methods of one path have different bodies. */
const bodyOf = (endpoint: Endpoint) => bodies[`${endpoint.method} ${endpoint.path}`] ?? bodies[endpoint.path];

function call(
  endpoint: Endpoint,
  id: string,
  credentials: { key?: string; token?: string },
  headers: Record<string, string> = {},
) {
  const path = endpoint.path.replace("{instanceId}", id).replace("{chatId}", "79001234567").replace("{commandId}", id);
  const body = endpoint.body
    ? { ...bodyOf(endpoint), ...(endpoint.instance === "body" ? { instanceId: id } : {}) }
    : undefined;
  return api.request(endpoint.method.toUpperCase(), path, { ...credentials, headers, ...(body ? { body } : {}) });
}
/** Returns a key with access to the endpoint. For rotate-key, which revokes the caller's key, this is not the shared key. */
async function keyFor(endpoint: Endpoint): Promise<string> {
  if (endpoint.access === "admin") return adminKey;
  return endpoint.path === "/api/auth/rotate-key" ? (await api.user()).key : key;
}
const raw = async (endpoint: Endpoint, body: string, headers: Record<string, string> = {}) =>
  api.request(endpoint.method.toUpperCase(), endpoint.path.replace("{instanceId}", instanceId), {
    key: await keyFor(endpoint),
    body,
    headers,
  });

describe("every endpoint that requires credentials", () => {
  let expired: string;
  let forged: string;
  beforeAll(async () => {
    const past = { now: () => new Date(Date.now() - 2 * 60 * 60 * 1000) };
    expired = await createTokens({ ...api.deps, clock: past }).issue(api.vault, userId);
    const { privateKey } = await jose.generateKeyPair("EdDSA", { crv: "Ed25519" });
    forged = await new jose.SignJWT({ sub: userId, iss: "switchboard", aud: "switchboard-api" })
      .setProtectedHeader({ alg: "EdDSA", kid: jose.decodeProtectedHeader(expired).kid ?? "" })
      .setExpirationTime("1h")
      .sign(privateKey);
  });

  test.each(named(withCredentials))(
    "%s rejects missing credentials, an unknown key, an expired token and a forged token",
    async (_name, endpoint) => {
      const codes = [{}, { key: randomUUID() }, { key: "' or 1=1 --" }, { token: expired }, { token: forged }].map(
        async (credentials) => {
          const { status, body } = await call(endpoint, instanceId, credentials);
          return `${status} ${body.code}`;
        },
      );
      expect(await Promise.all(codes)).toEqual([
        "401 missing_credentials",
        "401 invalid_credentials",
        "401 invalid_credentials",
        "401 expired_token",
        "401 invalid_credentials",
      ]);
    },
  );
});

describe("every endpoint of an instance", () => {
  const unknown = [
    randomUUID(),
    "my-instance",
    "1",
    "x".repeat(2000),
    "' or ''='",
    "00000000-0000-0000-0000-000000000000'; drop table users; --",
    "__proto__",
    "%00",
  ];

  test.each(named(oneOfEach(ofInstances)))(
    "%s returns 404 for an id that does not exist, in whatever form",
    async (_name, endpoint) => {
      for (const id of unknown) {
        const inPath = endpoint.instance === "path" ? id : decodeURIComponent(id);
        const answer = await call(endpoint, inPath, { key });
        // The schema of the body rejects an id that is too long.
        if (endpoint.instance === "body" && id.length > 128) expect(answer.status).toBe(400);
        // A NUL at the end of a path is cut off, so the request has another path.
        else if (id === "%00" && endpoint.instance === "path") expect(answer.status).toBe(404);
        else
          expect({ id, status: answer.status, code: answer.body.code }).toEqual({
            id,
            status: 404,
            code: "instance_not_found",
          });
      }
    },
  );

  test.each(named(ofInstances))("%s returns 404 for an instance that does not exist", async (_name, endpoint) => {
    expect(await call(endpoint, randomUUID(), { key })).toMatchObject({
      status: 404,
      body: { code: "instance_not_found" },
    });
  });

  test.each(named(ofInstances))("%s returns 403 for another user's instance", async (_name, endpoint) => {
    expect(await call(endpoint, foreign, { key })).toMatchObject({ status: 403, body: { code: "forbidden" } });
  });
});

describe("every endpoint with a body", () => {
  test.each(named(sampleWithBody))("%s rejects a body that is not JSON", async (_name, endpoint) => {
    for (const body of ["{", "nope", '{"name":"x"}}', "\u0000", "{'name':'x'}", "NaN"]) {
      expect(await raw(endpoint, body)).toMatchObject({ status: 400, body: { code: "malformed_json" } });
    }
  });

  test.each(named(withBody))("%s rejects JSON of the wrong type, as a whole or in a field", async (_name, endpoint) => {
    for (const body of ["null", "[]", "7", '"x"', "true"]) {
      expect(await raw(endpoint, body)).toMatchObject({ status: 400, body: { code: "invalid_request" } });
    }
    for (const field of Object.keys(bodyOf(endpoint) ?? {})) {
      const right = (bodyOf(endpoint) as Record<string, unknown>)[field];
      for (const wrong of [field === "size" ? 0 : 7, true, null, [], {}, ["x"]]) {
        // Another number, text or Boolean has the right type.
        if (field !== "size" && wrong !== null && typeof right !== "object" && typeof wrong === typeof right) continue;
        // Objects and lists have the right type. The import itself checks what is in them.
        if (field === "session" && typeof wrong === "object" && wrong !== null) continue;
        // An empty list of labels is valid, and an unknown label id has the right type.
        if (field === "labelIds" && Array.isArray(wrong)) continue;
        // A vote may choose no option, and which options the poll has is known later.
        if (endpoint.path.endsWith("/vote") && Array.isArray(wrong)) continue;
        const base = endpoint.instance === "body" ? { instanceId } : {};
        const answer = await raw(endpoint, JSON.stringify({ ...base, ...bodyOf(endpoint), [field]: wrong }));
        expect(answer).toMatchObject({ status: 400, body: { code: "invalid_request" } });
      }
    }
  });

  // The body is read before the endpoint is chosen, so a sample is enough. Large bodies are slow.
  test.each(named(sampleWithBody))(
    "%s rejects a body that is too large or has another content type",
    async (_name, endpoint) => {
      const large = JSON.stringify({ ...bodyOf(endpoint), filler: "x".repeat(6_000_000) });
      expect(await raw(endpoint, large)).toMatchObject({ status: 413, body: { code: "payload_too_large" } });
      const form = { "content-type": "application/x-www-form-urlencoded" };
      expect(await raw(endpoint, "name=x", form)).toMatchObject({
        status: 415,
        body: { code: "unsupported_media_type" },
      });
    },
  );

  test.each(named(sampleWithBody))(
    "%s has no server error for megabytes of nested JSON or for prototype keys",
    async (_name, endpoint) => {
      const nested = "[".repeat(500_000) + "]".repeat(500_000);
      expect(await raw(endpoint, nested)).toMatchObject({ status: 400, body: { code: "invalid_request" } });
      const [field = "name"] = Object.keys(bodyOf(endpoint) ?? {});
      expect(await raw(endpoint, `{"${field}":${nested}}`)).toMatchObject({
        status: 400,
        body: { code: "invalid_request" },
      });
      await raw(
        endpoint,
        `{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"webhookSettings":{"__proto__":{"polluted":1}}}`,
      );
      expect(({} as { polluted?: number }).polluted).toBeUndefined();
    },
  );
});

test.each(named(oneOfEach(endpoints)))("%s refuses a repeated query parameter by name", async (_name, endpoint) => {
  const path = endpoint.path.replace("{instanceId}", instanceId).replaceAll(/\{\w+\}/g, "79001234567");
  const method = endpoint.method.toUpperCase();
  const own = endpoint.instance === "body" ? { body: { instanceId } } : {};
  const credentials = isOpen(endpoint.access) ? {} : { key: await keyFor(endpoint) };
  const { status, body } = await api.request(method, `${path}?skip=0&limit=1&limit=2`, { ...credentials, ...own });
  expect({ status, code: body.code, details: body.details ?? body.detail }).toMatchObject({
    status: 400,
    code: "invalid_request",
    details: expect.stringContaining("limit: must not be repeated"),
  });
});

describe("an unknown field", () => {
  const refused = (name: string, nearest = "") => ({
    status: 400,
    body: { code: "invalid_request", details: expect.stringMatching(`${name}: unknown .+${nearest}`) },
  });
  const details = (answer: Awaited<ReturnType<typeof raw>>) => ({
    status: answer.status,
    body: { code: answer.body.code, details: answer.body.details ?? answer.body.detail },
  });

  test.each(named(endpoints))("in the query or the body of %s is refused by name", async (_name, endpoint) => {
    const method = endpoint.method.toUpperCase();
    const path = endpoint.path.replace("{instanceId}", instanceId).replaceAll(/\{\w+\}/g, "79001234567");
    const credentials = isOpen(endpoint.access) ? {} : { key: await keyFor(endpoint) };
    const own = endpoint.instance === "body" ? { instanceId } : {};
    const query = await api.request(method, `${path}?fromMee=false`, {
      ...credentials,
      ...(method === "GET" ? {} : { body: own }),
    });
    expect(details(query)).toMatchObject(refused("fromMee"));
    if (endpoint.form || method === "GET") return;
    const body = { ...own, ...bodyOf(endpoint), zzDelay: 1 };
    expect(details(await api.request(method, path, { ...credentials, body }))).toMatchObject(refused("zzDelay"));
  });

  test.each(named(withForm))("in the form of %s is refused by name", async (_name, endpoint) => {
    const mark = "x".repeat(30);
    const body = `--${mark}\r\ncontent-disposition: form-data; name="captoin"\r\n\r\nx\r\n--${mark}--\r\n`;
    const answer = await raw(endpoint, body, { "content-type": `multipart/form-data; boundary=${mark}` });
    expect(details(answer)).toMatchObject(refused("captoin", 'did you mean "caption"'));
  });

  test.each([
    ["PUT", "/api/instances/{instanceId}", { webhookSettings: { secrets: "x" } }, "webhookSettings.secrets", "secret"],
    [
      "POST",
      "/api/whatsapp/{instanceId}/send",
      { phone: "79001234567", message: "x", quoted: "x" },
      "quoted",
      "quotedMessageId",
    ],
    ["POST", "/api/message/send/text", { chatId: "79001234567", text: "x", mesage: "y" }, "mesage", "message"],
    [
      "POST",
      "/api/whatsapp/{instanceId}/bulk",
      { message: "x", recipients: [{ phone: "79001234567", variabels: {} }] },
      "recipients.0.variabels",
      "variables",
    ],
  ])("%s %s names the path and the nearest known name of %j", async (method, path, body, name, nearest) => {
    const own = path.includes("{instanceId}") ? {} : { instanceId };
    const answer = await api.request(method, path.replace("{instanceId}", instanceId), {
      key,
      body: { ...own, ...body },
    });
    expect(details(answer)).toMatchObject(refused(name, `did you mean "${nearest}"`));
  });

  test("is allowed in an empty request without fields", async () => {
    const ask = { key, body: {}, impatient: true };
    expect((await api.request("POST", `/api/instances/${instanceId}/reconnect`, ask)).status).toBe(202);
  });
});

describe("an odd time or cursor", () => {
  const odd = [
    ...["0000-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-11-30T17:00:00+23:59"],
    ...["9999-12-31", "5.zzzzzzzzz", "999999999999999", Buffer.from("-99999999999999999 x").toString("base64url")],
    Buffer.from('[0,"2026-99-99 99:99:99+00","a"]').toString("base64url"),
    Buffer.from('[1,"2026-11-30 17:00:00+23:59","a"]').toString("base64url"),
  ];
  const places = endpoints.flatMap((endpoint) =>
    endpoint.method === "get" && endpoint.query instanceof z.ZodObject && !endpoint.path.endsWith("/stream")
      ? Object.keys(endpoint.query.shape)
          .filter((name) => /^(startDate|endDate|acceptedBefore|cursor|since)$/.test(name))
          // A catalog is read from WhatsApp, which has its own cursors.
          .filter((name) => name !== "cursor" || !endpoint.path.endsWith("/catalog"))
          .map((name) => [name, endpoint.path, endpoint] as const)
      : [],
  );

  test.each(places)("in %s of GET %s causes no server error", async (name, path, endpoint) => {
    const target = path.replace("{instanceId}", instanceId).replaceAll(/\{\w+\}/g, "79001234567");
    const needed = path.includes("/message/search") ? "q=x&" : "";
    for (const text of odd) {
      const query = `${needed}${name}=${encodeURIComponent(text)}`;
      const { status } = await api.request("GET", `${target}?${query}`, { key: await keyFor(endpoint) });
      expect([200, 400], query).toContain(status);
    }
  });

  test.each<[string, string, object]>([
    ["DELETE", "/api/instance/{instanceId}/queue?acceptedBefore=0000-01-01T00:00:00Z", {}],
    [
      "POST",
      "/api/instances/{instanceId}/webhooks/replay",
      { from: "2026-01-01T00:00:00Z", to: "9999-12-31T23:59:59-23:59" },
    ],
    ["POST", "/api/keys", { name: "x", expiresAt: "9999-12-31T23:59:59-23:59" }],
    ["PUT", "/api/chats/{instanceId}/79001234567/mute", { muted: true, until: "9999-12-31T23:59:59-14:00" }],
    [
      "POST",
      "/api/whatsapp/{instanceId}/send",
      { phone: "79001234567", message: "x", sendAt: "9999-12-31T23:59:59-14:00" },
    ],
  ])("is refused by name in %s %s", async (method, path, body) => {
    const request = { key, ...(Object.keys(body).length > 0 && { body }) };
    const answer = await api.request(method, path.replace("{instanceId}", instanceId), request);
    const { details, detail, code } = answer.body;
    expect([answer.status, code]).toEqual([400, "invalid_request"]);
    expect(details ?? detail).toMatch(/^(acceptedBefore|to|expiresAt|until|sendAt): must be in the years 1 to 9999/);
  });
});

test.each(named(withForm))(
  "%s accepts only a form, and a broken form causes no server error",
  async (_name, endpoint) => {
    for (const body of ["{}", "null", "["]) {
      expect(await raw(endpoint, body)).toMatchObject({ status: 415, body: { code: "unsupported_media_type" } });
    }
    const part = 'content-disposition: form-data; name="phone"\r\n\r\n79001234567';
    const many = Array.from({ length: 20_000 }, () => `--x\r\n${part}`).join("\r\n");
    for (const body of ["", "--x", `--x\r\n${part}`, "--y--\r\n", "\u0000", `${many}\r\n--x--\r\n`]) {
      for (const type of ["multipart/form-data; boundary=x", "multipart/form-data"]) {
        const answer = await raw(endpoint, body, { "content-type": type });
        expect(answer).toMatchObject({ status: 400, body: { code: "invalid_request" } });
      }
    }
  },
);

test("the valid bodies cover exactly the endpoints with a body", () => {
  const tried = new Set(Object.keys(bodies).map((key) => key.replace(/^\w+ /, "")));
  expect([...tried].sort()).toEqual([...new Set(withBody.map((endpoint) => endpoint.path))].sort());
});

describe("hostile text", () => {
  test.each(["a\u0000b", "a\r\nb", "\u001b[2J"])("is rejected as the name of an instance: %j", async (name) => {
    for (const path of ["/api/instances", "/api/instance/create"]) {
      expect(await api.request("POST", path, { key, body: { name } })).toMatchObject({
        status: 400,
        body: { code: "invalid_request" },
      });
    }
  });

  test("is harmless as SQL", async () => {
    const name = "Robert'); drop table instances; --";
    const { body } = await api.request("POST", "/api/instances", { key, body: { name } });
    expect((await api.request("GET", `/api/instances/${body.id}`, { key })).body.name).toBe(name);
    const actions = encodeURIComponent("x') or ('1'='1");
    expect(
      (await api.request("GET", `/api/instances/${body.id}/activity?actions=${actions}`, { key })).body.logs,
    ).toEqual([]);
    const chat = encodeURIComponent("x' or '1'='1");
    expect((await api.request("GET", `/api/instances/${body.id}/chats/${chat}/messages`, { key })).status).toBe(400);
  });

  const withQuery = endpoints.filter((endpoint) => endpoint.method === "get" && endpoint.query instanceof z.ZodObject);
  test.each(named(withQuery))("causes no server error in the query of %s", async (_name, endpoint) => {
    const path = endpoint.path.replace("{instanceId}", instanceId).replaceAll(/\{\w+\}/g, "79001234567");
    for (const field of Object.keys((endpoint.query as z.ZodObject).shape)) {
      for (const text of ["a%00b", "%00", "%ff", "%ed%a0%80", "'"]) {
        const ask = { key: await keyFor(endpoint), impatient: !path.endsWith("/stream") };
        const { status } = await api.request("GET", `${path}?${field}=${text}`, ask);
        expect({ field, text, ours: status === 500 }).toEqual({ field, text, ours: false });
      }
    }
  });

  const withParameter = endpoints.filter((endpoint) => /\{(?!instanceId)\w+\}/.test(endpoint.path));
  test.each(named(withParameter))("causes no server error as NUL in the path of %s", async (_name, endpoint) => {
    const path = endpoint.path.replace("{instanceId}", instanceId).replaceAll(/\{\w+\}/g, "a%00b");
    const body = endpoint.body ? { ...bodyOf(endpoint), instanceId } : undefined;
    const ask = { key: await keyFor(endpoint), impatient: true, ...(body && { body }) };
    const answer = await api.request(endpoint.method.toUpperCase(), path, ask);
    expect(answer.status).toBeLessThan(500);
    if (answer.status >= 400) expect(isErrorCode(answer.body.code)).toBe(true);
  });

  test("is rejected in a chat id if it contains NUL", async () => {
    const answer = await api.request("GET", `/api/instances/${instanceId}/chats/7900%001234567/messages`, { key });
    expect(answer).toMatchObject({ status: 400, body: { code: "invalid_request" } });
  });
});

describe("a path", () => {
  test("with dot segments in any encoding reaches no other endpoint", async () => {
    for (const dots of ["..%2f..", "%2e%2e%2f%2e%2e", "..%252f..", "..;/.."]) {
      const response = await fetch(`${api.url}/api/instance/${dots}/status`, { headers: { "x-api-key": key } });
      expect([404, 405]).toContain(response.status);
      expect(await response.json()).toMatchObject({
        code: expect.stringMatching(/^(instance_not_found|route_not_found|method_not_allowed)$/),
      });
    }
  });

  test("without an endpoint gets 404 in the format of its dialect", async () => {
    expect(await api.request("GET", "/api/nothing")).toMatchObject({ status: 404, body: { code: "route_not_found" } });
    const inGateway = await api.request("GET", "/api/message/nothing");
    expect(inGateway).toMatchObject({ status: 404, body: { success: false, code: "route_not_found" } });
  });

  test("with an unsupported method gets 405 with the supported methods", async () => {
    const answer = await api.request("DELETE", "/api/instances", { key });
    expect(answer).toMatchObject({ status: 405, body: { code: "method_not_allowed" } });
    expect(answer.headers.get("allow")).toBe("GET, POST");
    expect(await api.request("PATCH", `/api/instance/${instanceId}/status`)).toMatchObject({ status: 405 });
  });
});

describe("a request id", () => {
  test("from the caller is kept if it is short and plain, otherwise replaced, and appears in every log line", async () => {
    const kept = await api.request("GET", "/api/observability/ping", { headers: { "x-request-id": "Order.47_11-a" } });
    expect(kept.headers.get("x-request-id")).toBe("Order.47_11-a");
    for (const bad of ["x".repeat(65), "a b", "<script>", "a;b"]) {
      const { headers } = await api.request("GET", "/api/observability/ping", { headers: { "x-request-id": bad } });
      expect(headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
    }
    expect(api.logged().filter((line) => !("correlationId" in JSON.parse(line)))).toEqual([]);
  });

  test("cannot inject a header or a log line", async () => {
    const reply = await rawRequest(
      api.url,
      "GET /api/nothing%0d%0aSet-Cookie:%20a=1 HTTP/1.1\r\nHost: x\r\nx-request-id: a%0d%0aSet-Cookie: b=1\r\nConnection: close\r\n\r\n",
    );
    const [head = ""] = reply.split("\r\n\r\n");
    expect(head).toMatch(/^HTTP\/1.1 404 /);
    expect(head.toLowerCase()).not.toContain("set-cookie");
    expect(api.logged().every((line) => line.trimEnd().split("\n").length === 1)).toBe(true);
  });
});

test("no log line contains a credential", async () => {
  const lines = api.logged().join("");
  expect(lines).not.toContain(key);
  expect(lines).not.toMatch(/Bearer |eyJ[\w-]+\./);
});
