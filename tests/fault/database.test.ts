import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type LocalPostgres, startPostgres } from "../../local/postgres/index.ts";
import type { Phone } from "../../simulator/index.ts";
import { startTestGateway, type TestGateway } from "../support/gateway/test-gateway.ts";
import { startTcpProxy, type TcpProxy } from "../support/network/tcp-proxy.ts";
import { until } from "../support/until.ts";

/** Length of the outage: a minute in a long run, and less in a short run, but always longer than a lease. */
const outageSeconds = process.env.FAULT_ROUNDS ? 60 : 14;

let directory: string;
let postgres: LocalPostgres;
let proxy: TcpProxy;
let gate: TestGateway;
let alice: Phone;
let bob: Phone;
let instance: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "switchboard-database-"));
  postgres = await startPostgres({ dataDir: directory });
  proxy = await startTcpProxy(postgres.port);
  const through = new URL(postgres.url);
  through.port = String(proxy.port);
  gate = await startTestGateway({ env: { DATABASE_URL: through.href } });
  alice = await gate.wa.addPhone({ number: "4915550000001", pushName: "Alice" });
  bob = await gate.wa.addPhone({ number: "4915550000002", pushName: "Bob" });
  instance = await gate.linked(alice);
});
afterAll(async () => {
  await gate?.stop();
  await proxy.stop();
  await postgres.stop();
  await rm(directory, { recursive: true, force: true });
});

test(
  "an outage of the database that outlasts a lease loses no credentials and no message",
  async () => {
    proxy.cut();
    const sent: string[] = [];
    for (let second = 0; second < outageSeconds; second += 2) {
      sent.push((await bob.sendText(alice.number, `during the outage ${second}`)).id);
      await sleep(2000);
    }
    const refused = await gate.api("POST", `/api/whatsapp/${instance}/send`, {
      body: { phone: bob.number, message: "too early" },
    });
    expect([refused.status, refused.body.code]).toEqual([503, "unavailable"]);
    await proxy.restore();

    await gate.status(instance, "connected", 60_000);
    await until(async () => {
      const rows = await gate.db.sql<
        { wa_id: string }[]
      >`select wa_id from messages where wa_id = any(${sent}::text[])`;
      return rows.length === sent.length || undefined;
    }, 60_000);
    for (const id of sent) await gate.receiver.waitFor(({ body }) => body.data.messageId === id);
    const creds = await gate.db.sql`select 1 from session_keys where instance_id = ${instance} and type = 'creds'`;
    expect(creds).toHaveLength(1);
    expect(alice.devices).toHaveLength(1);
    expect(alice.errors).toEqual([]);
    expect(gate.wa.unknown).toEqual([]);
  },
  (outageSeconds + 60) * 1000,
);
