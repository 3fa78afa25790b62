import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openVault } from "../../../core/crypto/index.ts";
import { createKeyWrapper } from "../../../core/crypto/wrapper.ts";
import { KeyStore } from "../../../session-host/baileys/key-store.ts";
import type { Phone } from "../../../simulator/index.ts";
import { expectNoComplaints } from "../../support/gateway/complaints.ts";
import { closings, details, exchange, opened, secrets } from "../../support/gateway/instance-state.ts";
import { linkInstance, phoneSeries } from "../../support/gateway/linked-gateway.ts";
import { dialects, restClient } from "../../support/gateway/rest-client.ts";
import { type Dialect, startTestGateway, type TestGateway } from "../../support/gateway/test-gateway.ts";
import { Client } from "../../support/simulator/client.ts";
import { never, until } from "../../support/until.ts";

let gate: TestGateway;
let bob: Phone;

beforeAll(async () => {
  gate = await startTestGateway();
  bob = await gate.wa.addPhone({ number: "4915550000002", pushName: "Bob" });
});
afterAll(async () => {
  await gate?.stop();
});

const newPhone = phoneSeries(() => gate.wa, "49155502000");

const linked = async (dialect: Dialect = "multi-instance") => linkInstance(gate, await newPhone(), dialect);

/** Waits for the webhook that reports a problem. */
const problem = (instance: string, reason: string) =>
  gate.receiver.waitFor(
    ({ body }) =>
      /^connection[._]problem$/.test(body.event) && body.data.instanceId === instance && body.data.reason === reason,
  );

describe.each(dialects)("in the %s dialect", (dialect) => {
  test("an instance reconnects after a lost connection, and the messages of both sides arrive in order and once", async () => {
    const { owner, client } = await linked(dialect);
    gate.wa.device(owner.number).faults.cut();
    const coming: string[] = [];
    for (let index = 0; index < 10; index++) coming.push((await bob.sendText(owner.number, `while away ${index}`)).id);
    const going: string[] = [];
    for (let index = 0; index < 10; index++) going.push(await client.sendText(bob.number, `from away ${index}`));
    for (const id of coming) await client.reported("received", id);
    for (const id of going) expect((await bob.waitFor((message) => message.id === id)).copies).toBe(1);
    const seen = bob.inbox.messages.filter((message) => going.includes(message.id)).map((message) => message.id);
    expect(seen).toEqual(going);
    await opened(gate, client.instance, 2);
    expect(closings(gate, client.instance)).toMatchObject([{ willReconnect: true }]);
    for (const id of coming) expect(client.allReported(id)).toEqual(["received"]);
    await until(async () => gate.wa.device(owner.number).kept.size === 0 || undefined);
    await gate.status(client.instance, "connected");
  });

  test("messages that are sent during a restart arrive in order and once", async () => {
    const { client } = await linked(dialect);
    const ids: string[] = [];
    for (let index = 0; index < 30; index++) {
      ids.push(await client.sendText(bob.number, `around the restart ${index}`));
      if (index === 10) void client.request("POST", "restart");
    }
    for (const id of ids) expect((await bob.waitFor((message) => message.id === id)).copies).toBe(1);
    expect(bob.inbox.messages.filter(({ id }) => ids.includes(id)).map(({ id }) => id)).toEqual(ids);
    await gate.status(client.instance, "connected");
  });

  test("an instance that is unlinked while disconnected becomes logged_out and fails its accepted messages", async () => {
    const { owner, client } = await linked(dialect);
    const device = gate.wa.device(owner.number);
    device.faults.login.add(503);
    device.faults.cut();
    const id = await client.sendText(bob.number, "accepted while away");
    owner.unlink(device);
    await gate.status(client.instance, "logged_out");
    const { error } = (await client.reported("failed", id)).body.data;
    expect(error.code).toBe("instance_not_connected");
    await client.inHistory(bob.number, id, "failed");
    expect(await secrets(gate, client.instance)).toBe(0);
    expect(bob.inbox.messages.some((message) => message.id === id)).toBe(false);
  });

  test.each([
    [403, "account_locked"],
    [406, "banned"],
  ])(
    "after the failure %i, the instance is logged out as %s, and offers a new QR code when it is reconnected",
    async (code, reason) => {
      const { owner, client } = await linked(dialect);
      owner.account.standing.failures.add({ reason: code, header: "Account review" });
      gate.wa.device(owner.number).faults.cut();
      await gate.status(client.instance, "logged_out");
      expect(await details(gate, client.instance)).toMatchObject({ status: "logged_out", statusReason: reason });
      const { body } = await gate.api("GET", `/api/instances/${client.instance}`);
      expect(body.connectionStatus).toMatchObject({ reason, until: null });
      expect(body.connectionStatus.details).toContain("WhatsApp says: Account review");
      const guide = `docs/guides/linking.md#${reason}`;
      expect((await problem(client.instance, reason)).body.data).toMatchObject({ reason, until: null, guide });
      expect(await secrets(gate, client.instance)).toBe(0);
      expect((await client.request("POST", "restart")).status).toBe(200);
      await owner.scanQr(await gate.qr(client.instance));
      await gate.status(client.instance, "connected");
      await exchange(client, { owner, peer: bob }, "after the new scan");
    },
  );

  test("an instance whose account is banned for some time reconnects by itself after the end and never before", async () => {
    const { owner, client } = await linked(dialect);
    owner.ban({ seconds: 6, code: 101 });
    const { until: end } = (await problem(client.instance, "temporarily_banned")).body.data;
    expect(new Date(end).getTime()).toBeGreaterThan(Date.now() - 6000);
    const shown = await details(gate, client.instance);
    expect(shown).toMatchObject({ status: "connecting", statusReason: "temporarily_banned", statusUntil: end });
    expect(shown.statusDetails).toContain("address books");
    expect(closings(gate, client.instance)).toMatchObject([{ reason: "temporarily_banned", willReconnect: true }]);
    const refused = await gate.api("POST", `/api/whatsapp/${client.instance}/send`, {
      body: { phone: bob.number, message: "during the ban" },
    });
    expect(refused).toMatchObject({ status: 409, body: { code: "instance_not_connected", until: end } });
    expect(refused.body.detail).toContain("temporarily_banned");
    // A person who asks for a reconnect does not shorten the ban.
    expect((await client.request("POST", "restart")).status).toBe(200);
    expect(await details(gate, client.instance)).toMatchObject({
      statusReason: "temporarily_banned",
      statusUntil: end,
    });
    await opened(gate, client.instance, 2);
    expect(owner.account.standing.refusedLogins).toBe(0);
    expect(owner.devices).toHaveLength(1);
    expect(await details(gate, client.instance)).toMatchObject({ statusReason: null, statusUntil: null });
    await exchange(client, { owner, peer: bob }, "after the ban");
  });

  test("a restart over the API reconnects without a new scan", async () => {
    const { owner, client } = await linked(dialect);
    expect((await client.request("POST", "restart")).status).toBe(200);
    await gate.status(client.instance, "connected");
    expect(owner.devices).toHaveLength(1);
    expect(gate.wa.device(owner.number).sockets.maximum).toBe(1);
    await exchange(client, { owner, peer: bob }, "after the restart");
  });
});

