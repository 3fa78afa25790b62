import { randomBytes } from "node:crypto";
import type postgres from "postgres";
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { createVault } from "../../core/crypto/index.ts";
import { openDatabase } from "../../core/db/index.ts";
import { PipelinedTransaction, sent } from "../../core/db/pipeline.ts";
import type { AppendedEvent } from "../../core/event/append.ts";
import { systemIds } from "../../core/id.ts";
import { createLogger } from "../../core/log.ts";
import type { Change, NewMessage } from "../../session-host/ledger/change.ts";
import { LeaseLost, Ledger } from "../../session-host/ledger/ledger.ts";
import { startTcpProxy } from "../support/network/tcp-proxy.ts";
import { type ShardDatabase, startShardDatabase } from "../support/session-host/shard-database.ts";
import { until } from "../support/until.ts";

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

/** Opens a ledger over one connection through a proxy that records the requests and can hold or lose the answers. */
async function open() {
  let requests = "";
  let lose = false;
  let replies = 0;
  const url = new URL(database.url);
  const filterOf = () => ({
    onRequest(chunk: Buffer) {
      requests += chunk.toString("latin1");
    },
    passesAnswer: () => !lose,
  });
  const proxy = await startTcpProxy(Number(url.port), filterOf);
  onTestFinished(() => proxy.stop());
  url.port = String(proxy.port);
  const db = openDatabase(url.href, { max: 1 });
  onTestFinished(() => db.close());
  const { host, lease } = await database.takeLease();
  const appended: (AppendedEvent | "in doubt")[] = [];
  const ledger = new Ledger({
    ...{ db, vault, ids: systemIds, log: createLogger("test", "silent"), host, lease, now: () => new Date() },
    onEvents: (events, inDoubt) => appended.push(...events, ...(inDoubt ? (["in doubt"] as const) : [])),
    onReplies: () => {
      replies++;
    },
  });
  // The driver describes a statement before its first use on a connection.
  for (const waId of ["warm 1", "warm 2"]) await ledger.append(instanceId, text(waId));
  requests = "";
  appended.length = 0;
  return {
    ...{ db, ledger, proxy, appended, lease },
    requests: () => requests,
    replies: () => replies,
    loseAnswers(lost: boolean) {
      lose = lost;
    },
  };
}

const nobody = { byLid: null, pushName: null, author: null, known: true, readable: true };

/** The change of an incoming text from a known person. */
function text(waId: string, fields: Partial<NewMessage> = {}): Change & { keys: { id: string }[] } {
  const message: NewMessage = {
    ...{ id: systemIds.uuid(), wa_id: waId, chat_id: chat, from_me: false, sender_id: chat, sender_lid: null },
    ...{ push_name: null, type: "text", proto_type: "conversation", body: waId, media: null, content: null },
    ...{ content_version: 1, context: null, status: "received", payload: null, unread: true },
    sent_at: new Date().toISOString(),
    event: {
      type: "message.deleted",
      data: { messageId: waId, chatId: chat, by: chat, fromMe: false, timestamp: 1, ...nobody },
    },
    ...fields,
  };
  return {
    keys: [{ type: "session", id: waId, value: { waId } }],
    inbox: [{ waId, hash: Buffer.from(waId), plaintext: Buffer.from(waId) }],
    readable: [{ waId, senders: [chat] }],
    messages: [message],
  };
}

/** What the database has of the messages: their ids in `messages`, in the key store, and in the event log by number. */
async function stored() {
  const { sql } = database.db;
  const [row] = await sql<{ messages: string[]; keys: string[]; events: string[] }[]>`
    select
      array(select wa_id from messages where instance_id = ${instanceId} and wa_id not like 'warm%' order by 1) as messages,
      array(select key_id from session_keys where instance_id = ${instanceId} and key_id not like 'warm%' order by 1) as keys,
      array(select seq || ' ' || (data->>'messageId') from events where instance_id = ${instanceId} and seq > 2
        order by seq) as events`;
  return row;
}

