import { ListObjectsV2Command } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readConfig } from "../../../core/config.ts";
import { openStorage } from "../../../core/storage/index.ts";
import type { Phone } from "../../../simulator/index.ts";
import { expectNoComplaints } from "../../support/gateway/complaints.ts";
import { closings, details, exchange, opened, secrets, typesOfEvents } from "../../support/gateway/instance-state.ts";
import { linkInstance, phoneSeries } from "../../support/gateway/linked-gateway.ts";
import { dialects, type RestClient, restClient } from "../../support/gateway/rest-client.ts";
import { startTestGateway, type TestGateway } from "../../support/gateway/test-gateway.ts";
import { startTcpProxy, type TcpProxy } from "../../support/network/tcp-proxy.ts";
import { Client } from "../../support/simulator/client.ts";
import { until } from "../../support/until.ts";

let gate: TestGateway;
let proxy: TcpProxy;
let bob: Phone;

beforeAll(async () => {
  proxy = await startTcpProxy();
  gate = await startTestGateway({ env: { WHATSAPP_URL: `ws://127.0.0.1:${proxy.port}/ws/chat` } });
  proxy.target(Number(new URL(gate.wa.url).port));
  bob = await gate.wa.addPhone({ number: "4915550000002", pushName: "Bob" });
});
afterAll(async () => {
  await gate?.stop();
  await proxy.stop();
});

const newPhone = phoneSeries(() => gate.wa, "49155501000");

/** Waits for the webhook that reports a problem. */
const problem = (instance: string, reason: string) =>
  gate.receiver.waitFor(
    ({ body }) =>
      /^connection[._]problem$/.test(body.event) && body.data.instanceId === instance && body.data.reason === reason,
  );

