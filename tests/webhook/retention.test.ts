import { startFauxqs } from "fauxqs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readConfig } from "../../core/config.ts";
import { prune } from "../../core/db/prune.ts";
import { systemIds, uuidv7 } from "../../core/id.ts";
import { mediaKey } from "../../core/media/index.ts";
import { defaultRetention, deleteExpired } from "../../core/retention/index.ts";
import { openStorage, type Storage } from "../../core/storage/index.ts";
import type { OwnRetention } from "../../core/user/user.sql.ts";
import { startWorld, type World } from "../support/webhook/delivery-setup.ts";

const day = 24 * 60 * 60 * 1000;
let world: World;
let s3: Awaited<ReturnType<typeof startFauxqs>>;
let storage: Storage;

beforeAll(async () => {
  world = await startWorld();
  s3 = await startFauxqs({ port: 0, logger: false, host: "127.0.0.1" });
  storage = openStorage(readConfig({ S3_ENDPOINT: `http://127.0.0.1:${s3.port}` }));
  await storage.createBucket();
}, 60_000);
afterAll(async () => {
  storage?.client.destroy();
  await s3?.stop();
  await world?.stop();
});

const at = (age: number) => new Date(world.clock.now().getTime() - age * day).toISOString();

/** Runs the deletion with settings from the environment. */
const run = (env: Record<string, string> = {}) =>
  deleteExpired({ ...world.deps, storage, retention: defaultRetention(readConfig(env)) }, 60_000);

const text = (own: OwnRetention | undefined) => (own ? JSON.stringify(own) : null);

async function instanceWith(own: { instance?: OwnRetention; user?: OwnRetention }): Promise<string> {
  const id = await world.instance();
  const { sql } = world.db;
  await sql`update instances set retention = ${text(own.instance)}::text::jsonb where id = ${id}`;
  await sql`
    update users set retention = ${text(own.user)}::text::jsonb where id = (select user_id from instances where id = ${id})`;
  return id;
}

/** Inserts a received message of this age in days, with a stored file of 100 bytes, a reaction and a receipt. */
async function message(instance: string, age: number, status = "received"): Promise<string> {
  const { sql } = world.db;
  const id = uuidv7(world.clock.now().getTime());
  const key = mediaKey(instance, id);
  await storage.put(key, Buffer.alloc(100), { contentType: "image/png" });
  const media = { state: "stored", size: 100, storageKey: key };
  await sql`
    insert into messages (id, instance_id, wa_id, chat_id, from_me, type, proto_type, media, status, payload, sent_at)
    values (${id}, ${instance}, ${id}, 'c', false, 'image', 'imageMessage', ${JSON.stringify(media)}::text::jsonb, ${status}, '\\x00', ${at(age)})`;
  await sql`
    insert into reactions (instance_id, chat_id, wa_id, sender_id, emoji, reacted_at)
    values (${instance}, 'c', ${id}, 's', 'x', ${at(age)})`;
  await sql`insert into message_receipts (message_id, jid, delivered_at) values (${id}, 'j', ${at(age)})`;
  return id;
}

async function kept(instance: string) {
  const { sql } = world.db;
  const rows = await sql<{ id: string; state: string }[]>`
    select id, media->>'state' as state from messages where instance_id = ${instance} order by sent_at desc`;
  const [about] = await sql`
    select (select count(*)::int from reactions where instance_id = ${instance}) as reactions,
      (select bytes::int from media_sizes where instance_id = ${instance}) as bytes,
      (select coalesce(sum(messages), 0)::int from message_days where instance_id = ${instance}) as counted`;
  const files = [];
  for await (const { key } of storage.list(`media/${instance}/`)) files.push(key.split("/").at(-1));
  return { ids: rows.map(({ id }) => id), states: rows.map(({ state }) => state), files: files.length, ...about };
}

test("the shortest time of the settings, the user and the instance applies to messages and their files", async () => {
  const cases: [OwnRetention | undefined, OwnRetention | undefined, Record<string, string>, number][] = [
    [undefined, undefined, {}, 3],
    [undefined, undefined, { RETENTION_MESSAGES_DAYS: "20" }, 2],
    [undefined, { messages: 5 }, { RETENTION_MESSAGES_DAYS: "20" }, 1],
    [{ messages: 5 }, { messages: 50 }, { RETENTION_MESSAGES_DAYS: "20" }, 1],
    [{ messages: 300 }, undefined, { RETENTION_MESSAGES_DAYS: "20" }, 2],
  ];
  for (const [own, ofUser, env, expected] of cases) {
    const instance = await instanceWith({ ...(own && { instance: own }), ...(ofUser && { user: ofUser }) });
    const ids = [await message(instance, 1), await message(instance, 10), await message(instance, 30)];
    await run(env);
    expect(await kept(instance)).toEqual({
      ids: ids.slice(0, expected),
      states: ids.slice(0, expected).map(() => "stored"),
      files: expected,
      reactions: expected,
      bytes: 100 * expected,
      counted: expected,
    });
    await world.db.sql`update users set retention = null`;
    await world.db.sql`delete from messages`;
  }
});

