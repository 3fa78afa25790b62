import type { ChildProcess } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { endHost, spawnHost } from "../../local/gateway/host-process.ts";
import type { Phone } from "../../simulator/index.ts";
import { startTestGateway, type TestGateway } from "../support/gateway/test-gateway.ts";
import { until } from "../support/until.ts";

const hosts: ChildProcess[] = [];
let gate: TestGateway;
let bob: Phone;
const phones: Phone[] = [];
const instances: string[] = [];

beforeAll(async () => {
  gate = await startTestGateway({ host: "none" });
  await auditWrites();
  hosts.push(spawnHost(gate.gateway.env), spawnHost(gate.gateway.env));
  await until(async () => {
    const rows = await gate.db.sql`select host from shards where lease_until > now()`;
    return new Set(rows.map((row) => row.host)).size === 2 || undefined;
  }, 30_000);
  bob = await gate.wa.addPhone({ number: "4915550000099", pushName: "Bob" });
  for (let index = 0; index < 4; index++) {
    phones.push(await gate.wa.addPhone({ number: `491555000001${index}`, pushName: `Phone ${index}` }));
    instances.push(await gate.linked(phones[index] as Phone));
  }
});
afterAll(async () => {
  await Promise.all(hosts.map(end));
  await gate.stop();
});

test("two hosts share the shards", async () => {
  const rows = await gate.db.sql`select distinct host from shards where lease_until > now()`;
  expect(rows).toHaveLength(2);
});

test("a killed host is replaced within 30 s, and no instance ever has two sockets", async () => {
  const victim = await hostOf(instances[0] as string);
  const started = performance.now();
  victim.kill("SIGKILL");
  await Promise.all(
    instances.map((id, index) =>
      until(async () => {
        const answer = await gate.api("POST", `/api/whatsapp/${id}/send`, {
          body: { phone: "4915550000099", message: `after the kill ${index}` },
          headers: { "idempotency-key": `kill-${index}` },
        });
        return answer.status === 200 || undefined;
      }, 30_000),
    ),
  );
  for (const [index] of instances.entries()) {
    await bob.waitFor((message) => message.text === `after the kill ${index}`, { timeoutMs: 30_000 });
  }
  expect(performance.now() - started).toBeLessThan(30_000);
  expectOneSocketEach();
});

test("a frozen host whose lease expired writes nothing when it resumes", async () => {
  hosts.push(spawnHost(gate.gateway.env));
  await until(async () => {
    const rows = await gate.db.sql`select distinct host from shards where lease_until > now()`;
    return rows.length === 2 || undefined;
  }, 30_000);
  const id = instances[0] as string;
  await until(
    async () => ((await gate.api("GET", `/api/whatsapp/${id}/status`)).body.ready === true ? true : undefined),
    30_000,
  );
  const frozen = await hostOf(id);
  const [before] = await gate.db
    .sql`select host, epoch::int as epoch from shards where id = (select shard from instances where id = ${id})`;
  frozen.kill("SIGSTOP");
  await bob.sendText(phones[0]?.number ?? "", "while frozen");
  await until(async () => {
    const [now] = await gate.db
      .sql`select epoch::int as epoch from shards where id = (select shard from instances where id = ${id})`;
    return now?.epoch > before?.epoch || undefined;
  }, 40_000);
  await gate.receiver.waitFor(({ body }) => body.data.body === "while frozen", 30_000);
  frozen.kill("SIGCONT");
  await sleep(4000);
  expect([...(await gate.db.sql`select * from audit`)]).toEqual([]);
  const copies = await gate.db.sql`select 1 from messages where body = 'while frozen'`;
  expect(copies).toHaveLength(1);
  // A frozen process can't close its socket. WhatsApp closed it when the new host logged in.
  for (const phone of phones) expect(gate.wa.device(phone.number).sockets.open).toBe(1);
});

test("no host writes for an instance whose shard it does not hold", async () => {
  expect([...(await gate.db.sql`select * from audit`)]).toEqual([]);
});

function expectOneSocketEach() {
  for (const phone of phones) {
    expect(gate.wa.device(phone.number).sockets.maximum, `sockets of ${phone.number} at once`).toBe(1);
    expect(phone.errors).toEqual([]);
  }
  expect(gate.wa.unknown).toEqual([]);
}

/**
 * Records every later write of a session host that does not hold the lease of the instance's shard at that time.
 * A host's connections have its name.
 */
async function auditWrites(): Promise<void> {
  await gate.db.sql.unsafe(`
    create table audit (writer text, what text, operation text);
    create function audit() returns trigger language plpgsql as $$
    declare
      row jsonb := to_jsonb(coalesce(new, old));
      writer text := current_setting('application_name');
    begin
      if writer like 'session-host %' and not exists (
        select 1 from instances join shards on shards.id = instances.shard
        where instances.id = coalesce(row ->> 'instance_id', row ->> 'id')::uuid
          and 'session-host ' || shards.host = writer and shards.lease_until > clock_timestamp()
      ) then
        insert into audit values (writer, tg_table_name, tg_op);
      end if;
      return null;
    end $$;
  `);
  for (const table of ["session_keys", "session_inbox", "messages", "events", "commands", "instances", "activities"]) {
    await gate.db.sql.unsafe(
      `create trigger audit after insert or update on ${table} for each row execute function audit()`,
    );
  }
}

/** Returns the process that serves an instance. A host's id contains its process id. */
async function hostOf(id: string): Promise<ChildProcess> {
  const [row] = await gate.db.sql`select host from shards where id = (select shard from instances where id = ${id})`;
  const pid = Number(String(row?.host).split("-")[1]);
  const host = hosts.find((one) => one.pid === pid);
  if (!host) throw new Error(`no host has the process id ${pid}`);
  return host;
}

async function end(host: ChildProcess): Promise<void> {
  host.kill("SIGCONT");
  await endHost(host);
}
