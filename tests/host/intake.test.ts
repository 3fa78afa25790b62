import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import { commandMessage } from "../../core/command/envelope.ts";
import { readConfig } from "../../core/config.ts";
import { AppError } from "../../core/error.ts";
import { systemIds } from "../../core/id.ts";
import { createLogger } from "../../core/log.ts";
import { commandQueue, createQueues, openQueues, type Queues } from "../../core/queue/index.ts";
import { type LocalAws, startAws } from "../../local/aws/index.ts";
import { type ClaimedCommand, isQuery, type OrderedCommand } from "../../session-host/command/claim/claimed-command.ts";
import { Claimer } from "../../session-host/command/claim/claimer.ts";
import { SendQueue } from "../../session-host/command/send/send-queue.ts";
import { CommandIntake } from "../../session-host/host/intake.ts";
import { temporaryFolder } from "../support/process/temporary-folder.ts";
import { type ShardDatabase, startShardDatabase } from "../support/session-host/shard-database.ts";
import { until } from "../support/until.ts";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let database: ShardDatabase;
let aws: LocalAws;
let queues: Queues;
beforeAll(async () => {
  folder = await temporaryFolder();
  [database, aws] = await Promise.all([startShardDatabase(), startAws({ dataDir: folder.path })]);
  const { accessKeyId: AWS_ACCESS_KEY_ID, secretAccessKey: AWS_SECRET_ACCESS_KEY } = aws.credentials;
  const config = readConfig({ SQS_ENDPOINT: aws.endpoint, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, SHARDS: "1" });
  queues = openQueues(config);
  await createQueues(queues, config);
}, 60_000);
beforeEach(() => database.db.sql`delete from commands`);
afterAll(async () => {
  queues?.client.destroy();
  await aws?.stop();
  await database?.stop();
  await folder?.remove();
});

const log = createLogger("test", "silent");

/** The intake of a shard whose instances are not connected, so that their send queues hold what is submitted. */
async function startIntake() {
  const { db } = database;
  const { host, lease } = await database.takeLease();
  const sendQueues = new Map<string, SendQueue>();
  const submitted: ClaimedCommand[] = [];
  const record = async () => undefined;
  const queueOf = (id: string) => {
    const queue =
      sendQueues.get(id) ??
      new SendQueue({
        log,
        record,
        countAttempt: async () => 1,
        mayStart: async () => true,
        onSilence: () => undefined,
      });
    sendQueues.set(id, queue);
    return queue;
  };
  const submit = (command: ClaimedCommand) => {
    submitted.push(command);
    if (!isQuery(command)) queueOf(command.instanceId).push(command as OrderedCommand);
  };
  const claimer = new Claimer({ db, host, lease, submit });
  const held = () => new Map([...sendQueues].map(([id, queue]) => [id, queue.size]));
  const intake = new CommandIntake({ queues, claimer, lease, log, submit, held });
  return {
    intake,
    held: (id: string) => held().get(id) ?? 0,
    /** Returns the ids of the submitted commands of an instance, in order. */
    of: (id: string) => submitted.filter(({ instanceId }) => instanceId === id).map((command) => command.id),
    /** Empties the send queue of an instance, as sending would. */
    empty: (id: string) => queueOf(id).failAll(new AppError("instance_not_connected")),
    start() {
      const stop = new AbortController();
      intake.start(stop.signal);
      onTestFinished(async () => {
        stop.abort();
        await intake.stopped();
      });
    },
  };
}

/** Stores commands of an instance that are a minute old, without sending them to the queue. Returns their ids, in order. */
async function store(
  { id, userId }: { id: string; userId: string },
  count: number,
  { name = "message.sendText", kind = "send", scheduled = false } = {},
): Promise<string[]> {
  const ids = Array.from({ length: count }, () => systemIds.uuid());
  await database.db.sql`
    insert into commands (id, instance_id, user_id, shard, name, kind, input, status, run_at, correlation_id, deadline,
      created_at)
    select t.id, ${id}, ${userId}, 0, ${name}, ${kind}, '{}', ${scheduled ? "scheduled" : "queued"},
      case when ${scheduled} then now() - interval '1 minute' + ord * interval '1 ms' end, t.id, now() + interval '1 hour',
      now() - interval '1 minute' + ord * interval '1 ms'
    from unnest(${ids}::uuid[]) with ordinality as t(id, ord)`;
  return ids;
}

