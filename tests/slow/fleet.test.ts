import type { ChildProcess } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { endHost, spawnHost } from "../../local/gateway/host-process.ts";
import type { Phone } from "../../simulator/index.ts";
import { startTestGateway, type TestGateway } from "../support/gateway/test-gateway.ts";
import { until } from "../support/until.ts";

const hosts: ChildProcess[] = [];
const phones: Phone[] = [];
const instances: string[] = [];
let gate: TestGateway;
let bob: Phone;

beforeAll(async () => {
  gate = await startTestGateway({ host: "none", env: { SHARDS: "4" } });
  hosts.push(spawnHost(gate.gateway.env), spawnHost(gate.gateway.env));
  await evenlyShared();
  bob = await gate.wa.addPhone({ number: "4915550000099", pushName: "Bob" });
  for (let index = 0; index < 4; index++) {
    phones.push(await gate.wa.addPhone({ number: `491555000001${index}`, pushName: `Phone ${index}` }));
    const id = await instanceOf(index);
    await phones[index]?.scanQr(await gate.qr(id));
    instances.push(id);
  }
  await Promise.all(instances.map((id) => gate.status(id, "connected")));
});
afterAll(async () => {
  await Promise.all(hosts.map((host) => endHost(host)));
  await gate.stop();
});

/** Creates an instance in the given shard, so that each host has two. */
async function instanceOf(shard: number): Promise<string> {
  for (;;) {
    const id = await gate.createInstance("gateway");
    const [row] = await gate.db.sql`select shard from instances where id = ${id}`;
    if (row?.shard === shard) return id;
    await gate.api("DELETE", `/api/instances/${id}`);
  }
}

/** Waits until each of the two hosts holds two shards. */
const evenlyShared = () =>
  until(async () => {
    const rows = await gate.db.sql`
      select host, count(*)::int as shards from shards where lease_until > now() group by host`;
    return (rows.length === 2 && rows.every((row) => row.shards === 2)) || undefined;
  }, 30_000);

test("a restart drains one host at a time, and no message is lost or repeated", async () => {
  const sent: string[] = [];
  const refused: unknown[] = [];
  let going = true;
  const traffic = (async () => {
    for (let index = 0; going; index++) {
      const { status, body } = await gate.api("POST", "/api/message/send/text", {
        body: { instanceId: instances[index % 4], to: bob.number, message: `out ${index}` },
      });
      if (status === 200) sent.push(body.data.messageId);
      else refused.push(body);
      await sleep(20);
    }
  })();
  // A trigger records each drain, because polling would miss a short drain.
  await gate.db.sql`create table drains (id serial, host text, draining boolean)`;
  await gate.db.sql`
    create function note_drain() returns trigger language plpgsql as $$ begin
      insert into drains (host, draining) values (new.id, new.draining_since is not null);
      return new;
    end $$`;
  await gate.db.sql`
    create trigger note_drain after update on hosts for each row
      when ((old.draining_since is null) <> (new.draining_since is null)) execute function note_drain()`;
  const epochs = async () => {
    const rows = await gate.db.sql`select epoch::int as epoch from shards order by id`;
    return rows.map((row) => Number(row.epoch));
  };
  const before = await epochs();
  const restarted = await gate.api("POST", "/api/observability/restart");
  expect(restarted.body.data).toEqual({ stopped: false, hosts: 2 });
  // Each shard leaves its host at least once.
  await until(async () => (await epochs()).every((epoch, shard) => epoch > (before[shard] ?? 0)) || undefined, 60_000);
  const drains = () => gate.db.sql<{ host: string; draining: boolean }[]>`select * from drains order by id`;
  await until(async () => (await drains()).filter((one) => !one.draining).length >= 2 || undefined);
  await evenlyShared();
  const settled = await epochs();
  await sleep(6000);
  expect(await epochs()).toEqual(settled);
  going = false;
  await traffic;

  expect(refused).toEqual([]);
  // The hosts drain one after another, each host once.
  const steps = await drains();
  expect(steps.map((one) => one.draining)).toEqual([true, false, true, false]);
  expect(steps.map((one) => one.host)).toEqual([steps[0]?.host, steps[0]?.host, steps[2]?.host, steps[2]?.host]);
  expect(steps[0]?.host).not.toBe(steps[2]?.host);
  await until(async () => {
    const shown = new Set(bob.inbox.messages.map((message) => message.id));
    return sent.every((id) => shown.has(id)) || undefined;
  }, 30_000);
  expect(bob.inbox.duplicates).toBe(0);
  for (const phone of phones) {
    expect(gate.wa.device(phone.number).sockets.maximum).toBe(1);
    expect([phone.devices.length, phone.errors]).toEqual([1, []]);
  }
  expect(gate.wa.unknown).toEqual([]);
});

test("no host, not even a new host, takes a shard while the fleet is stopped", async () => {
  expect((await gate.api("POST", "/api/observability/stop")).body.data).toEqual({ stopped: true, hosts: 2 });
  const held = async () => (await gate.db.sql`select 1 from shards where lease_until > now()`).length;
  await until(async () => (await held()) === 0 || undefined, 30_000);
  hosts[0]?.kill("SIGKILL");
  hosts.push(spawnHost(gate.gateway.env));
  await until(async () => {
    const [row] = await gate.db.sql`select count(*)::int as n from hosts, fleet where started_at > updated_at`;
    return row?.n === 1 || undefined;
  }, 30_000);
  await sleep(4000);
  expect(await held()).toBe(0);
  expect(phones.map((phone) => [gate.wa.device(phone.number).sockets.open, phone.devices.length])).toEqual(
    phones.map(() => [0, 1]),
  );
  await gate.api("POST", "/api/observability/restart");
  await evenlyShared();
  await Promise.all(instances.map((id) => gate.status(id, "connected", 30_000)));
});
