import { createHmac } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Phone } from "../../../simulator/index.ts";
import { closings, exchange } from "../../support/gateway/instance-state.ts";
import { type RestClient, restClient } from "../../support/gateway/rest-client.ts";
import { startTestGateway, type TestGateway } from "../../support/gateway/test-gateway.ts";
import { until } from "../../support/until.ts";

let gate: TestGateway;
let owner: Phone;
let bob: Phone;
let client: RestClient;

beforeAll(async () => {
  gate = await startTestGateway();
  owner = await gate.wa.addPhone({ number: "4915550000001", pushName: "Owner" });
  bob = await gate.wa.addPhone({ number: "4915550000002", pushName: "Bob" });
  client = restClient(gate, "multi-instance", await gate.linked(owner));
});
afterAll(async () => {
  await gate?.stop();
});

const ask = (method: string, path: string, body?: unknown) =>
  gate.api(method, `/api/instances/${client.instance}${path}`, body === undefined ? {} : { body });

test("a disabled instance has no socket and rejects sends, also after a restart, and reconnects when enabled", async () => {
  await exchange(client, { owner, peer: bob }, "before");
  expect((await ask("POST", "/disable")).body).toMatchObject({ success: true });
  expect(gate.wa.device(owner.number).sockets.open).toBe(0);
  expect(owner.devices).toHaveLength(1);
  const shown = (await ask("GET", "")).body;
  expect(shown).toMatchObject({
    enabled: false,
    status: "disconnected",
    connectionStatus: { ready: false, status: "disconnected", hasQr: false },
  });
  await expect(client.sendText(bob.number, "into the void")).rejects.toThrow("409");
  await until(async () => closings(gate, client.instance).at(-1)?.reason === "disabled" || undefined);
  expect(closings(gate, client.instance).at(-1)?.willReconnect).toBe(false);
  const meanwhile = await bob.sendText(owner.number, "while disabled");

  await gate.restart();
  expect((await ask("POST", "/disable")).status).toBe(200);
  expect(gate.wa.device(owner.number).sockets.open).toBe(0);

  expect((await ask("POST", "/enable")).body).toMatchObject({ success: true });
  await gate.status(client.instance, "connected");
  await client.reported("received", meanwhile.id);
  await exchange(client, { owner, peer: bob }, "after");
  const actions = (await ask("GET", "/activity?actions=instance_disabled,instance_enabled")).body.logs;
  expect(actions.map(({ action }: { action: string }) => action)).toEqual([
    "instance_enabled",
    "instance_disabled",
    "instance_disabled",
  ]);
});

test("a webhook has the configured headers and, after a rotation of the secret, both signatures", async () => {
  const before = (await ask("POST", "/webhook-secret")).body.secret as string;
  // As version 0.1 stored the headers.
  await gate.db.sql`
    update instances set webhook_headers = '{"x-door":"open sesame"}'::jsonb where id = ${client.instance}`;
  await gate.restart();
  await gate.status(client.instance, "connected");
  const [stored] = await gate.db
    .sql`select webhook_headers::text as headers from instances where id = ${client.instance}`;
  expect(stored?.headers).not.toContain("open sesame");
  const after = (await ask("POST", "/webhook-secret", { overlapSeconds: 600 })).body.secret as string;
  const { id } = await bob.sendText(owner.number, "signed twice");
  const { headers, text } = await client.reported("received", id);
  expect(headers["x-door"]).toBe("open sesame");
  const plain = (secret: string) => createHmac("sha256", secret).update(text).digest("hex");
  expect(headers["x-webhook-signature"]).toBe(plain(after));
  expect(headers["x-webhook-signature-previous"]).toBe(plain(before));
  const standard = (secret: string) =>
    `v1,${createHmac("sha256", Buffer.from(secret.slice("whsec_".length), "base64"))
      .update(`${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${text}`)
      .digest("base64")}`;
  expect(headers["webhook-signature"]).toBe(`${standard(after)} ${standard(before)}`);
});