/** Sends stored commands to the queue of the shard. */
async function enqueue(instanceId: string, ids: readonly string[], kind = "send"): Promise<void> {
  for (let start = 0; start < ids.length; start += 10) {
    const messages = ids.slice(start, start + 10).map((id) => commandMessage({ id, instanceId, kind }));
    expect(await queues.sendBatch(commandQueue(0), messages)).toEqual([]);
  }
}

test("an instance with 12,000 commands that can't be sent doesn't delay another user's send", async () => {
  const [busy, other] = [await database.createInstance(), await database.createInstance()];
  const { intake, held, of, start } = await startIntake();
  const stored = await store(busy, 12_000);
  for (let turn = 0; turn < 14; turn++) await intake.takeWaiting(0);
  start();
  const [send = ""] = await store(other, 1);
  await enqueue(other.id, [send]);
  await until(async () => of(other.id).includes(send) || undefined);
  expect(held(busy.id)).toBeLessThanOrEqual(3_000);
  expect(of(busy.id)).toEqual(stored.slice(0, of(busy.id).length));
}, 60_000);

test("commands that wait in the database keep their order with those that the queue delivers", async () => {
  const busy = await database.createInstance();
  const { intake, held, of, empty, start } = await startIntake();
  const stored = await store(busy, 2_400);
  for (let turn = 0; turn < 4; turn++) await intake.takeWaiting(0);
  start();
  const delivered = await store(busy, 30);
  await database.db.sql`update commands set created_at = now() where id = any(${delivered}::uuid[])`;
  await enqueue(busy.id, delivered);
  const all = [...stored, ...delivered];
  await until(async () => {
    const { waiting, inFlight } = await queues.depth(commandQueue(0), AbortSignal.timeout(5_000));
    return waiting + inFlight === 0 || undefined;
  }, 20_000);
  expect(of(busy.id).length).toBeLessThan(all.length);
  await until(async () => {
    if (held(busy.id) > 0) await empty(busy.id);
    return of(busy.id).length === all.length || undefined;
  }, 20_000);
  expect(of(busy.id).slice(0, 2_400)).toEqual(stored);
  expect(new Set(of(busy.id).slice(2_400))).toEqual(new Set(delivered));
}, 60_000);

test("a query runs although the sends of its instance wait for room", async () => {
  const busy = await database.createInstance();
  const { intake, of, start } = await startIntake();
  await store(busy, 3_000);
  for (let turn = 0; turn < 4; turn++) await intake.takeWaiting(0);
  start();
  const [query = ""] = await store(busy, 1, { name: "profile.get", kind: "query" });
  await enqueue(busy.id, [query], "query");
  await until(async () => of(busy.id).includes(query) || undefined, 10_000);
}, 60_000);

test("a claim of waiting or due commands takes turns between instances", async () => {
  const [busy, other] = [await database.createInstance(), await database.createInstance()];
  const { intake, of } = await startIntake();
  await store(busy, 1_500);
  const [send = ""] = await store(other, 1);
  await intake.takeWaiting(0);
  expect(of(other.id)).toEqual([send]);
  await store(busy, 1_500, { scheduled: true });
  const [due = ""] = await store(other, 1, { scheduled: true });
  await database.db.sql`update commands set run_at = now() where id = ${due}`;
  await intake.takeDue();
  expect(of(other.id)).toEqual([send, due]);
}, 60_000);

test("a new host continues with all queued commands in order, also if they exceed one claim", async () => {
  const busy = await database.createInstance();
  const { intake, of, start } = await startIntake();
  const stored = await store(busy, 1_700);
  await intake.takeQueued();
  start();
  await until(async () => of(busy.id).length === 1_700 || undefined, 20_000);
  expect(of(busy.id)).toEqual(stored);
}, 60_000);
