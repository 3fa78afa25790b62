import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { createVault } from "../../core/crypto/index.ts";
import { type Database, openDatabase } from "../../core/db/index.ts";
import type { AppendedEvent } from "../../core/event/append.ts";
import { systemIds } from "../../core/id.ts";
import { createLogger } from "../../core/log.ts";
import type { Grant } from "../../core/shard/lease.ts";
import type { Change } from "../../session-host/ledger/change.ts";
import { LeaseLost, Ledger } from "../../session-host/ledger/ledger.ts";
import { SharedCommitFailed, SharedCommits } from "../../session-host/ledger/shared-commits.ts";
import { startLossyProxy } from "../support/network/lossy-proxy.ts";
import { startTcpProxy } from "../support/network/tcp-proxy.ts";
import { type ShardDatabase, startShardDatabase } from "../support/session-host/shard-database.ts";
import { until } from "../support/until.ts";

const vault = createVault(new Map([[1, randomBytes(32)]]), 1);
const chat = "4915550000002@s.whatsapp.net";

let database: ShardDatabase;
beforeAll(async () => {
  database = await startShardDatabase();
});
afterAll(() => database?.stop());

/** A shard of the host: its ledger, an instance with a message that is not acknowledged, and its announced events. */
interface OpenShard {
  ledger: Ledger;
  shared: SharedCommits;
  grant: Grant;
  instanceId: string;
  announced: (AppendedEvent | "in doubt")[];
  takeAway(): Promise<unknown>;
}

/** Opens the ledgers of shards 0, 1 and 2 of one host. */
async function openShards(db: Database = database.db): Promise<[OpenShard, OpenShard, OpenShard]> {
  const host = systemIds.uuid();
  const log = createLogger("test", "silent");
  const deps = { db, vault, ids: systemIds, log, host, now: () => new Date() };
  const shared = new SharedCommits(deps);
  const open = async (shard: number): Promise<OpenShard> => {
    const { id: instanceId } = await database.createInstance(shard);
    await database.db.sql`
      insert into messages (id, instance_id, wa_id, chat_id, from_me, type, proto_type, body, status, sent_at)
      values (${systemIds.uuid()}, ${instanceId}, 'A', ${chat}, true, 'text', 'conversation', 'A', 'pending', now())`;
    const { lease } = await database.takeLease(shard, host);
    const announced: OpenShard["announced"] = [];
    const ledger = new Ledger({
      ...{ ...deps, lease, shared },
      onEvents: (events, inDoubt) => announced.push(...events, ...(inDoubt ? (["in doubt"] as const) : [])),
      onReplies: () => undefined,
    });
    return { ledger, shared, grant: lease.grant, instanceId, announced, takeAway: () => database.takeLease(shard) };
  };
  return [await open(0), await open(1), await open(2)];
}

const ack: Change = { acks: [{ waId: "A" }], correlationId: "c" };
const receipt = (timestamp: number): Change => ({
  progress: [{ waIds: ["A"], status: "delivered", by: chat, timestamp, chats: [chat], people: [chat] }],
  correlationId: "c",
});
const append = ({ ledger, instanceId }: OpenShard, change: Change) => ledger.append(instanceId, change);
const commit = ({ shared, grant, instanceId }: OpenShard, change: Change) =>
  shared.commit(grant, [{ instanceId, change, at: new Date(), eventIds: [] }]);

/** Returns the types of the events of a shard in the log, and the transactions that stored them. */
async function logOf({ instanceId }: OpenShard) {
  const rows = await database.db.sql<{ type: string; xid: string }[]>`
    select type, xmin::text as xid from events where instance_id = ${instanceId} order by seq`;
  return { types: rows.map(({ type }) => type), xids: rows.map(({ xid }) => xid) };
}

test("acknowledgements and receipts of all shards of a host share a commit, and each shard announces its own", async () => {
  const shards = await openShards();
  await Promise.all(shards.flatMap((shard) => [append(shard, ack), append(shard, receipt(1))]));
  const logs = await Promise.all(shards.map(logOf));
  for (const { types } of logs) expect(types).toEqual(["message.sent", "message.delivered"]);
  expect(new Set(logs.flatMap(({ xids }) => xids)).size).toBe(1);
  for (const { announced, instanceId } of shards) {
    expect(announced).toMatchObject([
      { instanceId, seq: 1, type: "message.sent" },
      { instanceId, seq: 2, type: "message.delivered" },
    ]);
  }
});

test("a shard whose lease is lost is refused alone", async () => {
  const [first, lost, third] = await openShards();
  await lost.takeAway();
  const outcomes = await Promise.allSettled([first, lost, third].map((shard) => append(shard, ack)));
  expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect((outcomes[1] as PromiseRejectedResult).reason).toBeInstanceOf(LeaseLost);
  expect((await logOf(lost)).types).toEqual([]);
  for (const shard of [first, third]) {
    expect((await logOf(shard)).types).toEqual(["message.sent"]);
    expect(shard.announced).toMatchObject([{ seq: 1 }]);
  }
});

