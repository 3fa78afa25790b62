import { afterAll, beforeAll, expect, test } from "vitest";
import { asyncApi } from "../../functions/api/document/asyncapi.ts";
import { openApi } from "../../functions/api/document/openapi.ts";
import { startApi, type TestApi } from "../support/api/api.ts";
import { dialects } from "../support/endpoint/dialect-tables.ts";

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
}, 60_000);
afterAll(() => api?.stop());

test("the OpenAPI document equals its snapshot", async () => {
  await expect(`${JSON.stringify(openApi(dialects), null, 2)}\n`).toMatchFileSnapshot("../fixtures/openapi.json");
});

test("the OpenAPI 3.1 document is public and covers every endpoint", async () => {
  const { status, body, headers } = await api.request("GET", "/openapi.json");
  expect(status).toBe(200);
  expect(headers.get("content-type")).toContain("application/json");
  expect(body.openapi).toBe("3.1.0");
  const operations = Object.entries<Record<string, { operationId: string }>>(body.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method} ${path}`),
  );
  const endpoints = dialects.flatMap((dialect) => dialect.endpoints);
  expect(operations.sort()).toEqual(endpoints.map(({ method, path }) => `${method} ${path}`).sort());
  const ids = Object.values<Record<string, { operationId: string }>>(body.paths).flatMap((methods) =>
    Object.values(methods).map(({ operationId }) => operationId),
  );
  expect(new Set(ids).size).toBe(ids.length);
});

test("the AsyncAPI document is public", async () => {
  const { status, body } = await api.request("GET", "/asyncapi.json");
  expect(status).toBe(200);
  expect(body).toEqual(asyncApi());
  expect((await api.request("POST", "/asyncapi.json")).status).toBe(405);
});
