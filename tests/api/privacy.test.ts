import { createHash, randomUUID } from "node:crypto";
import { getTableColumns, getTableName } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Claims } from "../../core/db/claim-lease.ts";
import { type EraseDeps, runErasures } from "../../core/privacy/erase.ts";
import { names, personOf, withoutPerson } from "../../core/privacy/person.ts";
import { startApi, type TestApi } from "../support/api/api.ts";
import { coverage } from "../support/privacy/coverage.ts";
import {
  addMessage,
  group,
  jid,
  lid,
  lidUser,
  number,
  other,
  secret,
  seed,
  type Text,
  tables,
} from "../support/privacy/seed.ts";

let api: TestApi;
let key: string;
let userId: string;
let id: string;
let second: string;
let deps: EraseDeps;
const message = (instance: string, waId: string, text: Text) => addMessage(api, instance, waId, text);

beforeAll(async () => {
  api = await startApi();
  ({ key, id: userId } = await api.user());
  id = await api.instance(key);
  second = await api.instance(key);
  const { db, storage, clock, log } = api.deps;
  deps = { db, storage, clock, log, claims: new Claims({ db, log }), pauseMs: 60_000 };
  for (const instance of [id, second]) await seed(api, instance, userId);
}, 60_000);
afterAll(() => api?.stop());

/** Everything in the database that is readable, by table, except for what erasures themselves need while they run. */
async function readable(): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  const hex = (text: string) => Buffer.from(text).toString("hex");
  for (const table of tables()) {
    const name = getTableName(table);
    const rows = await api.db.sql<{ text: string }[]>`select t::text as text from ${api.db.sql(name)} t`;
    for (const { text } of rows)
      if ([number, lidUser, secret].some((one) => text.includes(one) || text.includes(hex(one)))) found[name] = text;
  }
  return found;
}

const files = async () => {
  const texts: string[] = [];
  for await (const one of api.deps.storage.list("")) texts.push(one.key);
  return texts;
};

test("each column of each table is erased, or has a reason why it needs nothing", () => {
  const missing: string[] = [];
  for (const table of tables()) {
    const name = getTableName(table);
    const covered = coverage[name];
    if (covered === "rows") continue;
    for (const { name: column } of Object.values(getTableColumns(table))) {
      if (!covered?.[column]) missing.push(`${name}.${column}`);
    }
  }
  expect(missing).toEqual([]);
  const known = new Set(tables().map(getTableName));
  expect(Object.keys(coverage).filter((name) => !known.has(name))).toEqual([]);
});

