import { startFauxqs } from "fauxqs";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { expireCommands, requeueCommands, type SweepDeps } from "../../core/command/sweep.ts";
import { readConfig } from "../../core/config.ts";
import { advisoryLock } from "../../core/db/advisory-lock.ts";
import { prune } from "../../core/db/prune.ts";
import { systemIds, uuidv7 } from "../../core/id.ts";
import { uploadKey, uploadPrefix } from "../../core/media/index.ts";
import { pruneUploads } from "../../core/media/prune.ts";
import { takeEmf } from "../../core/metric/index.ts";
import { commandQueue, createQueues, openQueues, type Queues } from "../../core/queue/index.ts";
import { defaultRetention } from "../../core/retention/index.ts";
import { openStorage, type Storage } from "../../core/storage/index.ts";
import { createCronHandler } from "../../functions/cron/handler.ts";
import { handler } from "../../functions/cron/index.ts";
import { lambdaContext } from "../../local/lambda/context.ts";
import { receiverOfTest } from "../support/network/receiver-of-test.ts";
import { startWorld, type World } from "../support/webhook/delivery-setup.ts";

// The tests use real servers, which are slow on a busy machine.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const seconds = 1_000;
const minutes = 60 * seconds;
const hours = 60 * minutes;
const days = 24 * hours;

let world: World;
let sqs: Awaited<ReturnType<typeof startFauxqs>>;
let queues: Queues;
let storage: Storage;
let deps: SweepDeps;

beforeAll(async () => {
  world = await startWorld();
  sqs = await startFauxqs({ port: 0, logger: false, host: "127.0.0.1" });
  const endpoint = `http://127.0.0.1:${sqs.port}`;
  const config = readConfig({ SQS_ENDPOINT: endpoint, S3_ENDPOINT: endpoint, SHARDS: "4" });
  storage = openStorage(config);
  await storage.createBucket();
  queues = openQueues(config);
  await createQueues(queues, config);
  deps = { ...world.deps, queues };
});
beforeEach(async () => {
  world.clock.reset();
  await world.db.sql`delete from commands`;
  await world.db.sql`delete from events`;
});
afterAll(async () => {
  queues.client.destroy();
  storage.client.destroy();
  await sqs.stop();
  await world.stop();
});

const retention = defaultRetention(readConfig({}));

const past = (ms: number) => new Date(world.clock.now().getTime() - ms).toISOString();

interface CommandOptions {
  age: number;
  deadlineIn?: number;
  status?: "queued" | "claimed" | "done";
  kind?: "send" | "query";
  messageStatus?: string;
  shard?: number;
}

/** Inserts a command that was accepted `age` ms ago and, for a send, its message. */
async function command(instanceId: string, options: CommandOptions) {
  const {
    age,
    deadlineIn = 1 * hours,
    status = "queued",
    kind = "send",
    messageStatus = "pending",
    shard = 0,
  } = options;
  const { sql } = world.db;
  const id = uuidv7(world.clock.now().getTime() - age);
  const waId = kind === "send" ? systemIds.messageId() : null;
  const name = kind === "send" ? "message.sendText" : "group.list";
  const finished = status === "done" ? past(age) : null;
  await sql`
    insert into commands (id, instance_id, user_id, shard, name, kind, input, wa_id, status, correlation_id, deadline,
      created_at, finished_at)
    values (${id}, ${instanceId}, ${world.userId}, ${shard}, ${name}, ${kind}, '{}', ${waId}, ${status}, 'c',
      ${past(-deadlineIn)}, ${past(age)}, ${finished})`;
  if (waId) {
    await sql`
      insert into messages (id, instance_id, wa_id, chat_id, from_me, type, proto_type, status, sent_at)
      values (${systemIds.uuid()}, ${instanceId}, ${waId}, '79001234567@s.whatsapp.net', true, 'text', 'conversation',
        ${messageStatus}, ${past(age)})`;
  }
  return { id, waId };
}