test("files are deleted before their messages, and the stored bytes follow", async () => {
  const instance = await instanceWith({ instance: { files: 7 } });
  await message(instance, 1);
  await message(instance, 10);
  expect(await run()).toMatchObject({ files: 1, messages: 0 });
  expect(await kept(instance)).toMatchObject({ states: ["stored", "failed"], files: 1, bytes: 100, reactions: 2 });
});

test("a message that is not sent yet stays", async () => {
  const instance = await instanceWith({ instance: { messages: 7 } });
  const id = await message(instance, 30, "pending");
  await run();
  expect((await kept(instance)).ids).toEqual([id]);
});

test("more messages than a slice are deleted in one run", async () => {
  const instance = await instanceWith({ instance: { messages: 7 } });
  await world.db.sql`
    insert into messages (id, instance_id, wa_id, chat_id, from_me, type, proto_type, status, sent_at)
    select gen_random_uuid(), ${instance}, 'm' || n, 'c', false, 'text', 'conversation', 'received', ${at(8)}::timestamptz
    from generate_series(1, 1200) n`;
  expect(await run()).toMatchObject({ messages: 1200 });
});

test("the event log is cut at its oldest end, up to an event that somebody still needs", async () => {
  const { sql } = world.db;
  const log = async (sentSeq: number | null, unsent?: number) => {
    const instance = await instanceWith({ instance: { events: 5 } });
    for (let seq = 1; seq <= 6; seq++) {
      // The last event is young.
      const age = seq === 6 ? 1 : 10;
      await sql`
        insert into events (id, instance_id, shard, seq, type, data, created_at, emitted_at)
        values (${systemIds.uuid()}, ${instance}, 0, ${seq}, 'message.sent', '{}', ${at(age)}, ${seq === unsent ? null : at(age)})`;
    }
    await sql`update instances set event_seq = 6 where id = ${instance}`;
    if (sentSeq !== null)
      await sql`
        insert into event_sinks (instance_id, queue, sent_seq, next_at) values (${instance}, 'q', ${sentSeq}, ${at(0)})`;
    return instance;
  };
  const left = async (instance: string) =>
    (await sql`select seq::int from events where instance_id = ${instance} order by seq`).map(({ seq }) => seq);
  const [whole, unsent, behind] = [await log(null), await log(null, 3), await log(2)];
  expect(await run()).toMatchObject({ events: 5 + 2 + 2 });
  expect(await left(whole)).toEqual([6]);
  expect(await left(unsent)).toEqual([3, 4, 5, 6]);
  expect(await left(behind)).toEqual([3, 4, 5, 6]);
});

test("a delivery that is pending stays", async () => {
  const { sql } = world.db;
  const instance = await instanceWith({ user: { deliveries: 3 } });
  for (const status of ["pending", "succeeded", "failed"]) {
    await sql`
      insert into deliveries (id, instance_id, event_id, event_seq, event_type, url, body, status, next_at, created_at)
      values (${systemIds.uuid()}, ${instance}, ${systemIds.uuid()}, 1, 'message.sent', 'http://example.com', '{}', ${status},
        'infinity', ${at(4)})`;
  }
  expect(await run()).toMatchObject({ deliveries: 2 });
  expect(
    (await sql`select status from deliveries where instance_id = ${instance}`).map(({ status }) => status),
  ).toEqual(["pending"]);
});

test("the settings for events and deliveries replace the default of 30 days", async () => {
  const instance = await world.instance();
  const id = uuidv7(world.clock.now().getTime() - 10 * day);
  await world.db.sql`
    insert into events (id, instance_id, shard, seq, type, data, created_at, emitted_at)
    values (${id}, ${instance}, 0, 1, 'message.sent', '{}', ${at(10)}, ${at(10)})`;
  const deps = { ...world.deps, retention: { events: 20, deliveries: 20 } };
  expect(await prune(deps, 10_000)).not.toHaveProperty("events");
  expect(await prune({ ...deps, retention: { events: 9, deliveries: 9 } }, 10_000)).toMatchObject({ events: 1 });
});