describe.each(dialects)("in the %s dialect", (dialect) => {
  const nextQr = (client: RestClient, except?: string) =>
    until(async () => {
      const { status, body } = await client.request("GET", "qr");
      const code = status === 200 ? (dialect === "gateway" ? body.data.qrCode : body.qrCode) : undefined;
      return code && code !== except ? (code as string) : undefined;
    });

  const linked = async () => linkInstance(gate, await newPhone(), dialect);

  const passkeyPath = (client: RestClient) =>
    `/api/${dialect === "gateway" ? "instance" : "instances"}/${client.instance}/passkey`;
  const passkeyRequest = async (client: RestClient) => {
    const { body } = await gate.api("GET", passkeyPath(client));
    return dialect === "gateway" ? body.data : body;
  };
  const passkeyAnswer = (client: RestClient, body: unknown) => gate.api("POST", passkeyPath(client), { body });
  const passkeyConfirmation = (client: RestClient) => gate.api("POST", `${passkeyPath(client)}/confirm`);

  test("a scanned QR code links the instance, and neither the code nor the restart after linking is visible", async () => {
    const owner = await newPhone();
    const client = restClient(gate, dialect, await gate.createInstance(dialect));
    const qr = await nextQr(client);
    expect(qr.split(",").length).toBeGreaterThanOrEqual(4);
    expect(await details(gate, client.instance)).toMatchObject({ status: "qr", hasQr: true, connectedAt: null });
    await owner.scanQr(qr);
    await gate.status(client.instance, "connected");
    expect(await details(gate, client.instance)).toMatchObject({
      statusReason: null,
      hasQr: false,
      phoneNumber: owner.number,
    });
    const after = await client.request("GET", "qr");
    expect({ status: after.status, code: after.body.code }).toEqual({
      status: 409,
      code: "instance_already_connected",
    });
    const { data } = (await opened(gate, client.instance)).body;
    expect(data).toMatchObject({ phoneNumber: owner.number, lid: owner.lidJid });
    const types = await typesOfEvents(gate, client.instance);
    expect(types.slice(types.indexOf("connection.update qr"))).toEqual([
      "connection.update qr",
      "connection.qr",
      "connection.update connecting",
      "connection.update connected",
      "connection.open",
    ]);
    expect(closings(gate, client.instance)).toEqual([]);
    const { body } = await gate.api("GET", `/api/instances/${client.instance}/activity`);
    expect(body.logs.map((log: { action: string }) => log.action)).not.toContain("connection_closed");
    await exchange(client, { owner, peer: bob }, "after the scan");
  });

  test("an instance has no QR code while WhatsApp is unreachable, and then a new code that can be scanned", async () => {
    const owner = await newPhone();
    const client = restClient(gate, dialect, await gate.createInstance(dialect));
    const old = await nextQr(client);
    proxy.cut();
    try {
      const answer = await until(async () => {
        const { status, body } = await client.request("GET", "qr");
        return status === 200 ? undefined : { status, code: body.code };
      });
      expect(answer).toEqual({ status: 404, code: "qr_not_available" });
    } finally {
      await proxy.restore();
    }
    const fresh = await nextQr(client, old);
    await expect(owner.scanQr(old)).rejects.toThrow("unknown or has expired");
    await owner.scanQr(fresh);
    await gate.status(client.instance, "connected");
  });

  test("a pairing code that the owner enters on the phone links the instance", async () => {
    const owner = await newPhone();
    const client = restClient(gate, dialect, await gate.createInstance(dialect));
    await nextQr(client);
    const code = await client.pairingCode(`+${owner.number}`);
    expect(code).toMatch(/^[A-Z0-9]{4}-?[A-Z0-9]{4}$/);
    await owner.linkWithCode(code);
    await gate.status(client.instance, "connected");
    expect(await details(gate, client.instance)).toMatchObject({ phoneNumber: owner.number });
    await exchange(client, { owner, peer: bob }, "after the code");
    await expect(client.pairingCode(owner.number)).rejects.toThrow("409");
  });

  test("a wrong pairing code does not link the instance, and a new code does", async () => {
    const owner = await newPhone();
    const client = restClient(gate, dialect, await gate.createInstance(dialect));
    const code = await client.pairingCode(owner.number);
    const wrong = code.startsWith("A") ? `B${code.slice(1)}` : `A${code.slice(1)}`;
    await expect(owner.linkWithCode(wrong)).rejects.toThrow("wrong code");
    expect(owner.devices).toEqual([]);
    const again = await client.pairingCode(owner.number);
    await owner.linkWithCode(again);
    await gate.status(client.instance, "connected");
    await exchange(client, { owner, peer: bob }, "after a wrong code");
  });

  test("a pairing code is returned only if WhatsApp accepted the request", async () => {
    const client = restClient(gate, dialect, await gate.createInstance(dialect));
    await expect(client.pairingCode("4915550999999")).rejects.toThrow("502");
    const owner = await newPhone();
    await owner.linkWithCode(await client.pairingCode(owner.number));
    await gate.status(client.instance, "connected");
  });

  test("an instance with a device name can be linked with a pairing code", async () => {
    const owner = await newPhone();
    const client = restClient(gate, dialect, await gate.createInstance(dialect, { deviceName: "Acme Support" }));
    await owner.linkWithCode(await client.pairingCode(owner.number));
    await gate.status(client.instance, "connected");
    expect(owner.devices[0]?.credentials.platform).toBe("Acme Support");
  });

  test("an account that demands a passkey is linked with the answer of the passkey, after a QR code or a pairing code", async () => {
    for (const way of ["qr", "code"] as const) {
      const owner = await newPhone();
      const passkey = owner.requirePasskey();
      const client = restClient(gate, dialect, await gate.createInstance(dialect));
      const linking =
        way === "qr" ? owner.scanQr(await nextQr(client)) : owner.linkWithCode(await client.pairingCode(owner.number));
      const { data } = (await problem(client.instance, "passkey_required")).body;
      expect(data.guide).toBe("docs/guides/linking.md#passkey_required");
      expect(await details(gate, client.instance)).toMatchObject({
        ...{ status: "connecting", statusReason: "passkey_required", statusUntil: data.until, hasQr: false },
      });
      const { publicKey, expiresAt } = await passkeyRequest(client);
      expect(expiresAt).toBe(data.until);
      const forged = passkey.sign({ ...publicKey, challenge: "AAAA" });
      expect(await passkeyAnswer(client, forged)).toMatchObject({ status: 502, body: { code: "whatsapp_error" } });
      const answered = await passkeyAnswer(client, passkey.sign(publicKey));
      expect(answered.status).toBe(200);
      expect((dialect === "gateway" ? answered.body.data : answered.body).confirmationCode).toBe(null);
      await linking;
      await gate.status(client.instance, "connected");
      expect(await details(gate, client.instance)).toMatchObject({ statusReason: null, phoneNumber: owner.number });
      expect(await passkeyAnswer(client, passkey.sign(publicKey))).toMatchObject({ status: 409 });
      await exchange(client, { owner, peer: bob }, `after the passkey and the ${way}`);
    }
  });

  test("an instance without a request for a passkey says so, and refuses an answer", async () => {
    const owner = await newPhone();
    const client = restClient(gate, dialect, await gate.createInstance(dialect));
    await nextQr(client);
    const answer = owner.requirePasskey().sign({ challenge: "AAAA", rpId: "whatsapp.com" });
    expect(await passkeyAnswer(client, answer)).toMatchObject({ status: 409, body: { code: "conflict" } });
    expect(await passkeyConfirmation(client)).toMatchObject({ status: 409, body: { code: "conflict" } });
    const path = dialect === "gateway" ? "instance" : "instances";
    expect(await gate.api("GET", `/api/${path}/${client.instance}/passkey`)).toMatchObject({ status: 409 });
  });

  test("a refused pairing code is an error, a reason and an event that say what to do, and a QR code still links", async () => {
    const owner = await newPhone();
    const client = restClient(gate, dialect, await gate.createInstance(dialect));
    owner.account.standing.codeRefusals.add(400);
    const path = dialect === "gateway" ? "instance" : "instances";
    const refused = await gate.api("POST", `/api/${path}/${client.instance}/pairing-code`, {
      body: { phoneNumber: owner.number },
    });
    expect(refused).toMatchObject({ status: 502, body: { code: "pairing_code_refused" } });
    expect(JSON.stringify(refused.body)).toContain("check the phone number");
    const { data } = (await problem(client.instance, "pairing_code_refused")).body;
    expect(data).toMatchObject({ until: null, guide: "docs/guides/linking.md#pairing_code_refused" });
    expect(await details(gate, client.instance)).toMatchObject({
      status: "qr",
      statusReason: "pairing_code_refused",
      statusDetails: data.details,
      hasQr: true,
    });
    await owner.scanQr(await nextQr(client));
    await gate.status(client.instance, "connected");
  });

  test("after WhatsApp refuses a pairing code with 429, further requests are refused at once, with the time to wait", async () => {
    const owner = await newPhone();
    const { standing } = owner.account;
    const client = restClient(gate, dialect, await gate.createInstance(dialect));
    standing.codeRefusals.add(429);
    await expect(client.pairingCode(owner.number)).rejects.toThrow("429");
    const end = (await problem(client.instance, "pairing_code_refused")).body.data.until;
    expect(Date.parse(end)).toBeGreaterThan(Date.now());
    const path = dialect === "gateway" ? "instance" : "instances";
    const again = await gate.api("POST", `/api/${path}/${client.instance}/pairing-code`, {
      body: { phoneNumber: owner.number },
    });
    expect(again).toMatchObject({ status: 429, body: { code: "rate_limited" } });
    expect(Number(again.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(standing.codeRequests).toBe(1);
    await gate.db.sql`
      update instances set pairing_codes_blocked_until = now() where id = ${client.instance}`;
    // The host knows the pause without the database.
    await expect(client.pairingCode(owner.number)).rejects.toThrow("429");
    expect(standing.codeRequests).toBe(1);
  });

  test("of two simultaneous requests for a pairing code, only the request that WhatsApp refuses fails", async () => {
    const client = restClient(gate, dialect, await gate.createInstance(dialect));
    const owner = await newPhone();
    const [refused, accepted] = await Promise.allSettled(
      ["4915550999999", owner.number].map((number) => client.pairingCode(number)),
    );
    expect(refused).toMatchObject({ status: "rejected", reason: { message: expect.stringContaining("502") } });
    expect(accepted).toMatchObject({ status: "fulfilled", value: expect.stringMatching(/^[A-Z0-9]{4}-?[A-Z0-9]{4}$/) });
  });

  test("an instance that the owner unlinks reports the logout, deletes its credentials, and can be linked again", async () => {
    const { owner, client } = await linked();
    await exchange(client, { owner, peer: bob }, "before the unlinking");
    expect(await secrets(gate, client.instance)).toBeGreaterThan(0);
    owner.unlink(gate.wa.device(owner.number));
    await gate.status(client.instance, "logged_out");
    expect(await details(gate, client.instance)).toMatchObject({ statusReason: "logout", hasQr: false });
    await until(async () => closings(gate, client.instance).length > 0 || undefined);
    expect(closings(gate, client.instance)).toEqual([{ reason: "logout", willReconnect: false }]);
    expect(await secrets(gate, client.instance)).toBe(0);
    const refused = await gate.api("POST", `/api/whatsapp/${client.instance}/send`, {
      body: { phone: bob.number, message: "x" },
    });
    expect(refused).toMatchObject({
      status: 409,
      body: { code: "instance_not_connected", instanceStatus: "logged_out" },
    });
    const noQr = await client.request("GET", "qr");
    expect({ status: noQr.status, code: noQr.body.code }).toEqual({ status: 404, code: "qr_not_available" });

    expect((await client.request("POST", "restart")).status).toBe(200);
    await owner.scanQr(await nextQr(client));
    await gate.status(client.instance, "connected");
    await exchange(client, { owner, peer: bob }, "after the second scan");
  });

  test("another account can be linked to a logged-out instance", async () => {
    const { owner, client } = await linked();
    owner.unlink(gate.wa.device(owner.number));
    await gate.status(client.instance, "logged_out");
    await client.request("POST", "restart");
    const other = await newPhone();
    await other.scanQr(await nextQr(client));
    await gate.status(client.instance, "connected");
    expect(await details(gate, client.instance)).toMatchObject({ phoneNumber: other.number });
    await exchange(client, { owner: other, peer: bob }, "of another account");
  });

  test("a logout unlinks the device, deletes the credentials, and can be repeated", async () => {
    const { owner, client } = await linked();
    expect(owner.devices).toHaveLength(1);
    expect((await client.request("POST", "logout")).status).toBe(200);
    expect(owner.devices).toEqual([]);
    expect(await details(gate, client.instance)).toMatchObject({ status: "logged_out", statusReason: "logout" });
    expect(await secrets(gate, client.instance)).toBe(0);
    expect((await client.request("POST", "logout")).status).toBe(200);
    await client.request("POST", "restart");
    await owner.scanQr(await nextQr(client));
    await gate.status(client.instance, "connected");
    await exchange(client, { owner, peer: bob }, "after the logout");
  });

  test("a deletion unlinks the device and leaves no rows or files", async () => {
    const { owner, client } = await linked();
    await exchange(client, { owner, peer: bob }, "before the deletion");
    const { id } = await bob.sendImage(owner.number, Buffer.from("no real picture, but a file"));
    await client.reported("received", id);
    await until(async () => {
      const [row] = await gate.db.sql`select media->>'state' as state from messages where wa_id = ${id}`;
      return row?.state === "stored" || undefined;
    });
    expect((await client.request("DELETE", "delete")).status).toBe(200);
    expect(owner.devices).toEqual([]);
    expect((await client.request("GET", "status")).status).toBe(404);
    const storage = openStorage(readConfig(gate.gateway.env));
    const files = await storage.client.send(new ListObjectsV2Command({ Bucket: "switchboard-media" }));
    expect(files.Contents?.filter(({ Key }) => Key?.includes(client.instance)) ?? []).toEqual([]);
    // Usage stays with the user, so that the total of a month never decreases. The audit log tells of the deletion.
    const tables = await gate.db.sql<{ name: string }[]>`
      select table_name as name from information_schema.columns
      where table_schema = 'public' and column_name = 'instance_id' and table_name not in ('usage', 'audit_log')`;
    expect(tables.length).toBeGreaterThan(5);
    for (const { name } of tables) {
      const [row] = await gate.db.sql`
        select count(*)::int as n from ${gate.db.sql(name)} where instance_id = ${client.instance}`;
      expect({ name, rows: row?.n }).toEqual({ name, rows: 0 });
    }
    const [left] = await gate.db.sql`select count(*)::int as n from instances where id = ${client.instance}`;
    expect(left?.n).toBe(0);
  });

  test("a deletion before linking leaves no rows, and the QR code becomes invalid", async () => {
    const client = restClient(gate, dialect, await gate.createInstance(dialect));
    const qr = await nextQr(client);
    expect((await client.request("DELETE", "delete")).status).toBe(200);
    const owner = await newPhone();
    await expect(owner.scanQr(qr)).rejects.toThrow("unknown or has expired");
    expect(await secrets(gate, client.instance)).toBe(0);
  });
});

test("a second linked device and the instance both get every message", async () => {
  const owner = await newPhone();
  const client = restClient(gate, "multi-instance", await gate.linked(owner));
  const second = new Client(gate.wa);
  await second.pair(owner);
  const coming = await bob.sendText(owner.number, "to both devices");
  await client.reported("received", coming.id);
  expect((await second.waitForText("to both devices")).key.id).toBe(coming.id);

  const id = await client.sendText(bob.number, "from the gateway");
  expect((await second.waitForText("from the gateway")).key).toMatchObject({ id, fromMe: true });

  const sent = await second.sock.sendMessage(bob.lidJid, { text: "from the other device" });
  const other = sent?.key.id ?? "";
  await bob.waitFor((message) => message.id === other);
  const told = await client.reported("sent", other);
  expect(told.body.data).toMatchObject({ body: "from the other device", source: "phone", chatId: bob.jid });
  const shown = (await client.history(bob.number)).map((message) => message.id);
  expect(shown.toSorted()).toEqual([other, id, coming.id].toSorted());
  await second.close();
});

test("two instances that are linked to one phone are separate devices", async () => {
  const owner = await newPhone();
  const [first, second] = [
    restClient(gate, "multi-instance", await gate.linked(owner)),
    restClient(gate, "gateway", await gate.linked(owner, "gateway")),
  ];
  expect(owner.devices).toHaveLength(2);
  const { id } = await bob.sendText(owner.number, "to both instances");
  await Promise.all([first.reported("received", id), second.reported("received", id)]);
  const mine = await first.sendText(bob.number, "from the first instance");
  expect((await second.reported("sent", mine)).body.data).toMatchObject({ source: "phone" });
  expect((await first.reported("sent", mine)).body.data).toMatchObject({ source: "api" });
  await first.request("POST", "logout");
  expect(owner.devices).toHaveLength(1);
  await exchange(second, { owner, peer: bob }, "without the first");
});

test("WhatsApp and the phones report no error, and every phone decrypted its messages", () => {
  expectNoComplaints(gate.wa);
  for (const phone of gate.wa.phones) expect(phone.failures).toEqual([]);
});