describe("the erasure of a person", () => {
  let receipt: string;
  let erasure: string;
  const read = async () => (await api.request("GET", `/api/privacy/erasures/${erasure}`, { key })).body.data;

  test("is accepted, and removes exports at once", async () => {
    const { body: exported } = await api.request("POST", `/api/message/exports/${id}`, { key, body: { chatId: jid } });
    const { body } = await api.request("POST", "/api/privacy/erasures", { key, body: { person: `+${number}` } });
    ({ id: erasure, receipt } = body.data);
    expect(body.data).toMatchObject({ status: "queued", counts: {}, finishedAt: null });
    const job = await api.request("GET", `/api/message/exports/${id}/${exported.data.id}`, { key });
    expect(job.body.data).toMatchObject({ status: "canceled", chatId: null });
  });

  test("leaves nothing readable of the number, the LID, and what the person said, in two passes", async () => {
    expect(Object.keys(await readable()).length).toBeGreaterThan(20);
    // A budget of 0 allows one slice: as many processes as slices, each killed after its slice.
    for (let run = 0; run < 200 && (await read()).status !== "waiting"; run++) {
      await runErasures(deps, 0);
      await api.db.sql`update erasures set claimed_by = ${randomUUID()} where status = 'running'`;
    }
    expect(await read()).toMatchObject({ status: "waiting" });
    // What was under way during the first pass: a command on a host, and a webhook.
    await api.db.sql`update commands set status = 'done' where status = 'claimed'`;
    await api.db.sql`
      insert into deliveries (id, instance_id, event_id, event_seq, event_type, url, body, next_at)
      values (${randomUUID()}, ${id}, ${randomUUID()}, 1, 'message.received', 'https://example.com', ${JSON.stringify({ from: jid, body: secret })}, now())`;
    await runErasures(deps, 0);
    expect(await read()).toMatchObject({ status: "waiting" });
    api.deps.clock.advance(61_000);
    await runErasures(deps, 60_000);
    const done = await read();
    expect(done).toMatchObject({ status: "done", counts: { contacts: 2, events: 4, reactions: 4 } });
    expect(await readable()).toEqual({});
    const keys = await files();
    expect(keys.filter((one) => one.startsWith("media/"))).toHaveLength(6);
  });

  test("keeps what belongs to others", async () => {
    const { sql } = api.db;
    const [row] = await sql`
      select (select count(*)::int from messages) as messages, (select count(*)::int from contacts) as contacts,
        (select count(*)::int from reactions) as reactions, (select count(*)::int from message_receipts) as receipts,
        (select count(*)::int from session_keys) as keys, (select count(*)::int from deliveries) as deliveries,
        (select count(*)::int from message_marks) as marks, (select count(*)::int from commands where kind = 'send') as commands`;
    expect(row).toEqual({
      messages: 6,
      contacts: 2,
      reactions: 2,
      receipts: 2,
      keys: 4,
      deliveries: 2,
      marks: 2,
      commands: 6,
    });
    const kept =
      await sql`select wa_id, body, content, context, payload from messages where instance_id = ${id} order by wa_id`;
    expect(kept).toMatchObject([
      {
        body: "@erased I agree",
        content: { text: "@erased I agree" },
        context: { quotedMessageId: "WA3", mentions: [other] },
        payload: null,
      },
      { body: "", content: { contacts: [{ name: "Carl" }] } },
      { body: "untouched", payload: Buffer.from("bytes") },
    ]);
    const [settings] = await sql`select webhook_filters, metadata from instances where id = ${id}`;
    expect(settings).toEqual({ webhook_filters: { chats: { deny: [other] } }, metadata: { customer: "erased" } });
  });

  test("leaves the log without gaps, a canceled send, and no way to repeat a request", async () => {
    const { sql } = api.db;
    const log = await sql`
      select seq::int, type, data from events where instance_id = ${id} and seq >= 100 order by seq`;
    expect(log).toEqual([
      { seq: 100, type: "event.erased", data: {} },
      { seq: 101, type: "event.erased", data: {} },
      { seq: 102, type: "message.received", data: { chatId: other } },
    ]);
    const commands =
      await sql`select status, input from commands where instance_id = ${id} and kind = 'send' order by wa_id`;
    expect(commands).toEqual(["done", "canceled", "done"].map((status) => ({ status, input: { to: "", text: "" } })));
    const [hashes] = await sql`
      select count(*)::int as n from idempotency_keys where request_hash = ${createHash("sha256").update(jid).digest()}`;
    expect(hashes).toEqual({ n: 0 });
  });

  test("is proved by its row and its receipt, without data of the person", async () => {
    const { proof } = await read();
    expect(proof).toBe(createHash("sha256").update(`${receipt}:${jid}`).digest("hex"));
    const [row] = await api.db.sql`select person from erasures where id = ${erasure}`;
    expect(row).toEqual({ person: null });
    expect(api.logged().filter((line) => line.includes("erased a person"))).toHaveLength(1);
    expect(api.logged().join()).not.toContain(number);
    const { body } = await api.request("GET", "/api/privacy/erasures?limit=1", { key });
    expect(body).toMatchObject({ data: [{ id: erasure }], pagination: { total: 1 } });
  });

  test("stores new messages of the person again", async () => {
    await message(id, "WA100", { chat: jid, sender: jid, body: secret });
    await runErasures(deps, 10_000);
    const { body } = await api.request("GET", `/api/message/search/${id}?q=${secret}`, { key });
    expect(body.data).toHaveLength(1);
  });

  test("finds a person by the LID too, and never touches another user", async () => {
    const stranger = await api.user();
    const theirs = await api.instance(stranger.key);
    await message(theirs, "WA1", { chat: jid, sender: jid, lid, body: secret });
    await message(id, "WA101", { chat: jid, sender: jid, lid, body: secret });
    await api.request("POST", "/api/privacy/erasures", { key, body: { person: lid } });
    await runErasures({ ...deps, pauseMs: 0 }, 60_000);
    const rows = await api.db.sql`select instance_id from messages where body = ${secret}`;
    expect(rows).toEqual([{ instance_id: theirs }]);
    expect((await api.request("GET", `/api/privacy/erasures/${erasure}`, { key: stranger.key })).status).toBe(404);
  });

  test.each([{}, { person: "nobody" }, { person: group }])("rejects %j", async (body) => {
    const answer = await api.request("POST", "/api/privacy/erasures", { key, body });
    expect(answer).toMatchObject({ status: 400, body: { code: "invalid_request" } });
  });
});

