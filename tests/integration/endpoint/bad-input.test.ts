import { randomUUID } from "node:crypto";
import * as jose from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openVault } from "../../../core/crypto/index.ts";
import { createKeyWrapper } from "../../../core/crypto/wrapper.ts";
import { systemIds } from "../../../core/id.ts";
import { createTokens } from "../../../core/user/index.ts";
import { dialects } from "../../support/gateway/rest-client.ts";
import { type Answer, startTestGateway, type TestGateway } from "../../support/gateway/test-gateway.ts";

let gate: TestGateway;
let instance: string;
let strangersKey: string;
let expired: string;
let forged: string;
let token: string;

beforeAll(async () => {
  gate = await startTestGateway({ env: { OPEN_KEY_GENERATION: "true" } });
  instance = await gate.createInstance();
  const stranger = await gate.api("POST", "/api/auth/generate-key", { key: null, body: { name: "stranger" } });
  strangersKey = stranger.body.data.apiKey;

  const admin = gate.gateway.firstAdmin;
  const credentials = { email: admin?.user.email, password: admin?.generatedPassword };
  token = (await gate.api("POST", "/api/auth/login", { key: null, body: credentials })).body.token;
  const vault = await openVault(gate.db, await createKeyWrapper(gate.gateway.config));
  const clock = { now: () => new Date(Date.now() - 2 * 60 * 60 * 1000) };
  expired = await createTokens({ db: gate.db, clock, ids: systemIds }).issue(vault, admin?.user.id ?? "");
  const { privateKey } = await jose.generateKeyPair("EdDSA", { crv: "Ed25519" });
  forged = await new jose.SignJWT({ ...jose.decodeJwt(token), exp: Math.floor(Date.now() / 1000) + 3600 })
    .setProtectedHeader({ alg: "EdDSA", kid: jose.decodeProtectedHeader(token).kid ?? "" })
    .sign(privateKey);
});
afterAll(async () => {
  await gate?.stop();
});

const bearer = (value: string) => ({ key: null, headers: { authorization: `Bearer ${value}` } });

/** Sending a text: the dialects take the instance from different places. */
const sending = {
  "multi-instance": (id: string) => ({
    path: `/api/whatsapp/${id}/send`,
    body: { phone: "4915550000002", message: "x" },
  }),
  gateway: (id: string) => ({
    path: "/api/message/send/text",
    body: { instanceId: id, to: "4915550000002", message: "x" },
  }),
};
const reading = {
  "multi-instance": (id: string) => `/api/instances/${id}`,
  gateway: (id: string) => `/api/instance/${id}/status`,
};

const removing = {
  "multi-instance": (id: string) => `/api/instances/${id}`,
  gateway: (id: string) => `/api/instance/${id}`,
};

/** Checks status, code and the error format of the dialect, and that no internals are exposed. */
function expectError(dialect: (typeof dialects)[number], answer: Answer, status: number, code: string): void {
  expect({ status: answer.status, code: answer.body.code }).toEqual({ status, code });
  if (dialect === "gateway") {
    expect(answer.headers.get("content-type")).toContain("application/json");
    expect(answer.body).toMatchObject({ success: false, error: expect.any(String), details: expect.any(String) });
  } else {
    expect(answer.headers.get("content-type")).toContain("application/problem+json");
    expect(answer.body).toMatchObject({ status, title: expect.any(String), type: expect.stringContaining(code) });
  }
  expect(answer.headers.get("x-request-id")).toMatch(/^[\w.-]+$/);
  expect(JSON.stringify(answer.body)).not.toMatch(/\.ts\b|\.js\b|node_modules|\n\s+at |select |insert |postgres/i);
}

