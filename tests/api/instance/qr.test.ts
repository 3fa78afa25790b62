import { afterAll, beforeAll, expect, test } from "vitest";
import { qrOf, startApi, type TestApi } from "../../support/api/api.ts";

let api: TestApi;
let key: string;
let id: string;
beforeAll(async () => {
  api = await startApi();
  ({ key } = await api.user());
  id = await api.instance(key, "qr");
}, 60_000);
afterAll(() => api?.stop());

const get = (path: string, accept?: string) =>
  fetch(api.url + path, { headers: { "x-api-key": key, ...(accept ? { accept } : {}) } });

const pngSignature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

test.each(["/api/instances/{id}/qr", "/api/whatsapp/{id}/qr"])(
  "%s returns the code as text or as a picture on request, and forbids caching",
  async (pattern) => {
    const path = pattern.replace("{id}", id);
    const cases = [
      ["", undefined, "application/json"],
      ["", "*/*", "application/json"],
      ["", "text/html,application/xhtml+xml,*/*;q=0.8", "application/json"],
      ["", "image/png", "image/png"],
      ["", "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5", "image/png"],
      ["", "image/svg+xml", "image/svg+xml"],
      ["", "image/png;q=0.1, application/json", "application/json"],
      ["?format=json", "image/png", "application/json"],
      ["?format=png", undefined, "image/png"],
      ["?format=svg", undefined, "image/svg+xml"],
      ["?format=terminal", undefined, "text/plain; charset=utf-8"],
    ] as const;
    for (const [query, accept, type] of cases) {
      const answer = await get(path + query, accept);
      expect([answer.status, answer.headers.get("content-type")]).toEqual([200, type]);
      expect(answer.headers.get("cache-control")).toBe("no-store");
      const body = Buffer.from(await answer.arrayBuffer());
      if (type === "application/json") expect(JSON.parse(body.toString())).toEqual({ qrCode: qrOf(id) });
      else if (type === "image/png") expect(body.subarray(0, 8).equals(pngSignature)).toBe(true);
      else if (type === "image/svg+xml") expect(body.toString()).toMatch(/^<svg .+<\/svg>\s*$/s);
      else expect(body.toString()).toMatch(/^[█▀▄ \n]{100,}$/);
    }
  },
);

test("an unknown format is rejected, and a picture is rejected if there is no code", async () => {
  const bad = await get(`/api/instances/${id}/qr?format=gif`);
  expect([bad.status, ((await bad.json()) as { code: string }).code]).toEqual([400, "invalid_request"]);
  for (const [state, status] of [
    ["connected", 409],
    ["expired qr", 404],
  ] as const) {
    const other = await api.instance(key, state);
    const answer = await get(`/api/instances/${other}/qr?format=png`, "image/png");
    expect(answer.status).toBe(status);
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
  }
});
