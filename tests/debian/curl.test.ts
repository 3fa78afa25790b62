import { execFile as execFileBack } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Phone } from "../../simulator/index.ts";
import { gatewayExample } from "../support/endpoint/documents.ts";
import { startTestGateway, type TestGateway } from "../support/gateway/test-gateway.ts";

const execFile = promisify(execFileBack);
let gate: TestGateway;
let bob: Phone;
let instance: string;
let key: string;
beforeAll(async () => {
  gate = await startTestGateway({ env: { OPEN_KEY_GENERATION: "true", HEALTH_DETAILS: "public" } });
  bob = await gate.wa.addPhone({ number: "6281234567890", pushName: "Bob" });
  instance = await gate.linked(await gate.wa.addPhone({ number: "4915550000001" }), "gateway");
  key = gate.gateway.firstAdmin?.apiKey.key ?? "";
});
afterAll(() => gate?.stop());

/** Runs the example under a heading of the document in a shell. Returns the response body of each curl call. */
async function run(heading: string, filledIn = { key, instance }) {
  const script = gatewayExample("gateway.sh", heading)
    .replaceAll("http://localhost:3000", gate.gateway.url)
    .replaceAll("your-api-key", filledIn.key)
    .replaceAll(/my-(?:first-)?instance/g, filledIn.instance)
    .replaceAll("https://your-webhook.com/webhook", gate.receiver.url);
  // Puts each response on a separate line.
  const { stdout } = await execFile("bash", ["-ec", `curl() { command curl -sS -w '\\n' "$@"; }\n${script}`]);
  return stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
}

test("the examples send a message and read the instance status and the health", async () => {
  const [sent, status, health] = await run("cURL");
  const arrived = await bob.waitFor((message) => message.id === sent.data.messageId);
  expect(arrived.text).toBe("Hello from cURL!");
  expect(status.data).toMatchObject({ id: instance, status: "connected" });
  expect(health).toMatchObject({ success: true, data: { status: "healthy", instances: { active: 1 } } });
});

test("the quick start leads from a new API key to the first message on a phone", async () => {
  const [generated] = await run("1. Generate API Key");
  expect(generated.data).toMatchObject({ name: "My First Key", permissions: ["read", "write"] });
  const [created] = await run("2. Create WhatsApp Instance", { key: generated.data.apiKey, instance: "" });
  expect(created.data).toMatchObject({ name: "My First Instance", webhookUrl: gate.receiver.url });
  const own = { key: generated.data.apiKey, instance: created.data.id };
  await gate.qr(own.instance);
  const [{ data }] = await run("3. Get QR Code", own);
  const phone = await gate.wa.addPhone({ number: "4915550000002" });
  await phone.scanQr(data.qrCode);
  await gate.status(own.instance, "connected");
  const [sent] = await run("4. Send Your First Message", own);
  const arrived = await bob.waitFor((message) => message.id === sent.data.messageId);
  expect(arrived).toMatchObject({ text: "Hello World!", from: phone.jid });
});

test("the monitoring example shows health, status and delivery statistics", async () => {
  expect(await run("Health Check Endpoint")).toMatchObject([{ data: { database: { status: "connected" } } }]);
  expect(await run("Server Metrics")).toMatchObject([{ data: { instances: { active: expect.any(Number) } } }]);
  await gate.receiver.waitFor(({ body }) => body.instanceId === instance && body.event === "connection.open");
  const [logs, stats] = await run("Webhook Logs");
  expect(logs.data.length).toBeGreaterThan(0);
  expect(stats.data.total).toBeGreaterThan(0);
});

test("the troubleshooting example shows the status, restarts without a new scan, and reports no QR code", async () => {
  const [status, restarted, qr] = await run("Instance Not Connecting");
  expect(status.data.status).toBe("connected");
  expect(restarted).toMatchObject({ success: true, data: { id: instance } });
  expect(["qr_not_available", "instance_already_connected"]).toContain(qr.code);
  await gate.status(instance, "connected");
});