const statementsIn = (requests: string) => requests.split("E\0\0\0\t\0").length - 1;

test("the change of an incoming text is sent in one round trip of seven statements, and returns its event", async () => {
  const { ledger, proxy, requests, appended } = await open();
  const release = proxy.hold();
  onTestFinished(release);
  const durable = ledger.append(instanceId, text("A"));
  await vi.waitFor(() => expect(requests()).toContain("commit"), 20_000);
  // `begin` and `commit` are simple queries. The others: fence, keys and inbox, readable, messages, events.
  expect(statementsIn(requests())).toBe(5);
  expect(appended).toEqual([]);
  release();
  await durable;
  expect(appended).toMatchObject([{ instanceId, seq: 3, type: "message.deleted", position: expect.any(Number) }]);
  expect(JSON.parse((appended[0] as AppendedEvent).json)).toMatchObject({ messageId: "A" });
  expect(await stored()).toEqual({ messages: ["A"], keys: ["A"], events: ["3 A"] });
});

test("the statements of a commit are planned once for all batches, whatever their values", async () => {
  const { db, ledger } = await open();
  for (let index = 0; index < 8; index++) await ledger.append(instanceId, text(`text ${index}`));
  // Without the statements that don't come after the setting: the fence, this look-up, and the driver's types.
  const plans = await db.sql<{ statement: string; generic: number; custom: number }[]>`
    select statement, generic_plans::int as generic, custom_plans::int as custom from pg_prepared_statements
    where statement !~ 'fence|pg_prepared_statements|pg_type'`;
  expect(plans).toHaveLength(4);
  for (const { generic, custom, statement } of plans) expect([generic, custom, statement]).toEqual([10, 0, statement]);
});

test("a message whose time changes keeps its words in the search index, with the new time", async () => {
  const { ledger } = await open();
  const { sql } = database.db;
  await ledger.append(instanceId, text("quick fox"));
  const indexed = async () => [
    ...(await sql`
      select words::text, s.sent_at = m.sent_at as same from message_search s join messages m on m.id = message_id
      where m.instance_id = ${instanceId} and wa_id = 'quick fox'`),
  ];
  const move = () => sql`
    update messages set sent_at = sent_at + interval '1 minute' where instance_id = ${instanceId} and wa_id = 'quick fox'`;
  const [before] = await indexed();
  expect(before).toMatchObject({ same: true });
  await move();
  expect(await indexed()).toEqual([before]);
  // A message of an earlier version that isn't indexed yet.
  await sql`delete from message_search where message_id in (select id from messages where instance_id = ${instanceId})`;
  await move();
  expect(await indexed()).toEqual([before]);
});

test("a repeated message is stored and announced once, and its event is not returned again", async () => {
  const { ledger, appended } = await open();
  await ledger.append(instanceId, text("A"));
  await Promise.all([ledger.append(instanceId, text("A")), ledger.append(instanceId, text("B"))]);
  expect(await stored()).toEqual({ messages: ["A", "B"], keys: ["A", "B"], events: ["3 A", "4 B"] });
  expect(appended.map((event) => (event as AppendedEvent).seq)).toEqual([3, 4]);
});

const circular: unknown[] = [];
circular.push(circular);

test.each<[string, Partial<NewMessage>]>([
  ["the database refuses", { sent_at: "no time" }],
  ["can't be encoded", { content: circular as never }],
  ["has an event that can't be encoded", { event: { type: "message.deleted", data: { circular } as never } }],
])("a change that %s fails alone, with all its parts", async (_what, fields) => {
  const { ledger, appended } = await open();
  const outcomes = await Promise.allSettled([
    ledger.append(instanceId, text("A")),
    ledger.append(instanceId, text("bad", fields)),
    ledger.append(instanceId, text("C")),
  ]);
  expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect(await stored()).toEqual({ messages: ["A", "C"], keys: ["A", "C"], events: ["3 A", "4 C"] });
  expect(appended).toHaveLength(2);
});