test("a change that the database refuses fails alone", async () => {
  const [first, bad, third] = await openShards();
  const outcomes = await Promise.allSettled([
    ...[append(first, ack), append(bad, ack)],
    ...[append(bad, receipt(1e300)), append(third, ack)],
  ]);
  expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected", "fulfilled"]);
  for (const shard of [first, bad, third]) expect((await logOf(shard)).types).toEqual(["message.sent"]);
});

test("a row that someone locks in one shard does not hold up the others", async () => {
  const [first, blocked, third] = await openShards();
  const lock = await database.db.sql.reserve();
  await lock`begin`;
  await lock`select from messages where instance_id = ${blocked.instanceId} for update`;
  let done = false;
  const waiting = append(blocked, ack).then(() => {
    done = true;
  });
  await Promise.all([append(first, ack), append(third, ack)]);
  expect(done).toBe(false);
  await lock`rollback`;
  lock.release();
  await waiting;
  for (const shard of [first, blocked, third]) {
    expect((await logOf(shard)).types).toEqual(["message.sent"]);
    expect(shard.announced).toMatchObject([{ type: "message.sent" }]);
  }
});

test("a shared commit whose answer is lost is tried again by each shard, announces each event once, and reports the doubt", async () => {
  const proxy = await startLossyProxy(database.url);
  // A prepared statement would not name the commit.
  const db = openDatabase(proxy.url, { max: 1, prepare: false });
  onTestFinished(() => db.close());
  const shards = await openShards(db);
  proxy.loseAnswerTo("commit");
  await Promise.all(shards.map((shard) => append(shard, ack)));
  for (const shard of shards) {
    expect((await logOf(shard)).types).toEqual(["message.sent"]);
    expect(shard.announced).toEqual(["in doubt"]);
  }
});

test("a shared commit whose connection goes silent is tried again by each shard over another connection", async () => {
  let release: (() => void) | undefined;
  let connections = 0;
  const proxy = await startTcpProxy(Number(new URL(database.url).port), () => {
    if (++connections === 2) release?.();
    return {
      onRequest(chunk) {
        // The check of several leases.
        if (chunk.includes("fence(shard")) release ??= proxy.hold();
      },
      passesAnswer: () => true,
    };
  });
  onTestFinished(() => proxy.stop());
  const url = Object.assign(new URL(database.url), { port: String(proxy.port) });
  const db = openDatabase(url.href, { max: 1, prepare: false, answerMs: 300 });
  onTestFinished(() => db.close());
  const shards = await openShards(db);
  await Promise.all(shards.map((shard) => append(shard, ack)));
  expect(connections).toBe(2);
  for (const shard of shards) {
    expect((await logOf(shard)).types).toEqual(["message.sent"]);
    expect(shard.announced).toMatchObject([{ seq: 1, type: "message.sent" }, "in doubt"]);
  }
});

test("a shared commit that waits behind another statement fails in time, and leaves the statement its connection", async () => {
  const db = openDatabase(database.url, { max: 1, answerMs: 300 });
  onTestFinished(() => db.close());
  const [first, second] = await openShards(db);
  const lock = await database.db.sql.reserve();
  await lock`begin`;
  await lock`select from instances where id = ${first.instanceId} for update`;
  await db.sql`select 1`;
  // Without parameters, so that the driver sends what comes next over the same connection.
  const earlier = db.sql.unsafe(`select name from instances where id = '${first.instanceId}' for update`).execute();
  await until(async () => {
    const [row] = await database.db.sql`select from pg_stat_activity where wait_event_type = 'Lock'`;
    return row;
  });
  const outcomes = await Promise.allSettled([commit(first, ack), commit(second, ack)]);
  for (const outcome of outcomes) {
    const { reason } = outcome as PromiseRejectedResult;
    expect(reason).toBeInstanceOf(SharedCommitFailed);
    expect(reason.cause).toMatchObject({ code: "CONNECTION_SILENT" });
  }
  await lock`rollback`;
  lock.release();
  expect([...(await earlier)]).toEqual([{ name: "test" }]);
  // The transaction was on its way.
  for (const shard of [first, second])
    expect((await until(async () => ((await logOf(shard)).types.length > 0 ? logOf(shard) : undefined))).types).toEqual(
      ["message.sent"],
    );
});

test("shards with more than 200 acknowledgements and receipts in all don't share one commit", async () => {
  const shards = await openShards();
  const acks = Array.from({ length: 99 }, (_, index) => ({ waId: `other ${index}` }));
  await Promise.all(shards.map((shard) => commit(shard, { acks: [{ waId: "A" }, ...acks], correlationId: "c" })));
  const [first, second, third] = (await Promise.all(shards.map(logOf))).map(({ xids }) => xids);
  expect(first).toHaveLength(1);
  expect(second).toEqual(first);
  expect(third).toHaveLength(1);
  expect(third).not.toEqual(first);
});
