import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { createApp } from "../../../functions/api/app.ts";
import { lambdaHandler } from "../../../functions/api/lambda.ts";
import { startApiGateway } from "../../../local/lambda/api-gateway.ts";
import { sandboxEnvironment } from "../../../local/sandbox/environment.ts";
import { type Ask, password, startApi, type TestApi } from "../../support/api/api.ts";

const path = "/api/auth/generate-key";
const refused = { status: 401, body: { success: false, code: "missing_credentials" } };
const sandbox = (env: Record<string, string> = {}) => {
  const folder = { path: "/s", gateway: "/s/gateway", whatsapp: "/s/whatsapp", password };
  return sandboxEnvironment(env, { ...folder, close: async () => undefined }, false);
};

/** Headers that common proxies, load balancers, tunnels and CDNs add to a request. */
const forwarding: Record<string, string> = {
  Forwarded: "for=203.0.113.5",
  "X-Forwarded-For": "203.0.113.5",
  "X-Forwarded-Host": "api.example.com",
  "X-Forwarded-Proto": "https",
  "X-Forwarded-Port": "443",
  "X-Forwarded-Server": "proxy",
  "X-Forwarded-Prefix": "/switchboard",
  "X-Forwarded-Scheme": "https",
  "X-Forwarded": "203.0.113.5",
  "X-Original-Forwarded-For": "203.0.113.5",
  "X-Original-Host": "api.example.com",
  "X-Originating-IP": "203.0.113.5",
  "X-Real-IP": "203.0.113.5",
  Via: "1.1 proxy",
  "CDN-Loop": "cloudflare",
  "CF-Connecting-IP": "203.0.113.5",
  "CF-Connecting-IPv6": "2001:db8::1",
  "CF-Ray": "8a1b2c3d4e5f-FRA",
  "True-Client-IP": "203.0.113.5",
  "Client-IP": "203.0.113.5",
  "X-Client-IP": "203.0.113.5",
  "X-Cluster-Client-IP": "203.0.113.5",
  "X-Remote-IP": "203.0.113.5",
  "X-Remote-Addr": "203.0.113.5",
  "Fastly-Client-IP": "203.0.113.5",
  "Fly-Client-IP": "203.0.113.5",
  "Proxy-Client-IP": "203.0.113.5",
  "WL-Proxy-Client-IP": "203.0.113.5",
  "X-Azure-ClientIP": "203.0.113.5",
  "X-ARR-SSL": "2048|256",
  "X-Amzn-Trace-Id": "Root=1-67891233-abcdef012345678912345678",
  "X-Amz-Cf-Id": "abc",
  "CloudFront-Viewer-Address": "203.0.113.5:443",
  "X-Appengine-User-IP": "203.0.113.5",
  "X-Envoy-External-Address": "203.0.113.5",
  "X-Vercel-Forwarded-For": "203.0.113.5",
  "DO-Connecting-IP": "203.0.113.5",
  "X-NF-Client-Connection-IP": "203.0.113.5",
  "Tailscale-User-Login": "ann@example.com",
};

const modes: Record<string, Record<string, string>> = {
  "by default": {},
  "with OPEN_KEY_GENERATION": { OPEN_KEY_GENERATION: "true" },
  "in the sandbox": { OPEN_KEY_GENERATION: sandbox().OPEN_KEY_GENERATION ?? "" },
};

describe.each(Object.entries(modes))("POST /api/auth/generate-key %s", (mode, env) => {
  const open = mode !== "by default";
  let api: TestApi;
  let key: string;
  const generate = (ask: Ask = {}) => api.request("POST", path, ask);
  /** Sends the request with the given `Host` header and returns the status. */
  const generateAt = (host: string) =>
    new Promise<number | undefined>((resolve, reject) => {
      const outgoing = request(new URL(path, api.url), { method: "POST", headers: { host } });
      outgoing.on("response", (response) => resolve(response.resume().statusCode)).on("error", reject);
      outgoing.end();
    });

  beforeAll(async () => {
    api = await startApi(env);
  }, 60_000);
  afterAll(() => api?.stop());

  test("treats callers without credentials alike, whether or not a user exists", async () => {
    for (const _round of ["no user", "a user"]) {
      const created = await generate({ body: { name: "My API Key" } });
      if (!open) {
        expect(created).toMatchObject(refused);
        expect(created.body.details).toContain("OPEN_KEY_GENERATION=true");
      } else {
        expect(created).toMatchObject({
          status: 201,
          body: { data: { name: "My API Key", permissions: ["read", "write"] } },
        });
        expect(created.body.data.apiKey).toMatch(
          /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
        );
        expect((await api.request("GET", "/api/instance", { key: created.body.data.apiKey })).body.data).toEqual([]);
      }
      key = (await api.user()).key;
    }
    expect((await generate()).status).toBe(open ? 201 : 401);
  });

  if (open) {
    test("gives each caller without credentials a user of its own", async () => {
      const named = async () => (await generate({ body: { name: "local" } })).body.data.apiKey;
      const [one, other] = [await named(), await named()];
      const instance = await api.instance(one);
      const answer = await api.request("GET", `/api/instance/${instance}/status`, { key: other });
      expect(answer).toMatchObject({ status: 403, body: { success: false, code: "forbidden" } });
      expect((await generate()).body.data.name).toBe("API key");
    });
  }

  test.each(Object.entries(forwarding))("rejects a request with %s and without credentials", async (name, value) => {
    const users = async () => (await api.db.sql`select id from users`).length;
    const before = await users();
    for (const spelling of [name, name.toLowerCase(), name.toUpperCase()]) {
      const answer = await generate({ headers: { [spelling]: value } });
      expect(answer).toMatchObject(refused);
      if (open) expect(answer.body.details).toContain(name.toLowerCase());
    }
    expect(await users()).toBe(before);
  });

  test("accepts credentials from behind a proxy", async () => {
    const answer = await generate({ key, headers: forwarding });
    expect(answer).toMatchObject({ status: 201, body: { data: { permissions: ["read", "write"] } } });
  });

  test("rejects a web page whose name resolves to this machine", async () => {
    const { port } = new URL(api.url);
    const expected = open ? 201 : 401;
    for (const host of ["localhost", "127.0.0.1", "[::1]", "192.0.2.7"]) {
      expect([host, await generateAt(`${host}:${port}`)]).toEqual([host, expected]);
    }
    for (const host of ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example"]) {
      expect([host, await generateAt(`${host}:${port}`)]).toEqual([host, 401]);
    }
  });

  test("rejects callers without credentials behind AWS API Gateway, which adds X-Forwarded-For", async () => {
    const onAws = await startApiGateway({ handler: lambdaHandler(createApp(api.served)), port: 0 });
    onTestFinished(() => onAws.stop());
    expect((await fetch(onAws.url + path, { method: "POST" })).status).toBe(401);
  });
});

test("the sandbox opens key generation only on loopback, unless OPEN_KEY_GENERATION is set", () => {
  expect(sandbox().OPEN_KEY_GENERATION).toBe("true");
  expect(sandbox({ HOST: "localhost" }).OPEN_KEY_GENERATION).toBe("true");
  expect(sandbox({ HOST: "0.0.0.0" }).OPEN_KEY_GENERATION).toBe("false");
  expect(sandbox({ HOST: "0.0.0.0", OPEN_KEY_GENERATION: "true" }).OPEN_KEY_GENERATION).toBe("true");
  expect(sandbox({ OPEN_KEY_GENERATION: "false" }).OPEN_KEY_GENERATION).toBe("false");
});