const lease = (shard: number, until: string | null) => world.db.sql`
  update shards set lease_until = clock_timestamp() + ${until}::interval where id = ${shard}`;

async function statusOf(id: string) {
  const [row] = await world.db.sql`
    select status, error_code, output, finished_at is not null as finished from commands where id = ${id}`;
  return row;
}

async function received(): Promise<{ id: string; group: string | undefined }[]> {
  const messages = await queues.receive(commandQueue(0), { waitSeconds: 0 });
  await queues.remove(
    commandQueue(0),
    messages.map((message) => message.ReceiptHandle ?? ""),
  );
  return messages.map(({ Body, Attributes }) => ({ id: JSON.parse(Body ?? "").id, group: Attributes?.MessageGroupId }));
}

test("a command that stays `queued` is sent to its queue again, and SQS keeps one copy within five minutes", async () => {
  const instance = await world.instance();
  const send = await command(instance, { age: 40 * seconds });
  const query = await command(instance, { age: 40 * seconds, kind: "query" });
  await command(instance, { age: 10 * seconds });
  await command(instance, { age: 40 * seconds, status: "claimed" });
  await command(instance, { age: 40 * seconds, deadlineIn: -1 * seconds });
  expect(await requeueCommands(deps)).toBe(2);
  expect(await requeueCommands(deps)).toBe(2);
  const messages = [...(await received()), ...(await received())];
  expect(messages).toHaveLength(2);
  expect(messages).toEqual(
    expect.arrayContaining([
      { id: send.id, group: instance },
      { id: query.id, group: query.id },
    ]),
  );
});

test("many queued commands of one shard don't keep those of another shard out of their queue", async () => {
  const instance = await world.instance();
  await command(instance, { age: 3 * minutes, shard: 2 });
  await world.db.sql`
    insert into commands (id, instance_id, user_id, shard, name, kind, input, status, correlation_id, deadline, created_at)
    select gen_random_uuid(), instance_id, user_id, shard, name, kind, input, status, correlation_id, deadline, created_at
    from commands, generate_series(1, 600)`;
  const other = await command(instance, { age: 40 * seconds, shard: 3 });
  await requeueCommands(deps);
  const messages = await queues.receive(commandQueue(3), { waitSeconds: 0 });
  expect(messages.map(({ Body }) => JSON.parse(Body ?? "").id)).toEqual([other.id]);
});

test("the commands of an unavailable host are sent to their queue again once an hour, not in every run", async () => {
  const instance = await world.instance();
  await command(instance, { age: 10 * minutes, deadlineIn: 24 * hours });
  let repeats = 0;
  for (let minute = 0; minute < 240; minute++) {
    world.clock.advance(1 * minutes);
    repeats += await requeueCommands(deps);
  }
  expect(repeats).toBeGreaterThanOrEqual(4);
  expect(repeats).toBeLessThanOrEqual(8);
});

test("a send that never reached a host fails at its deadline with its message and an event", async () => {
  const instance = await world.instance();
  const { id, waId } = await command(instance, { age: 25 * hours, deadlineIn: -1 * seconds });
  const open = await command(instance, { age: 1 * hours });
  expect(await expireCommands(deps)).toBe(1);
  expect(await statusOf(id)).toMatchObject({ status: "failed", error_code: "command_expired", finished: true });
  expect(await statusOf(open.id)).toMatchObject({ status: "queued" });
  const [message] = await world.db.sql`select status, error from messages where wa_id = ${waId}`;
  expect(message).toMatchObject({ status: "failed", error: "command_expired" });
  const events = await world.db.sql`
    select type, seq::int as seq, data, emitted_at, correlation_id from events where instance_id = ${instance}`;
  expect(events).toMatchObject([
    {
      type: "message.failed",
      seq: 1,
      correlation_id: "c",
      data: { messageId: waId, chatId: "79001234567@s.whatsapp.net", code: "command_expired", details: null },
      emitted_at: null,
    },
  ]);
  expect(await expireCommands(deps)).toBe(0);
});

