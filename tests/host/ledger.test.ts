import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { createVault, sha256 } from "../../core/crypto/index.ts";
import { type Database, openDatabase } from "../../core/db/index.ts";
import { systemIds } from "../../core/id.ts";
import { createLogger } from "../../core/log.ts";
import { contextForEvent } from "../../core/message/context.ts";
import { KeyStore } from "../../session-host/baileys/key-store.ts";
import { EarlyReceipts } from "../../session-host/inbound/receipts.ts";
import type { Change, NewMessage, StanzaSource } from "../../session-host/ledger/change.ts";
import { LeaseLost, Ledger } from "../../session-host/ledger/ledger.ts";
import { takeImport } from "../../session-host/session/link/session-import.ts";
import { startLossyProxy } from "../support/network/lossy-proxy.ts";
import { type ShardDatabase, startShardDatabase } from "../support/session-host/shard-database.ts";
import { baileysSession } from "../support/session-import/session.ts";

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

const nobody = { byLid: null, pushName: null, author: null, known: true, readable: true };

function message(waId: string): NewMessage {
  return {
    ...{ id: systemIds.uuid(), wa_id: waId, chat_id: chat, from_me: false, sender_id: chat, sender_lid: null },
    ...{ push_name: null, type: "text", proto_type: "conversation", body: waId, media: null, content: null },
    ...{ content_version: 1, context: null },
    ...{ status: "received", payload: null, unread: true, sent_at: new Date().toISOString() },
    event: {
      type: "message.deleted",
      data: { messageId: waId, chatId: chat, by: chat, fromMe: false, timestamp: 1, ...nobody },
    },
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

describe("a change of a stanza that the database refuses", () => {
  const source = (key: string, bytes = Buffer.from("the stanza")): StanzaSource => ({
    ...{ kind: "message", id: "A", from: chat, timestamp: 1, bytes },
    key: sha256(key).toString("hex"),
  });
  /** A change that Postgres refuses with 22P02, because the id of its message is not a UUID. */
  const refused = (stanza: StanzaSource): Change => ({
    messages: [{ ...message("refused"), id: "no UUID" }],
    keys: [{ type: "session", id: stanza.key, value: "the new ratchet" }],
    stanza: () => stanza,
  });
  const rows = async () => [
    ...(await database.db.sql<{ attempts: number; error: string; quarantined: boolean; bytes: number }[]>`
      select attempts, error, quarantined_at is not null as quarantined, length(stanza) as bytes from refused_stanzas
      where instance_id = ${instanceId} order by last_at`),
  ];

  test("is quarantined after three refusals, with its Signal keys, and the changes around it are stored in order", async () => {
    const ledger = await openLedger();
    const stanza = source("one");
    const later: Change = {
      keys: [{ type: "session", id: stanza.key, value: "a newer ratchet" }],
      messages: [message("B")],
    };
    await Promise.all([
      ledger.append(instanceId, { messages: [message("A")] }),
      ledger.append(instanceId, refused(stanza)),
      ledger.append(instanceId, later),
    ]);
    expect(await rows()).toEqual([
      { attempts: 3, error: expect.stringContaining("no UUID"), quarantined: true, bytes: expect.any(Number) },
    ]);
    const events = await database.db.sql`select type, data from events where instance_id = ${instanceId} order by seq`;
    expect(events.map(({ type }) => type)).toEqual(["message.deleted", "stanza.quarantined", "message.deleted"]);
    const [key] = await database.db.sql<{ value: Buffer }[]>`
      select value from session_keys where instance_id = ${instanceId} and key_id = ${stanza.key}`;
    expect(vault.open(key?.value ?? Buffer.alloc(0), `session:${instanceId}:session:${stanza.key}`).toString()).toBe(
      '"a newer ratchet"',
    );
  });

  test("counts refusals before a restart", async () => {
    const stanza = source("two");
    await database.db.sql`
      insert into refused_stanzas (instance_id, key, kind, stanza_id, sender, attempts, error, first_at, last_at)
      values (${instanceId}, decode(${stanza.key}, 'hex'), 'message', 'A', ${chat}, 2, 'before', now(), now())`;
    await (await openLedger()).append(instanceId, refused(stanza));
    expect(await rows()).toMatchObject([{ attempts: 3, quarantined: true }]);
  });

  test("is announced once if WhatsApp delivers the stanza again", async () => {
    const ledger = await openLedger();
    for (let round = 0; round < 2; round++) await ledger.append(instanceId, refused(source("three")));
    expect((await eventsOfInstance()).length).toBe(1);
  });

  test("is tried again and not counted while the database is not available", async () => {
    const { sql } = database.db;
    await sql.unsafe(`
      create function outage() returns trigger language plpgsql as
        $$ begin raise exception 'too many connections' using errcode = '53300'; end $$;
      create trigger outage before insert on messages for each row execute function outage()`);
    const ledger = await openLedger();
    const stored = ledger.append(instanceId, { messages: [message("C")], stanza: () => source("four") });
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(await rows()).toEqual([]);
    await sql.unsafe("drop trigger outage on messages; drop function outage()");
    await stored;
    expect(await rows()).toEqual([]);
    expect(await eventsOfInstance()).toEqual([{ seq: 1, what: "C" }]);
  });

  test("keeps a limited number of stanzas and bytes per instance, the newest ones", async () => {
    const ledger = await openLedger();
    for (let index = 0; index < 105; index++) {
      const quarantine = [{ ...source(`many ${index}`), error: "x" }];
      await ledger.append(instanceId, { quarantine });
    }
    expect(await rows()).toHaveLength(100);
    for (let index = 0; index < 2; index++)
      await ledger.append(instanceId, {
        quarantine: [{ ...source(`large ${index}`, Buffer.alloc(20 * 1024 * 1024)), error: "x" }],
      });
    expect((await rows()).map(({ bytes }) => bytes > 20_000_000)).toEqual([true]);
  }, 60_000);
});

test("each of 1,000 members of a group is a receipt and an event, and the last reader makes the message read", async () => {
  const ledger = await openLedger();
  const group = "120363000000000001@g.us";
  const members = Array.from({ length: 1_000 }, (_, index) => {
    const digits = String(index).padStart(5, "0");
    return { jid: `49155500${digits}@s.whatsapp.net`, lid: `90000000${digits}@lid` };
  });
  const sent = {
    ...message("A"),
    chat_id: group,
    from_me: true,
    sender_id: "",
    status: "pending" as const,
    event: null,
  };
  await ledger.append(instanceId, { messages: [sent] });
  const list = {
    jids: members.flatMap(({ jid, lid }) => [jid, lid, lid.replace("@", ":1@")]),
    people: members.map(({ jid, lid }) => `${jid} ${lid}`),
  };
  await ledger.append(instanceId, { recipients: [{ waId: "A", ...list }], acks: [{ waId: "A" }] });
  const read = (some: typeof members): Change => ({
    progress: some.map(({ lid: by }) => {
      return { waIds: ["A"], status: "read", by, timestamp: 1_700_000_000, chats: [group], people: [by] };
    }),
  });
  const state = async () => {
    const [row] = await database.db.sql`
      select status, (select count(*)::int from message_receipts where message_id = messages.id) as receipts,
        (select count(*)::int from events where instance_id = ${instanceId} and type = 'message.read') as events
      from messages where instance_id = ${instanceId} and wa_id = 'A'`;
    return row;
  };
  await ledger.append(instanceId, read(members.slice(1)));
  expect(await state()).toEqual({ status: "sent", receipts: 999, events: 999 });
  // A repetition changes nothing. A stranger does not count.
  const stranger = { jid: "", lid: "90000009999999@lid" };
  await Promise.all([
    ledger.append(instanceId, read(members.slice(1))),
    ledger.append(instanceId, read([stranger])),
    ledger.append(instanceId, read(members.slice(0, 1))),
  ]);
  expect(await state()).toEqual({ status: "read", receipts: 1_000, events: 1_000 });
  const [last] = await database.db.sql`
    select data from events where instance_id = ${instanceId} and type = 'message.read' order by seq desc limit 1`;
  const { jid: by, lid: byLid } = members[0] ?? {};
  expect(last?.data).toMatchObject({ by, byLid, messageStatus: "read" });
});

describe("the receipts of a message that the owner wrote on the phone", () => {
  const byHand: NewMessage = {
    ...message("A"),
    ...{ from_me: true, sender_id: "", status: "sent" },
    event: {
      type: "message.sent",
      data: {
        ...{ messageId: "A", chatId: chat, type: "text", protoType: "conversation", body: "A", timestamp: 1 },
        ...{ media: null, content: null, source: "phone", ...contextForEvent(null) },
      },
    },
  };
  const receipt = (status: "delivered" | "read"): Change => ({
    acks: [{ waId: "A", receipt: { chats: [chat], people: [chat] } }],
    progress: [{ waIds: ["A"], status, by: chat, timestamp: 1, chats: [chat], people: [chat] }],
  });
  const [delivered, read] = [receipt("delivered"), receipt("read")];
  const early = new EarlyReceipts();
  early.keep(delivered);
  early.keep(read);
  const alone: Change = { messages: [byHand] };
  const joined = early.join(alone);

  test.each<[string, Change[]]>([
    ["before the message", [delivered, read, alone]],
    ["before the message, which has them too", [delivered, read, joined]],
    ["around the message", [delivered, joined, read]],
    ["after the message", [alone, delivered, read]],
    ["after the message, which has them too", [joined, delivered, read]],
    ["with the message only", [joined]],
  ])("are announced after the message and once, if their batch has them %s", async (_where, changes) => {
    const ledger = await openLedger();
    const others = { messages: [message("B")] };
    // The message gets a new id, because all cases share the table.
    const id = systemIds.uuid();
    const own = changes.map((change) => (change.messages ? { ...change, messages: [{ ...byHand, id }] } : change));
    await Promise.all([...own, others].map((change) => ledger.append(instanceId, change)));
    const events = await database.db.sql<{ type: string; what: string }[]>`
      select type, data->>'messageId' as what from events where instance_id = ${instanceId} order by seq`;
    expect(events.map(({ type, what }) => `${what} ${type}`)).toEqual([
      ...["A message.sent", "A message.delivered", "A message.read"],
      "B message.deleted",
    ]);
  });
});

describe("a session of another program", () => {
  type Keys = { type: string; id: string; json: string }[];
  const files = () => baileysSession("4915550000001:7");

  /** Stages a session as the API does, and returns the key store of the instance. */
  async function stage(keys: Keys, attempts = 0) {
    const bundle = vault.seal(
      Buffer.from(JSON.stringify({ creds: files()["creds.json"], keys })),
      `session-import:${instanceId}`,
    );
    await database.db.sql`
      insert into session_imports (instance_id, device, bundle, created_at, attempts)
      values (${instanceId}, 'device', ${bundle}, ${new Date()}, ${attempts})
      on conflict (instance_id) do update set created_at = excluded.created_at + interval '1 second'`;
    const fail = (error: unknown) => {
      throw error;
    };
    return new KeyStore({ db: database.db, vault, instanceId, record: () => undefined, fail });
  }
  const take = (store: KeyStore, ledger: Ledger) =>
    takeImport({ db: database.db, vault, ledger, log: createLogger("test", "silent") }, store, instanceId);
  const rows = async (table: "session_imports" | "session_keys") =>
    (await database.db.sql`select from ${database.db.sql(table)} where instance_id = ${instanceId}`).length;

  test("is stored in slices, with values as they are", async () => {
    const json = JSON.stringify({ _sessions: {}, version: "v1" });
    const store = await stage(Array.from({ length: 1_200 }, (_, id) => ({ type: "session", id: `${id}.0`, json })));
    expect(await take(store, await openLedger())).toBe(true);
    expect(await rows("session_keys")).toBe(1_201);
    expect(await store.keys.get("session", ["1199.0"])).toEqual({ "1199.0": JSON.parse(json) });
    expect((await store.loadCreds())?.me?.id).toBe("4915550000001:7@s.whatsapp.net");
    expect(await rows("session_imports")).toBe(0);
  });

  test("does not replace the credentials of a device that was linked meanwhile", async () => {
    const ledger = await openLedger();
    const creds = { me: { id: "4915550000009:1@s.whatsapp.net" }, account: { details: "" } };
    await ledger.append(instanceId, { keys: [{ type: "creds", id: "", value: creds }] });
    const store = await stage([]);
    expect(await take(store, ledger)).toBe(false);
    expect((await store.loadCreds())?.me?.id).toBe("4915550000009:1@s.whatsapp.net");
    expect(await rows("session_imports")).toBe(0);
  });

  test("is given up and removed after three attempts, with the keys that were stored so far", async () => {
    const ledger = await openLedger();
    await ledger.append(instanceId, { keys: [{ type: "session", id: "1.0", value: {} }] });
    const store = await stage([], 3);
    await expect(take(store, ledger)).rejects.toThrow("3 attempts");
    expect({ imports: await rows("session_imports"), keys: await rows("session_keys") }).toEqual({
      imports: 0,
      keys: 0,
    });
    expect(await take(store, ledger)).toBe(false);
  });

  test("stays if the API has accepted it after the host read another one", async () => {
    const ledger = await openLedger();
    await stage([]);
    const [read] = await database.db.sql<{ created_at: Date }[]>`
      select created_at from session_imports where instance_id = ${instanceId}`;
    await stage([]);
    await ledger.append(instanceId, { removeImport: read?.created_at ?? "any" });
    expect(await rows("session_imports")).toBe(1);
    await ledger.append(instanceId, { removeImport: "any" });
    expect(await rows("session_imports")).toBe(0);
  });
});
