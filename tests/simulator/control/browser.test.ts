import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { type Control, startControl } from "../../../simulator/control/server.ts";
import { startWhatsApp, type WhatsApp } from "../../../simulator/index.ts";

let wa: WhatsApp;
let control: Control;
beforeAll(async () => {
  wa = await startWhatsApp();
  control = await startControl(wa);
});
afterAll(async () => {
  await control?.stop();
  await wa?.stop();
});

const phone = (number: string) => JSON.stringify({ number });
const json = { "content-type": "application/json" };

/** Sends a request with headers that `fetch` does not let a program set. */
const send = (method: string, path: string, headers: Record<string, string> = {}, body?: string) =>
  new Promise<{ status: number | undefined; text: string }>((resolve, reject) => {
    const outgoing = request(new URL(path, control.url), { method, headers }, async (response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk);
      resolve({ status: response.statusCode, text: Buffer.concat(chunks).toString() });
    });
    outgoing.on("error", reject).end(body);
  });

describe("the control API refuses", () => {
  test.each([
    ["a name that resolves to this machine", { host: "evil.example" }],
    ["such a name with the port of the API", { host: "evil.example:3001" }],
    ["a name that begins like a loopback address", { host: "127.0.0.1.evil.example" }],
    ["a name that ends like localhost", { host: "evil-localhost" }],
    ["another address of this machine", { host: "192.168.1.2" }],
    ["the unspecified address", { host: "0.0.0.0" }],
    ["a page of another origin", { origin: "https://evil.example" }],
    ["a page of another port of this machine", { origin: "http://127.0.0.1:1" }],
    ["a page without an origin", { origin: "null" }],
    ["a browser that names another site", { "sec-fetch-site": "cross-site" }],
    ["a browser that names another origin of the site", { "sec-fetch-site": "same-site" }],
  ])("%s, for reading and writing", async (_name, headers) => {
    expect((await send("GET", "/phones", headers)).status).toBe(403);
    expect((await send("GET", "/openapi.json", headers)).status).toBe(403);
    expect((await send("DELETE", "/unknown", headers)).status).toBe(403);
    const answer = await send("POST", "/phones", { ...json, ...headers }, phone("4915550000001"));
    expect(answer.status).toBe(403);
    expect(JSON.parse(answer.text)).toEqual({ error: expect.stringMatching(/Host|Origin|Sec-Fetch-Site/) });
    expect(wa.phones).toEqual([]);
  });

  test.each([
    ["a form", "application/x-www-form-urlencoded"],
    ["plain text", "text/plain"],
    ["plain text that names JSON", "text/plain; application/json"],
    ["a form with files", "multipart/form-data; boundary=x"],
    ["an empty type", ""],
  ])("%s", async (_name, type) => {
    const answer = await send("POST", "/phones", { "content-type": type }, phone("4915550000001"));
    expect(answer.status).toBe(415);
    expect(wa.phones).toEqual([]);
  });

  test("a body without a type, also in chunks", async () => {
    const body = phone("4915550000001");
    expect((await send("POST", "/phones", {}, body)).status).toBe(415);
    expect((await send("POST", "/phones", { "transfer-encoding": "chunked" }, body)).status).toBe(415);
    expect(wa.phones).toEqual([]);
  });
});

test("the control API serves programs and pages of this machine", async () => {
  const { host, port } = new URL(control.url);
  const accepted = [
    {},
    { host: `localhost:${port}` },
    { host: `[::1]:${port}` },
    { origin: `http://${host}` },
    { "sec-fetch-site": "same-origin" },
    { "sec-fetch-site": "none" },
  ];
  for (const [at, headers] of accepted.entries()) {
    const body = phone(`491555000010${at}`);
    expect((await send("POST", "/phones", { ...json, ...headers }, body)).status).toBe(201);
  }
  expect(wa.phones).toHaveLength(accepted.length);
  expect((await send("DELETE", "/unknown")).status).toBe(204);
});

test.each([
  ["https://evil.example", false],
  ["https://web.whatsapp.com", true],
  [undefined, true],
])("the simulated WhatsApp treats a connection from the origin %s as acceptable: %s", async (origin, accepted) => {
  const socket = new WebSocket(wa.url, origin === undefined ? {} : { origin });
  const opened = await new Promise<boolean>((resolve) => {
    socket.on("open", () => resolve(true));
    socket.on("error", () => resolve(false));
  });
  expect(opened).toBe(accepted);
  socket.terminate();
});