test("a claimed command does not expire until its shard has been unserved for a minute", async () => {
  const instance = await world.instance();
  const { id } = await command(instance, { age: 25 * hours, deadlineIn: -1 * seconds, status: "claimed" });
  for (const until of ["10 seconds", "-30 seconds"]) {
    await lease(0, until);
    expect(await expireCommands(deps)).toBe(0);
  }
  await lease(0, "-70 seconds");
  expect(await expireCommands(deps)).toBe(1);
  expect(await statusOf(id)).toMatchObject({ status: "failed", error_code: "command_expired" });
});

test("the sweep waits for a host that is taking the shard, and then leaves the shard's commands to it", async () => {
  const instance = await world.instance();
  await command(instance, { age: 25 * hours, deadlineIn: -1 * seconds, status: "claimed" });
  await lease(0, null);
  let expired: Promise<number> | undefined;
  await world.db.sql.begin(async (takeover) => {
    await takeover`select pg_advisory_xact_lock(${advisoryLock.shard}, 0)`;
    expired = expireCommands(deps);
    await vi.waitFor(async () => {
      const [row] = await world.db.sql`select count(*)::int as n from pg_stat_activity where wait_event = 'advisory'`;
      expect(row).toMatchObject({ n: 1 });
    });
    await takeover`update shards set lease_until = clock_timestamp() + interval '30 seconds' where id = 0`;
  });
  expect(await expired).toBe(0);
});

test("a send that WhatsApp acknowledged is done, even after its deadline, without a failure event", async () => {
  const instance = await world.instance();
  await lease(0, "-70 seconds");
  const options = { age: 25 * hours, deadlineIn: -1 * seconds, status: "claimed", messageStatus: "delivered" } as const;
  const { id, waId } = await command(instance, options);
  expect(await expireCommands(deps)).toBe(1);
  expect(await statusOf(id)).toMatchObject({ status: "done", error_code: null, output: { messageId: waId } });
  expect(await world.db.sql`select 1 from events where instance_id = ${instance}`).toHaveLength(0);
});

test("old rows are deleted, and rows that are recent, open or not emitted are kept", async () => {
  const { sql } = world.db;
  const instance = await world.instance();
  const [old, young] = [31 * days, 29 * days];
  const gone = await command(instance, { age: old, status: "done" });
  const kept = [
    await command(instance, { age: young, status: "done" }),
    await command(instance, { age: old, deadlineIn: 1 * hours }),
  ];
  const keyOf = async (age: number) => {
    const { id } = await command(instance, { age: 1 * days, status: "done" });
    await sql`insert into idempotency_keys values (${world.userId}, ${id}, '\\x00', ${id}, ${past(age)})`;
    return id;
  };
  const keys = [await keyOf(25 * hours), await keyOf(23 * hours)];
  let seq = 0;
  const event = async (age: number, emitted: boolean) => {
    const id = uuidv7(world.clock.now().getTime() - age);
    await sql`
      insert into events (id, instance_id, shard, seq, type, data, created_at, emitted_at)
      values (${id}, ${instance}, 0, ${++seq}, 'message.sent', '{}', ${past(age)}, ${emitted ? past(age) : null})`;
    return id;
  };
  const events = [await event(old, true), await event(young, true), await event(old, false)];
  for (const age of [old, young]) {
    await sql`insert into session_inbox values (${instance}, 'm', ${Buffer.from(String(age))}, '\\x00', ${past(age)})`;
    await sql`
      insert into unreadable_messages (instance_id, wa_id, sender, attrs, reason, created_at)
      values (${instance}, ${String(age)}, 'a@lid', '{}', 'no_content', ${past(age)})`;
    const id = uuidv7(world.clock.now().getTime() - age);
    await sql`
      insert into deliveries (id, instance_id, event_id, event_seq, event_type, url, body, status, next_at, created_at)
      values (${id}, ${instance}, ${id}, 1, 'message.sent', 'http://example.com', '{}', 'failed', ${past(age)}, ${past(age)})`;
    await sql`
      insert into attempts (id, delivery_id, number, at, duration_ms) values (${systemIds.uuid()}, ${id}, 1, ${past(age)}, 1)`;
  }

  expect(await prune(deps, 10_000)).toEqual({
    idempotency_keys: 1,
    session_inbox: 1,
    unreadable_messages: 1,
    commands: 1,
    deliveries: 1,
    events: 1,
  });
  expect(await statusOf(gone.id)).toBeUndefined();
  for (const { id } of kept) expect(await statusOf(id)).toBeDefined();
  expect((await sql`select command_id from idempotency_keys`).map((row) => row.command_id)).toEqual([keys[1]]);
  expect((await sql`select id from events order by id`).map((row) => row.id)).toEqual([events[2], events[1]].sort());
  expect(await sql`select 1 from attempts a join deliveries d on d.id = a.delivery_id`).toHaveLength(1);
  expect(await prune(deps, 10_000)).toEqual({});
});