describe("the erasure of a person with sends under way", () => {
  let bulk: string;
  let instance: string;
  let userKey: string;
  let user: string;
  let erasure: string;
  const runPass = async () => {
    await runErasures(deps, 60_000);
    api.deps.clock.advance(61_000);
    const { body } = await api.request("GET", `/api/privacy/erasures/${erasure}`, { key: userKey });
    return body.data.status as string;
  };
  const send = async (waId: string, status: string, to: string, text: string, bulkId: string | null = null) => {
    const { sql } = api.db;
    await sql`
      insert into commands (id, instance_id, user_id, shard, name, kind, input, wa_id, status, correlation_id, deadline, run_at,
        request_id, reply_to, bulk_id, bulk_index)
      values (${randomUUID()}, ${instance}, ${user}, 0, 'message.sendText', 'send', ${JSON.stringify({ to, text })}::text::jsonb,
        ${waId}, ${status}, 'c', now() + interval '1 hour', now() + interval '1 hour', ${`request ${waId}`}, 'answers',
        ${bulkId}, ${bulkId && 0})`;
    await sql`
      insert into messages (id, instance_id, wa_id, chat_id, from_me, type, proto_type, body, status, sent_at)
      values (${randomUUID()}, ${instance}, ${waId}, ${to}, true, 'text', 'conversation', 'text', 'pending', now())`;
  };
  const commands = async () => {
    const rows = await api.db.sql<{ wa_id: string; status: string; text: string }[]>`
      select wa_id, status, input->>'text' as text from commands where instance_id = ${instance} and kind = 'send'`;
    return Object.fromEntries(rows.map(({ wa_id, status, text }) => [wa_id, `${status}: ${text}`]));
  };
  const about = `call ${number}`;

  beforeAll(async () => {
    ({ key: userKey, id: user } = await api.user());
    instance = await api.instance(userKey);
    bulk = randomUUID();
    await api.db.sql`insert into contacts (instance_id, jid, lid) values (${instance}, ${jid}, ${lid})`;
    await api.db.sql`
      insert into bulks (id, instance_id, user_id, shard, per_minute, total, rejected, start_at)
      values (${bulk}, ${instance}, ${user}, 0, 1, 1, '[]', now())`;
    await send("TO-NUMBER", "scheduled", jid, "hello");
    await send("TO-LID", "queued", lid, "hello");
    await send("IN-BULK", "scheduled", jid, "hello", bulk);
    await send("ON-HOST", "claimed", jid, "hello");
    await send("ABOUT-LATER", "scheduled", other, about);
    await send("ABOUT-NOW", "queued", other, about);
    await send("ABOUT-DONE", "done", other, about);
    const { body } = await api.request("POST", "/api/privacy/erasures", { key: userKey, body: { person: jid } });
    erasure = body.data.id;
  });

  test("cancels the sends to the person with a reply, and leaves sends to others", async () => {
    expect(await runPass()).toBe("waiting");
    expect(await commands()).toEqual({
      "TO-NUMBER": "canceled: ",
      "TO-LID": "canceled: ",
      "IN-BULK": "canceled: ",
      "ON-HOST": "claimed: hello",
      "ABOUT-LATER": `scheduled: ${about}`,
      "ABOUT-NOW": `queued: ${about}`,
      "ABOUT-DONE": "done: ",
    });
    const pending = await api.db.sql`
      select wa_id from messages where instance_id = ${instance} and status = 'pending' order by wa_id`;
    expect(pending.map((row) => row.wa_id)).toEqual(["ABOUT-DONE", "ABOUT-LATER", "ABOUT-NOW"]);
    const replies = await api.db.sql`
      select reply->>'id' as id, reply->'error'->>'code' as code from replies where reply->>'instanceId' = ${instance} order by 1`;
    expect(replies).toEqual(
      ["IN-BULK", "TO-LID", "TO-NUMBER"].map((waId) => ({ id: `request ${waId}`, code: "conflict" })),
    );
  });

  test("does not end before a send that a host has, and looks for what that send wrote", async () => {
    await send("NEW", "queued", jid, "hello");
    expect(await runPass()).toBe("waiting");
    expect(await commands()).toMatchObject({ NEW: "canceled: ", "ON-HOST": "claimed: hello" });
    await api.db.sql`update commands set status = 'done' where wa_id = 'ON-HOST' and instance_id = ${instance}`;
    // Whatever the send of a host wrote, another pass follows the one that saw it.
    await api.db.sql`
      insert into events (id, instance_id, shard, seq, type, data, emitted_at)
      values (${randomUUID()}, ${instance}, 0, 500, 'message.sent', ${JSON.stringify({ chatId: jid })}::text::jsonb, now())`;
    expect(await runPass()).toBe("done");
    expect(await commands()).toMatchObject({ "ON-HOST": "done: ", "ABOUT-LATER": `scheduled: ${about}` });
    const events = await api.db.sql`select type from events where instance_id = ${instance} and seq = 500`;
    expect(events).toEqual([{ type: "event.erased" }]);
  });

  test("removes exports that were made meanwhile, at the end of both passes", async () => {
    const ask = async (method: string, path: string, body?: object) =>
      (await api.request(method, path, { key: userKey, ...(body && { body }) })).body.data;
    const exported = async () => (await ask("POST", `/api/message/exports/${instance}`, { chatId: jid })).id as string;
    const statusOf = async (job: string) => (await ask("GET", `/api/message/exports/${instance}/${job}`)).status;
    ({ id: erasure } = await ask("POST", "/api/privacy/erasures", { person: jid }));
    const first = await exported();
    expect(await runPass()).toBe("waiting");
    expect(await statusOf(first)).toBe("canceled");
    const later = await exported();
    await api.db.sql`update exports set status = 'done', expires_at = now() + interval '1 day' where id = ${later}`;
    expect(await runPass()).toBe("done");
    expect(await statusOf(later)).toBe("expired");
  });

  test("forgets the person if it fails for good", async () => {
    const { body } = await api.request("POST", "/api/privacy/erasures", { key: userKey, body: { person: jid } });
    await api.db.sql`update erasures set attempts = 9 where id = ${body.data.id}`;
    await message(instance, "WITH-FILE", { chat: jid, sender: jid, body: "hello" });
    const removeMany = () => Promise.reject(new Error("the bucket is away"));
    await runErasures({ ...deps, storage: { removeMany } }, 60_000);
    const [row] = await api.db.sql`select status, person from erasures where id = ${body.data.id}`;
    expect(row).toEqual({ status: "failed", person: null });
  });

  test("is refused while 20 erasures of the user are open", async () => {
    const { key: busyKey } = await api.user();
    const create = (n: number) =>
      api.request("POST", "/api/privacy/erasures", { key: busyKey, body: { person: `+4915550001${100 + n}` } });
    for (let n = 0; n < 20; n++) expect((await create(n)).status).toBe(201);
    expect(await create(20)).toMatchObject({ status: 403, body: { code: "quota_exceeded" } });
  });
});

test("the id of an old group, which begins with its creator's number, does not name the creator", async () => {
  const person = personOf(["491701234567@s.whatsapp.net"]);
  const texts = ["491701234567-1400000000@g.us", "491701234567@s.whatsapp.net", "call 491701234567-8 or so"];
  expect(texts.map((text) => names(text, person))).toEqual([false, true, true]);
  const rows = await api.db.sql<{ names: boolean }[]>`
    select text ~ ${person.pattern} as names from unnest(${texts}::text[]) with ordinality as t(text, place) order by place`;
  expect(rows.map((row) => row.names)).toEqual([false, true, true]);
});

test("a person is removed from JSON without changes to longer numbers", () => {
  const person = personOf(["12345@lid"]);
  const value = {
    a: "12345@lid",
    b: ["12345@lid", "112345"],
    c: "x123456",
    d: { "12345": [{ id: "12345:2@lid", n: 1 }, { n: 2 }] },
  };
  expect(withoutPerson(value, person)).toEqual({
    a: "erased@lid",
    b: ["112345"],
    c: "x123456",
    d: { erased: [{ n: 2 }] },
  });
});
