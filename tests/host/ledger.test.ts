import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import { createVault } from "../../core/crypto/index.ts";
import { type Database, openDatabase } from "../../core/db/index.ts";
import { systemIds } from "../../core/id.ts";
import { createLogger } from "../../core/log.ts";
import type { Change, NewMessage } from "../../session-host/ledger/change.ts";
import { LeaseLost, Ledger } from "../../session-host/ledger/ledger.ts";
import { startLossyProxy } from "../support/network/lossy-proxy.ts";
import { type ShardDatabase, startShardDatabase } from "../support/session-host/shard-database.ts";

const vault = createVault(new Map([[1, randomBytes(32)]]), 1);
const chat = "4915550000002@s.whatsapp.net";

let database: ShardDatabase;
let instanceId: string;

beforeAll(async () => {
  database = await startShardDatabase();
});

afterAll(() => database?.stop());

beforeEach(async () => {
  instanceId = (await database.createInstance()).id;
});

/** Opens a ledger that holds the lease of shard 0. */
async function openLedger(over: Database = database.db): Promise<Ledger> {
  const { host, lease } = await database.takeLease();
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
  return await database.db.sql<{ seq: number; what: string }[]>`
    select seq::int as seq, coalesce(data->>'messageId', data->>'reason') as what from events
    where instance_id = ${instanceId} order by seq`;
}

test("a ledger announces each event once when the answer to a commit is lost", async () => {
  const proxy = await startLossyProxy(database.url);
  // A prepared statement would not name the commit.
  const over = openDatabase(proxy.url, { max: 1, prepare: false });
  onTestFinished(() => over.close());
  const ledger = await openLedger(over);
  await ledger.append(instanceId, connected("before"));
  proxy.loseAnswerTo("commit");
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

test("a ledger rejects only the change that the database rejects, and commits the other changes of the batch", async () => {
  const ledger = await openLedger();
  const outcomes = await Promise.allSettled([
    ledger.append(instanceId, connected("first")),
    ledger.append(instanceId, { ...connected("rejected"), readMarks: ["not a uuid"] }),
    ledger.append(instanceId, connected("last")),
  ]);
  expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect((await eventsOfInstance()).map(({ what }) => what)).toEqual(["first", "last"]);
});

test("a ledger commits nothing and closes once another host holds the lease", async () => {
  const ledger = await openLedger();
  const next = await openLedger();
  await expect(ledger.append(instanceId, connected("late"))).rejects.toBeInstanceOf(LeaseLost);
  await expect(ledger.append(instanceId, connected("later"))).rejects.toBeInstanceOf(LeaseLost);
  await next.append(instanceId, connected("next"));
  expect((await eventsOfInstance()).map(({ what }) => what)).toEqual(["next"]);
});