test("one run deletes more than one batch of old rows", async () => {
  const instance = await world.instance();
  await world.db.sql`
    insert into session_inbox select ${instance}, 'm' || n, '\\x00', '\\x00', ${past(40 * days)}::timestamptz
    from generate_series(1, 2500) n`;
  expect(await prune(deps, 10_000)).toEqual({ session_inbox: 2500 });
});

test("an upload is removed after a day, unless a command waits to send the upload", async () => {
  const instance = await world.instance();
  const keys = ["a", "b"].map((id) => uploadKey(instance, id));
  for (const key of keys) await storage.put(key, Buffer.from("x"), { contentType: "text/plain" });
  const left = async () => {
    const found: string[] = [];
    for await (const { key } of storage.list(uploadPrefix(instance))) found.push(key);
    return found;
  };
  const { id } = await command(instance, { age: 0 });
  const input = { to: "79001234567@s.whatsapp.net", upload: "b" };
  await world.db.sql`
    update commands set name = 'message.sendMedia', input = ${JSON.stringify(input)}::text::jsonb where id = ${id}`;
  world.clock.advance(23 * hours);
  await pruneUploads({ ...world.deps, storage });
  expect(await left()).toEqual(keys);
  world.clock.advance(2 * hours);
  await pruneUploads({ ...world.deps, storage });
  expect(await left()).toEqual(keys.slice(1));
  await world.db.sql`update commands set status = 'done' where id = ${id}`;
  world.clock.advance(2 * hours);
  await pruneUploads({ ...world.deps, storage });
  expect(await left()).toEqual([]);
});