describe.each(dialects)("the %s dialect", (dialect) => {
  const send = sending[dialect];
  const read = reading[dialect];

  test.each(["{", "nope", "{'phone':1}", '{"a":1}}', "\u0000", '"\\ud800', "NaN"])(
    "rejects malformed JSON with 400: %j",
    async (body) => {
      const answer = await gate.api("POST", send(instance).path, { body });
      expectError(dialect, answer, 400, "malformed_json");
    },
  );

  // API Gateway passes JSON on as text, in which invalid bytes are already U+FFFD.
  test("rejects invalid UTF-8 with 400", async () => {
    const { path } = send(instance);
    const response = await fetch(new URL(path, gate.gateway.url), {
      method: "POST",
      headers: { "content-type": "application/json", "x-api-key": gate.gateway.firstAdmin?.apiKey.key ?? "" },
      body: Buffer.from([0x22, 0xff, 0xfe, 0x22]),
    });
    const answer = { status: response.status, headers: response.headers, body: await response.json() };
    expectError(dialect, answer, 400, "invalid_request");
  });

  test("rejects JSON of the wrong type with 400, as the body or in any field", async () => {
    const { path, body } = send(instance);
    for (const whole of ["null", "[]", "7", '"x"']) {
      expectError(dialect, await gate.api("POST", path, { body: whole }), 400, "invalid_request");
    }
    for (const field of Object.keys(body)) {
      for (const wrong of [7, true, null, [], {}, ""]) {
        const answer = await gate.api("POST", path, { body: { ...body, [field]: wrong } });
        if (field === "instanceId" && wrong === "") expect([400, 404]).toContain(answer.status);
        else expectError(dialect, answer, 400, "invalid_request");
      }
    }
  });

  test.each(["", "abc", "+", "0000", "12", "1234567890123456", "49155@evil", "x@s.whatsapp.net", "٤٩١٥٥٥٠٠٠٠٠٠٢"])(
    "rejects an invalid recipient with 400: %j",
    async (to) => {
      const { path, body } = send(instance);
      const field = dialect === "gateway" ? "to" : "phone";
      expectError(dialect, await gate.api("POST", path, { body: { ...body, [field]: to } }), 400, "invalid_request");
    },
  );

  test("rejects a text that is too long for WhatsApp with 400, and an oversized body with 413", async () => {
    const { path, body } = send(instance);
    const long = await gate.api("POST", path, { body: { ...body, message: "가".repeat(30_000) } });
    expectError(dialect, long, 400, "invalid_request");
    const large = await gate.api("POST", path, { body: { ...body, message: "x".repeat(6_050_000) } });
    expectError(dialect, large, 413, "payload_too_large");
  });

  test("rejects a body over the limit of API Gateway with 413", async () => {
    const { path, body } = send(instance);
    const answer = await gate.api("POST", path, { body: { ...body, message: "x".repeat(11_000_000) } });
    expect(answer.status).toBe(413);
  });

  test.each([randomUUID(), "1", "my-instance", "' or ''='", "%00", "__proto__"])(
    "returns 404 for an unknown instance: %j",
    async (id) => {
      expectError(dialect, await gate.api("GET", read(encodeURIComponent(id))), 404, "instance_not_found");
      const { path, body } = send(dialect === "gateway" ? id : encodeURIComponent(id));
      expectError(dialect, await gate.api("POST", path, { body }), 404, "instance_not_found");
    },
  );

  test("returns 403 for another user's instance, whatever the body", async () => {
    const asked = { key: strangersKey };
    expectError(dialect, await gate.api("GET", read(instance), asked), 403, "forbidden");
    const { path, body } = send(instance);
    expectError(dialect, await gate.api("POST", path, { ...asked, body }), 403, "forbidden");
    expectError(dialect, await gate.api("DELETE", removing[dialect](instance), asked), 403, "forbidden");
  });

  test("returns 401 for missing, unknown, expired and forged credentials", async () => {
    const ask = (options: Parameters<TestGateway["api"]>[2]) => gate.api("GET", read(instance), options);
    expectError(dialect, await ask({ key: null }), 401, "missing_credentials");
    expectError(dialect, await ask({ key: randomUUID() }), 401, "invalid_credentials");
    expectError(dialect, await ask(bearer(expired)), 401, "expired_token");
    expectError(dialect, await ask(bearer(forged)), 401, "invalid_credentials");
    expectError(dialect, await ask(bearer("not.a.token")), 401, "invalid_credentials");
    const [head, claims] = token.split(".");
    expectError(dialect, await ask(bearer(`${head}.${claims}.`)), 401, "invalid_credentials");
    const none = Buffer.from(JSON.stringify({ alg: "none", typ: "JWT" })).toString("base64url");
    expectError(dialect, await ask(bearer(`${none}.${claims}.`)), 401, "invalid_credentials");
    expect((await ask(bearer(token))).status).toBe(200);
  });

  test("returns 409 with the status of an instance that is not connected, and stores nothing", async () => {
    const { path, body } = send(instance);
    const answer = await gate.api("POST", path, { body });
    expectError(dialect, answer, 409, "instance_not_connected");
    expect(answer.body[dialect === "gateway" ? "status" : "instanceStatus"]).toMatch(/^(connecting|qr)$/);
    const [row] = await gate.db.sql`select count(*)::int as n from messages`;
    expect(row?.n).toBe(0);
  });

  test("returns 404 for an unknown path, 405 for a wrong method and 415 for a wrong content type", async () => {
    const { path, body } = send(instance);
    const nothing = dialect === "gateway" ? "/api/message/send/nothing/at/all" : "/api/whatsapp/x/y/z";
    expectError(dialect, await gate.api("POST", nothing, { body }), 404, "route_not_found");
    expectError(dialect, await gate.api("PATCH", path), 405, "method_not_allowed");
    const form = { body: "phone=1", headers: { "content-type": "application/x-www-form-urlencoded" } };
    expectError(dialect, await gate.api("POST", path, form), 415, "unsupported_media_type");
  });

  test("rejects an invalid Idempotency-Key with 400", async () => {
    const { path, body } = send(instance);
    for (const key of ["x".repeat(256), "a b"]) {
      const answer = await gate.api("POST", path, { body, headers: { "idempotency-key": key } });
      expectError(dialect, answer, 400, "invalid_request");
    }
  });
});

test("the gateway is still healthy after all bad requests", async () => {
  expect((await gate.api("GET", "/api/observability/health", { key: null })).status).toBe(200);
  expect((await gate.api("GET", `/api/instances/${instance}`)).status).toBe(200);
  expect(gate.wa.unknown).toEqual([]);
});
