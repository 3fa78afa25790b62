import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import { createVault } from "../../core/crypto/index.ts";
import { type Database, openDatabase } from "../../core/db/index.ts";
import { systemIds } from "../../core/id.ts";
import { createLogger } from "../../core/log.ts";
import { acquireLease } from "../../core/shard/lease.ts";
import { startPostgres } from "../../local/postgres/index.ts";
import { Lease, leaseTime } from "../../session-host/concurrency/lease.ts";
import type { Change, NewMessage } from "../../session-host/ledger/change.ts";
import { LeaseLost, Ledger } from "../../session-host/ledger/ledger.ts";
import { seedPostgres } from "../support/postgres.ts";

const vault = createVault(new Map([[1, randomBytes(32)]]), 1);
const leaseMs = 60_000;
const chat = "4915550000002@s.whatsapp.net";

let folder: string;
let server: Awaited<ReturnType<typeof startPostgres>>;
let db: Database;
let instanceId: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "switchboard-ledger-"));
  await seedPostgres(folder);
  server = await startPostgres({ dataDir: folder });
  db = openDatabase(server.url, { max: 3 });
});

afterAll(async () => {
  await db?.close();
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

beforeEach(async () => {
  instanceId = systemIds.uuid();
  const userId = systemIds.uuid();
  await db.sql`insert into users (id, email, password_hash) values (${userId}, ${`${userId}@example.com`}, '')`;
  await db.sql`
    insert into instances (id, user_id, name, dialect, shard) values (${instanceId}, ${userId}, 'test', 'gateway', 0)`;
});

/** Opens a ledger that holds the lease of shard 0. */
async function openLedger(over: Database = db): Promise<Ledger> {
  const host = systemIds.uuid();
  await db.sql`update shards set lease_until = null where id = 0`;
  const asked = leaseTime();
  const grant = await acquireLease(db, host, 0, leaseMs);
  if (!grant) throw new Error("shard 0 is taken");
  const lease = new Lease(grant);
  lease.prolong(asked, leaseMs);
  const log = createLogger("test", "silent");
  const none = () => undefined;
  const deps = { db: over, vault, ids: systemIds, log, host, lease, now: () => new Date() };
  return new Ledger({ ...deps, onEvents: none, onReplies: none });
}

function message(waId: string): NewMessage {
  return {
    ...{ id: systemIds.uuid(), wa_id: waId, chat_id: chat, from_me: false, sender_id: chat, sender_lid: null },
    ...{ push_name: null, type: "text", proto_type: "conversation", body: waId, media: null, context: null },
    ...{ status: "received", payload: null, sent_at: new Date().toISOString() },
    event: { type: "message.deleted", data: { messageId: waId, chatId: chat, by: chat, fromMe: false, timestamp: 1 } },
  };
}

const connected = (reason: string): Change => ({
  events: [{ type: "connection.update", data: { status: "connected", reason } }],
});

async function eventsOfInstance() {
  return await db.sql<{ seq: number; what: string }[]>`
    select seq::int as seq, coalesce(data->>'messageId', data->>'reason') as what from events
    where instance_id = ${instanceId} order by seq`;
}

/** A proxy in front of Postgres that loses the answer to one commit, which Postgres has made, and the connection with it. */
async function startLossyProxy(): Promise<{ url: string; loseNextCommit(): void; lost(): number }> {
  const { port: target } = new URL(server.url);
  let armed = false;
  let lost = 0;
  const proxy = createServer((client) => {
    const upstream = connect(Number(target), "127.0.0.1");
    let losing = false;
    client.on("data", (chunk) => {
      if (armed && chunk.includes("commit")) {
        armed = false;
        losing = true;
      }
      upstream.write(chunk);
    });
    upstream.on("data", (chunk) => {
      if (!losing) return client.write(chunk);
      lost++;
      client.destroy();
      return upstream.destroy();
    });
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      from.on("error", () => to.destroy());
      from.on("close", () => to.destroy());
    }
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void proxy.close());
  const url = new URL(server.url);
  url.port = String((proxy.address() as AddressInfo).port);
  return {
    url: url.href,
    loseNextCommit() {
      armed = true;
    },
    lost: () => lost,
  };
}

test("announces each event once when the answer to a commit is lost", async () => {
  const proxy = await startLossyProxy();
  // A prepared statement would not name the commit.
  const over = openDatabase(proxy.url, { max: 1, prepare: false });
  onTestFinished(() => over.close());
  const ledger = await openLedger(over);
  await ledger.append(instanceId, connected("before"));
  proxy.loseNextCommit();
  await Promise.all([
    ledger.append(instanceId, { messages: [message("A")], ...connected("first") }),
    ledger.append(instanceId, { messages: [message("A"), message("B")], ...connected("second") }),
  ]);
  expect(proxy.lost()).toBe(1);
  expect(await eventsOfInstance()).toEqual([
    { seq: 1, what: "before" },
    { seq: 2, what: "A" },
    { seq: 3, what: "first" },
    { seq: 4, what: "B" },
    { seq: 5, what: "second" },
  ]);
});

test("rejects only the change that the database rejects, and commits the others of its batch", async () => {
  const ledger = await openLedger();
  const outcomes = await Promise.allSettled([
    ledger.append(instanceId, connected("first")),
    ledger.append(instanceId, { ...connected("rejected"), readMarks: ["not a uuid"] }),
    ledger.append(instanceId, connected("last")),
  ]);
  expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect((await eventsOfInstance()).map(({ what }) => what)).toEqual(["first", "last"]);
});

test("commits nothing and closes once another host holds the lease", async () => {
  const ledger = await openLedger();
  const next = await openLedger();
  await expect(ledger.append(instanceId, connected("late"))).rejects.toBeInstanceOf(LeaseLost);
  await expect(ledger.append(instanceId, connected("later"))).rejects.toBeInstanceOf(LeaseLost);
  await next.append(instanceId, connected("next"));
  expect((await eventsOfInstance()).map(({ what }) => what)).toEqual(["next"]);
});