test("each cron run emits the fleet metrics", async () => {
  const { sql } = world.db;
  const fleetMetrics = async () => {
    takeEmf("before", world.clock.now());
    await createCronHandler(async () => ({ ...world.deps, queues, storage, retention }))(
      {},
      lambdaContext("cron", 60_000),
    );
    return JSON.parse(takeEmf("fleet", world.clock.now()) ?? "{}");
  };
  await sql`update instances set status = 'disconnected', desired = 'stopped'`;
  await sql`update shards set host = null, lease_until = null`;
  await sql`delete from deliveries`;
  const nothing = { HostsAlive: 0, InstancesConnected: 0, InstancesPerHost: 0, CommandsWaiting: 0, EventAge: 0 };
  expect(await fleetMetrics()).toMatchObject({ ...nothing, DeliveriesWaiting: 0, ShardsUnheld: 4 });

  const instances = await Promise.all(Array.from({ length: 3 }, () => world.instance({ url: "http://127.0.0.1:1/" })));
  const [first = "", second = "", third = ""] = instances;
  await sql`update instances set desired = 'running' where id = any(${instances}::uuid[])`;
  await sql`update instances set status = 'connected' where id = any(${[first, second]}::uuid[])`;
  await sql`
    insert into hosts (id, started_at, seen_at, version)
    values ('a', now(), clock_timestamp(), '1'), ('b', now(), clock_timestamp(), '1'), ('dead', now(), now() - interval '1 minute', '1')`;
  // Of the four shards, 0 is held, 1 belongs to a dead host, the lease of 2 has expired, and 3 is free.
  await sql`update shards set host = 'a', lease_until = clock_timestamp() + interval '1 minute' where id = 0`;
  await sql`update shards set host = 'dead', lease_until = clock_timestamp() + interval '1 minute' where id = 1`;
  await sql`update shards set host = 'b', lease_until = clock_timestamp() - interval '1 second' where id = 2`;
  await command(first, { age: 0 });
  await command(second, { age: 0, status: "claimed" });
  await command(third, { age: 0, status: "done" });
  await sql`
    insert into deliveries (id, instance_id, event_id, event_seq, event_type, url, body, next_at)
    select gen_random_uuid(), ${first}, gen_random_uuid(), n, 'message.sent', 'http://127.0.0.1:1/', '{}', 'infinity'
    from generate_series(1, 2) n`;
  await sql`
    insert into events (id, instance_id, shard, seq, type, data, created_at, emitted_at)
    values (gen_random_uuid(), ${first}, 0, 1, 'message.sent', '{}', clock_timestamp() - interval '1 hour', now()),
      (gen_random_uuid(), ${first}, 0, 2, 'message.sent', '{}', clock_timestamp() - interval '5 minutes', null),
      (gen_random_uuid(), ${second}, 1, 1, 'message.sent', '{}', clock_timestamp() - interval '1 minute', null)`;
  const now = await fleetMetrics();
  expect(now).toMatchObject({ HostsAlive: 2, InstancesConnected: 2, InstancesPerHost: 1.5, ShardsUnheld: 3 });
  expect(now).toMatchObject({ Stage: "fleet", CommandsWaiting: 2, DeliveriesWaiting: 2 });
  expect(Math.round(now.EventAge / 60)).toBe(5);

  await sql`insert into fleet (stopped, updated_at) values (true, now())`;
  expect(await fleetMetrics()).toMatchObject({ ShardsUnheld: 0, HostsAlive: 2 });
  await sql`delete from fleet`;
  await sql`delete from hosts`;
});

test("the cron function runs all jobs, and a failing job is counted and does not stop the others", async () => {
  const receiver = await receiverOfTest(500);
  const instance = await world.instance({ url: receiver.url });
  await world.handle(world.texts(instance, 1));
  receiver.answer(200);
  world.clock.advance(2 * minutes);
  const { id } = await command(instance, { age: 25 * hours, deadlineIn: -1 * seconds });
  const waiting = await command(instance, { age: 40 * seconds });
  const broken = { ...queues, sendBatch: () => Promise.reject(new Error("the queue is unavailable")) };
  const run = (used: Queues) =>
    createCronHandler(async () => ({ ...world.deps, queues: used, storage, retention }))(
      {},
      lambdaContext("cron", 60_000),
    );
  await expect(run(broken)).rejects.toThrow("1 scheduled jobs failed");
  expect(receiver.received).toHaveLength(2);
  expect(await statusOf(id)).toMatchObject({ status: "failed" });
  await run(queues);
  expect(await received()).toContainEqual({ id: waiting.id, group: instance });
});

test("the exported Lambda handler takes its configuration from the environment", async () => {
  vi.stubEnv("DATABASE_URL", world.url);
  vi.stubEnv("MASTER_KEY_FILE", world.masterKeyFile);
  vi.stubEnv("SQS_ENDPOINT", `http://127.0.0.1:${sqs.port}`);
  vi.stubEnv("S3_ENDPOINT", `http://127.0.0.1:${sqs.port}`);
  vi.stubEnv("LOG_LEVEL", "silent");
  const instance = await world.instance();
  const { id } = await command(instance, { age: 25 * hours, deadlineIn: -1 * seconds });
  const waiting = await command(instance, { age: 40 * seconds });
  await handler({}, lambdaContext("cron", 60_000));
  expect(await statusOf(id)).toMatchObject({ status: "failed" });
  expect(await received()).toContainEqual({ id: waiting.id, group: instance });
  vi.unstubAllEnvs();
});