test("a send whose look-up of devices is not answered before the stream restarts goes out on the next connection", async () => {
  const { owner, client } = await linked();
  const peer = await newPhone();
  gate.wa.device(owner.number).faults.iqUnanswered.add({ xmlns: "usync", restart: true });
  const id = await client.sendText(peer.number, "around the restart of the stream");
  // Baileys gives up on an unanswered query after 60 s.
  expect((await peer.waitFor((message) => message.id === id, { timeoutMs: 45_000 })).copies).toBe(1);
  await opened(gate, client.instance, 2);
}, 90_000);

test("an instance whose client description is rejected stays linked, and tries again only at the user's request", async () => {
  const { owner, client } = await linked();
  owner.account.standing.failures.add({ reason: 409 });
  gate.wa.device(owner.number).faults.cut();
  await gate.status(client.instance, "disconnected");
  expect(await details(gate, client.instance)).toMatchObject({ statusReason: "user_agent_rejected" });
  expect(await secrets(gate, client.instance)).toBeGreaterThan(0);
  expect((await client.request("POST", "restart")).status).toBe(200);
  await gate.status(client.instance, "connected");
  expect(owner.account.standing.refusedLogins).toBe(1);
});

test("a rejected login is retried, and the credentials are kept", async () => {
  const { owner, client } = await linked();
  const { faults } = gate.wa.device(owner.number);
  faults.login.add(503);
  faults.login.add(500);
  faults.cut();
  await opened(gate, client.instance, 2);
  await gate.status(client.instance, "connected");
  expect(owner.devices).toHaveLength(1);
  await exchange(client, { owner, peer: bob }, "after refusals");
});

test("an instance that another socket replaces reports the reason, stays disconnected and does not reconnect", async () => {
  const owner = await newPhone();
  const client = restClient(gate, "multi-instance", await gate.linked(owner));
  const { config } = gate.gateway;
  const vault = await openVault(gate.db, await createKeyWrapper(config));
  const fail = (error: unknown) => {
    throw error;
  };
  const store = new KeyStore({ db: gate.db, vault, instanceId: client.instance, record: fail, fail });
  const thief = new Client(gate.wa);
  Object.assign(thief.creds, await store.loadCreds());
  await thief.login();

  await gate.status(client.instance, "disconnected");
  expect(await details(gate, client.instance)).toMatchObject({ status: "disconnected", statusReason: "replaced" });
  await until(async () => closings(gate, client.instance).length > 0 || undefined);
  expect(closings(gate, client.instance)).toEqual([{ reason: "replaced", willReconnect: false }]);
  const device = gate.wa.device(owner.number);
  const logins = device.sockets.logins;
  // Longer than the first reconnect delay and than the host's polling interval.
  await never(async () => (await details(gate, client.instance)).status === "connected", 3_500);
  expect(device.sockets.logins).toBe(logins);
  expect(thief.updates.entries.some((update) => update.connection === "close")).toBe(false);
  expect(await secrets(gate, client.instance)).toBeGreaterThan(0);

  const thrownOut = thief.next((update) => update.connection === "close");
  expect((await client.request("POST", "restart")).status).toBe(200);
  expect((await thrownOut).code).toBe(440);
  await gate.status(client.instance, "connected");
  await exchange(client, { owner, peer: bob }, "after the replacement");
  await thief.close();
});

test("prekeys are replenished before they run out", async () => {
  const owner = await newPhone();
  const client = restClient(gate, "multi-instance", await gate.linked(owner));
  const { preKeys } = gate.wa.device(owner.number);
  for (const id of [...preKeys.keys()].slice(4)) preKeys.delete(id);
  await client.reported("received", (await bob.sendText(owner.number, "uses one up")).id);
  await until(async () => preKeys.size >= 5 || undefined);
  const stranger = await newPhone();
  await client.reported("received", (await stranger.sendText(owner.number, "with a new one")).id);
});

test("WhatsApp and the phones report no error, and every phone decrypted its messages", () => {
  expectNoComplaints(gate.wa);
  for (const phone of gate.wa.phones) expect(phone.failures).toEqual([]);
});