test("a commit whose answers are lost is tried again, announces each event once, and reports the doubt", async () => {
  const { ledger, proxy, requests, appended, loseAnswers } = await open();
  const release = proxy.hold();
  onTestFinished(release);
  const durable = Promise.all([ledger.append(instanceId, text("A")), ledger.append(instanceId, text("B"))]);
  await vi.waitFor(() => expect(requests()).toContain("commit"), 20_000);
  // The server commits, although no answer arrives.
  await vi.waitFor(async () => expect((await stored())?.events).toHaveLength(2), 20_000);
  loseAnswers(true);
  release();
  loseAnswers(false);
  await durable;
  expect(await stored()).toEqual({ messages: ["A", "B"], keys: ["A", "B"], events: ["3 A", "4 B"] });
  expect(appended).toEqual(["in doubt"]);
});

test("a batch in doubt that is then refused reports the doubt, and that replies may be due, for each change", async () => {
  const { ledger, proxy, requests, appended, replies, loseAnswers } = await open();
  const { id: removed } = await database.createInstance();
  const release = proxy.hold();
  onTestFinished(release);
  const durable = Promise.allSettled([ledger.append(instanceId, text("A")), ledger.append(removed, text("B"))]);
  await vi.waitFor(() => expect(requests()).toContain("commit"), 20_000);
  await vi.waitFor(async () => expect((await stored())?.events).toHaveLength(1), 20_000);
  loseAnswers(true);
  release();
  // The next attempt fails, because the instance is gone.
  await database.db.sql`delete from instances where id = ${removed}`;
  loseAnswers(false);
  expect((await durable).map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
  expect(await stored()).toEqual({ messages: ["A"], keys: ["A"], events: ["3 A"] });
  expect(appended).toContain("in doubt");
  expect(replies()).toBe(2);
});

test("a connection that ends before the commit leaves nothing, and the change is stored by the next attempt", async () => {
  const { ledger, appended } = await open();
  const { sql } = database.db;
  const lock = await sql.reserve();
  await lock`begin`;
  await lock`select from instances where id = ${instanceId} for update`;
  const durable = ledger.append(instanceId, text("A"));
  // The statement that appends the event waits for the lock. `commit` is sent already.
  const blocked = await vi.waitFor(async () => {
    const [row] = await sql`select pid from pg_stat_activity where wait_event_type = 'Lock' and state = 'active'`;
    expect(row).toBeDefined();
    return row?.pid as number;
  }, 20_000);
  await sql`select pg_terminate_backend(${blocked})`;
  expect(await stored()).toEqual({ messages: [], keys: [], events: [] });
  await lock`rollback`;
  lock.release();
  await durable;
  expect(await stored()).toEqual({ messages: ["A"], keys: ["A"], events: ["3 A"] });
  expect(appended).toMatchObject([{ seq: 3 }, "in doubt"]);
});

test("nothing of a batch is stored if another host has taken the lease", async () => {
  const { ledger, appended } = await open();
  await database.takeLease();
  await expect(ledger.append(instanceId, text("A"))).rejects.toBeInstanceOf(LeaseLost);
  expect(await stored()).toEqual({ messages: [], keys: [], events: [] });
  expect(appended).toEqual([]);
});

test("the receipt of an unreadable message whose content arrives is kept, in a batch that needs its results", async () => {
  const { ledger } = await open();
  const id = systemIds.uuid();
  await ledger.append(instanceId, {
    unreadable: [
      {
        ...{ waId: "A", sender: chat, senderAlt: null, attrs: {}, reason: "no_content", hidden: false },
        ...{ dueAt: null, pending: false },
        message: {
          ...{ id, wa_id: "A", chat_id: chat, from_me: false, sender_id: chat, sender_lid: null, push_name: null },
          ...{ type: "unreadable", proto_type: "", body: "", media: null, content: null, content_version: 1 },
          ...{ context: null, status: "received", payload: null, unread: true, sent_at: new Date().toISOString() },
          event: {
            id: systemIds.uuid(),
            type: "message.deleted",
            data: { messageId: "unreadable", chatId: chat, by: chat, fromMe: false, timestamp: 1, ...nobody },
          },
        },
      },
    ],
  });
  await ledger.append(instanceId, { readMarks: [id] });
  await ledger.append(instanceId, text("A"));
  const rows = await database.db.sql`
    select type, read_at is not null as read from messages where instance_id = ${instanceId} and wa_id = 'A'`;
  expect([...rows]).toEqual([{ type: "text", read: true }]);
});

test("a transaction is repeated, not continued, when a prepared statement is out of date", async () => {
  const { db } = await open();
  const { sql } = database.db;
  await sql`create table stale (id int, value int)`;
  onTestFinished(async () => {
    await sql`drop table stale`;
  });
  const attempt = async () => {
    const transaction = new PipelinedTransaction(db);
    const row = transaction.sql`insert into stale values (${1}, ${2}) returning *`.execute();
    row.catch(() => undefined);
    transaction.sql`insert into stale values (3, 4)`.execute().catch(() => undefined);
    await transaction.commit();
  };
  await attempt();
  await attempt();
  await sql`alter table stale alter value type bigint`;
  await expect(attempt()).rejects.toMatchObject({ code: expect.stringMatching(/^(CONNECTION_STALE|25P02)$/) });
  expect((await sql`select from stale`).length).toBe(4);
  await attempt();
  expect((await sql`select from stale`).length).toBe(6);
});

test("a statement that comes after the commit is refused, and does not run outside of the transaction", async () => {
  const { db } = await open();
  const { sql } = database.db;
  await sql`create table late (id int)`;
  onTestFinished(async () => {
    await sql`drop table late`;
  });
  const transaction = new PipelinedTransaction(db);
  await transaction.sql`insert into late values (1)`;
  const committed = transaction.commit();
  await sent();
  await sent();
  await expect(transaction.sql`insert into late values (2)`).rejects.toThrow("the transaction");
  await committed;
  await expect(transaction.sql`insert into late values (3)`).rejects.toThrow("the transaction");
  expect([...(await sql`select id from late`)]).toEqual([{ id: 1 }]);
});

test("a query that starts between the reset of its connection and the close of the socket is settled", async () => {
  const url = new URL(database.url);
  const proxy = await startTcpProxy(Number(url.port));
  onTestFinished(() => proxy.stop());
  url.port = String(proxy.port);
  const db = openDatabase(url.href, { max: 1 });
  onTestFinished(() => db.close());
  await db.sql`select 1`;
  for (let turn = 0; turn < 5; turn++) {
    const query = `select pg_sleep(60) /* turn ${turn} */`;
    const sleeping = db.sql.unsafe(query).execute();
    await until(async () => {
      const running = await database.db.sql`select from pg_stat_activity where query = ${query} and state = 'active'`;
      return running.length > 0 || undefined;
    });
    proxy.reset();
    // The driver rejects what is in flight when the socket has an error, before the socket closes.
    await sleeping.catch(() => undefined);
    const next = db.sql`select 1`.then(
      () => "answered",
      () => "rejected",
    );
    expect(["answered", "rejected"]).toContain(await next);
  }
  expect(await db.sql`select 1 as one`).toEqual([{ one: 1 }]);
});

test.each([99, 100, 101])("a transaction has its connection for itself behind %i pipelined queries", async (count) => {
  const db = openDatabase(database.url, { max: 1 });
  onTestFinished(() => db.close());
  const transactionId = (sql: postgres.ISql) =>
    sql<{ id: string }[]>`select pg_current_xact_id()::text as id`.execute();
  await transactionId(db.sql);
  const before = Array.from({ length: count }, () => transactionId(db.sql));
  const pipelined = new PipelinedTransaction(db);
  const inside = transactionId(pipelined.sql);
  const after = Array.from({ length: 10 }, () => transactionId(db.sql));
  await pipelined.commit();
  const [own] = await inside;
  for (const [row] of await Promise.all([...before, ...after])) expect(row?.id).not.toBe(own?.id);
});
