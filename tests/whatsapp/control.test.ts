import { afterEach, beforeEach, expect, test } from "vitest";
import { type Control, startControl } from "../../infra/local/whatsapp/control/server.ts";
import { startWhatsApp, type WhatsApp } from "../../infra/local/whatsapp/index.ts";
import { Client, silenceLibsignal, strictVerification } from "./client.ts";

silenceLibsignal();
strictVerification();

let wa: WhatsApp;
let control: Control;
let client: Client;

beforeEach(async () => {
  wa = await startWhatsApp();
  control = await startControl(wa);
  client = new Client(wa);
});

afterEach(async () => {
  await client.close();
  await control.stop();
  await wa.stop();
  expect(wa.unknown).toEqual([]);
});

async function call(method: string, path: string, body?: unknown): Promise<{ status: number; json: unknown }> {
  const response = await fetch(
    `${control.url}${path}`,
    body === undefined ? { method } : { method, body: JSON.stringify(body) },
  );
  const text = await response.text();
  return { status: response.status, json: text === "" ? undefined : JSON.parse(text) };
}

const [ALICE, BOB] = ["4915550000001", "4915550000002"];

test("the whole conversation can be driven over HTTP: link, receive, send, read, unlink", async () => {
  await call("POST", "/phones", { number: ALICE, pushName: "Alice" });
  await call("POST", "/phones", { number: BOB, pushName: "Bob" });
  const shown = client.next((update) => update.qr !== undefined);
  client.connect();
  const restart = client.next((update) => update.connection === "close");
  const scanned = await call("POST", `/phones/${ALICE}/scan`, { qr: (await shown).qr });
  expect(scanned).toMatchObject({ status: 201, json: { jid: `${ALICE}:1@s.whatsapp.net`, id: 1 } });
  await restart;
  await client.login();

  const waiting = call("GET", `/phones/${BOB}/wait?text=hello&timeoutMs=5000`);
  const sent = await client.sock.sendMessage(`${BOB}@s.whatsapp.net`, { text: "hello" });
  expect(await waiting).toMatchObject({
    status: 200,
    json: { id: sent?.key.id, text: "hello", fromDevice: 1, copies: 1 },
  });
  expect((await call("POST", `/phones/${BOB}/read`, { messages: [sent?.key.id] })).status).toBe(204);
  await client.statuses.waitFor(({ id, status }) => id === sent?.key.id && status === 4);

  const answer = await call("POST", `/phones/${BOB}/text`, { to: ALICE, text: "hello yourself", id: "FIXED1" });
  expect(answer).toMatchObject({ status: 201, json: { id: "FIXED1" } });
  expect((await client.waitForText("hello yourself")).key.id).toBe("FIXED1");
  const delivered = await call("GET", `/phones/${BOB}/sent/FIXED1?status=delivered`);
  expect(delivered.json).toMatchObject({ status: "delivered" });

  const data = Buffer.from("a file").toString("base64");
  await call("POST", `/phones/${BOB}/media`, { to: ALICE, kind: "document", data, fileName: "a.txt" });
  await client.messages.waitFor(({ message }) => message?.documentMessage?.fileName === "a.txt");
  const { json } = (await call("GET", `/phones/${ALICE}/wait?kind=document`)) as { json: { id: string } };
  expect(await (await fetch(`${control.url}/phones/${ALICE}/inbox/${json.id}/media`)).text()).toBe("a file");
  expect((await call("GET", `/phones/${ALICE}/inbox`)).json).toMatchObject({ next: 3 });

  const group = await call("POST", `/phones/${BOB}/groups`, { subject: "G", members: [ALICE] });
  expect((await call("GET", "/groups")).json).toEqual([group.json]);

  const closed = client.next((update) => update.connection === "close");
  expect((await call("DELETE", `/phones/${ALICE}/devices/1`)).status).toBe(204);
  expect((await closed).code).toBe(401);
});

test("faults, queues and sockets can be reached over HTTP", async () => {
  const alice = await wa.addPhone({ number: ALICE, pushName: "Alice" });
  const bob = await wa.addPhone({ number: BOB, pushName: "Bob" });
  await client.pair(alice);
  expect((await call("POST", `/devices/${ALICE}/1/faults`, { login: { code: 503 } })).status).toBe(204);
  const closed = client.next((update) => update.connection === "close");
  await call("POST", `/devices/${ALICE}/1/faults`, { cut: true });
  await closed;
  await bob.sendText(ALICE, "kept");
  expect((await call("GET", `/devices/${ALICE}/1/queue`)).json).toMatchObject({ kept: [{ tag: "message" }] });
  const refused = client.next((update) => update.connection === "close");
  client.connect();
  expect((await refused).code).toBe(503);
  await client.login();
  await client.waitForText("kept");
  const { json } = await call("GET", "/devices");
  expect(json).toMatchObject([{ sockets: { open: 1, maximum: 1 }, counts: { redelivered: 1 } }]);
});

test("what makes no sense is refused, with the reason", async () => {
  await call("POST", "/phones", { number: ALICE });
  expect(await call("POST", "/phones", { number: ALICE })).toMatchObject({ status: 409 });
  expect(await call("POST", "/phones", { number: "alice" })).toMatchObject({ status: 400 });
  expect(await call("GET", "/phones/4900000")).toMatchObject({ status: 404 });
  expect(await call("POST", `/phones/${ALICE}/text`, { to: "4900000", text: "?" })).toMatchObject({ status: 404 });
  expect(await call("POST", `/phones/${ALICE}/scan`, { qr: "2@not,a,real,qr,code-at-all" })).toMatchObject({
    status: 409,
  });
  expect(await call("GET", `/phones/${ALICE}/wait?text=never&timeoutMs=20`)).toMatchObject({ status: 408 });
  expect(await call("DELETE", `/phones/${ALICE}/devices/7`)).toMatchObject({ status: 409 });
});

test("every route is in the OpenAPI document, with schemas", async () => {
  const { json } = await call("GET", "/openapi.json");
  const { openapi, paths } = json as { openapi: string; paths: Record<string, Record<string, object>> };
  expect(openapi).toBe("3.1.0");
  expect(Object.keys(paths)).toContain("/phones/{number}/text");
  const operations = Object.values(paths).flatMap((path) => Object.values(path)) as { operationId: string }[];
  expect(operations.length).toBeGreaterThan(25);
  expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
  expect(paths["/phones/{number}/text"]?.post).toMatchObject({
    requestBody: { content: { "application/json": { schema: { required: ["to", "text"] } } } },
  });
});
