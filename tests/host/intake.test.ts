import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../core/clock.ts";
import { type AcceptDeps, acceptCommand } from "../../core/command/accept.ts";
import type { CommandName } from "../../core/command/catalog/index.ts";
import { commandMessage } from "../../core/command/envelope.ts";
import { HandOver, handOverOf } from "../../core/command/hand-over.ts";
import type { NewCommand } from "../../core/command/store.ts";
import { StoreBatch } from "../../core/command/store-batch.ts";
import { readConfig } from "../../core/config.ts";
import { type Database, openDatabase } from "../../core/db/index.ts";
import { sqlState } from "../../core/db/sql-state.ts";
import { AppError } from "../../core/error.ts";
import { systemIds } from "../../core/id.ts";
import type { Instance } from "../../core/instance/index.ts";
import { createLogger } from "../../core/log.ts";
import { commandQueue, createQueues, openQueues, type Queues } from "../../core/queue/index.ts";
import { defaultQuotas } from "../../core/quota/limits.ts";
import { LookUps } from "../../core/user/look-up.ts";
import { type LocalAws, startAws } from "../../local/aws/index.ts";
import { type ClaimedCommand, isQuery, type OrderedCommand } from "../../session-host/command/claim/claimed-command.ts";
import { Claimer } from "../../session-host/command/claim/claimer.ts";
import { Requesters } from "../../session-host/command/claim/requesters.ts";
import { SendQueue } from "../../session-host/command/send/send-queue.ts";
import { DirectIntake } from "../../session-host/host/direct-intake.ts";
import { CommandIntake } from "../../session-host/host/intake.ts";
import { startLossyProxy } from "../support/network/lossy-proxy.ts";
import { startTcpProxy } from "../support/network/tcp-proxy.ts";
import { temporaryFolder } from "../support/process/temporary-folder.ts";
import { loadInstance } from "../support/session-host/load-instance.ts";
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

/**
 * The intake of a shard whose instances are not connected, so that their send queues hold what is submitted. `claims` is
 * the connection of its claims to Postgres.
 */
async function startIntake({ claims: db = database.db, ...rest }: { claims?: Database; searchMs?: number } = {}) {
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
  const direct = new DirectIntake({
    ...{ host, lease, claimer, log, submit, ...rest },
    hasRoom: (id, reserved) => intake.hasRoom(id, (held().get(id) ?? 0) + reserved),
  });
  const handOver = new HandOver();
  handOver.register(direct);
  onTestFinished(() => direct.stop());
  return {
    ...{ intake, claimer, direct, handOver, submit, submitted },
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

interface AcceptOptions {
  name?: CommandName;
  idempotencyKey?: string;
  to?: string;
}

/** Accepts a command as the API does. `db` is the connection of the API to Postgres. Returns the id of the command. */
async function accept(
  instanceId: string,
  deps: Pick<AcceptDeps, "handOver"> & { db?: Database },
  options: AcceptOptions = {},
): Promise<string> {
  return await acceptAt(await connected(instanceId), deps, options);
}

/** Returns an instance as the API reads it while the instance is connected. */
const connected = async (instanceId: string): Promise<Instance> => ({
  ...(await loadInstance(database.db, instanceId)),
  status: "connected",
});

async function acceptAt(
  instance: Instance,
  deps: Parameters<typeof accept>[1],
  { name = "message.sendText", idempotencyKey = systemIds.uuid(), to = "4915550000001" }: AcceptOptions = {},
): Promise<string> {
  const { commandId } = await acceptCommand(
    {
      db: database.db,
      queues,
      quotas: defaultQuotas(readConfig({})),
      clock: systemClock,
      ids: systemIds,
      log,
      ...deps,
    },
    {
      ...{ userId: instance.userId, instance, name, idempotencyKey, correlationId: idempotencyKey },
      input: name === "message.sendText" ? { to: `${to}@s.whatsapp.net`, text: "hello" } : {},
    },
  );
  return commandId;
}

const codeOf = (error: unknown) => (error instanceof AppError ? error.code : sqlState(error));

const statusOf = async (id: string) =>
  (await database.db.sql<{ status: string }[]>`select status from commands where id = ${id}`)[0]?.status;

/** The number of commands on the queue of the shard. */
async function onQueue(): Promise<number> {
  const { waiting, inFlight } = await queues.depth(commandQueue(0), AbortSignal.timeout(5_000));
  return waiting + inFlight;
}

/** A connection to Postgres that can lose answers. */
async function lossyDatabase() {
  const proxy = await startLossyProxy(database.url);
  const db = openDatabase(proxy.url, { max: 1 });
  onTestFinished(() => db.close());
  return { proxy, db };
}

/** A pool of one connection that gives up after a short time. Its answers can be held back, at once or from a request on. */
async function silentDatabase() {
  let connections = 0;
  let text: string | undefined;
  let release: (() => void) | undefined;
  const hold = () => {
    release = proxy.hold();
  };
  const proxy = await startTcpProxy(Number(new URL(database.url).port), () => {
    connections++;
    return {
      onRequest(chunk) {
        if (text !== undefined && chunk.includes(text)) hold();
      },
      passesAnswer: () => true,
    };
  });
  onTestFinished(() => proxy.stop());
  const url = Object.assign(new URL(database.url), { port: String(proxy.port) });
  const db = openDatabase(url.href, { max: 1, answerMs: 300 });
  onTestFinished(() => db.close());
  await db.sql`select 1`;
  return {
    ...{ db, hold, connections: () => connections },
    holdFrom: (request: string) => {
      text = request;
    },
    release: () => {
      text = undefined;
      release?.();
    },
  };
}

describe("when Postgres does not answer", () => {
  test("a look-up of a key fails as unavailable, and the next one uses another connection", async () => {
    const { db, hold, release, connections } = await silentDatabase();
    const lookUps = new LookUps({ db, clock: systemClock });
    const { id } = await database.createInstance();
    expect(await lookUps.instance(id)).toMatchObject({ id });
    hold();
    expect(codeOf(await lookUps.instance(id).catch((error: unknown) => error))).toBe("unavailable");
    release();
    expect(await lookUps.instance(id)).toMatchObject({ id });
    expect(connections()).toBe(2);
  });

  test.each([[true], [false]])(
    "the outcome of a command is unknown, and it runs once if it is repeated with its key (host in the process: %s)",
    async (inside) => {
      const one = await database.createInstance();
      const { handOver, of, intake } = await startIntake();
      const { db, holdFrom, release } = await silentDatabase();
      const deps = { db, ...(inside ? { handOver } : {}) };
      const idempotencyKey = systemIds.uuid();
      holdFrom('"kind":"send"');
      const unknown = await accept(one.id, deps, { idempotencyKey }).catch((error: unknown) => error);
      expect(codeOf(unknown)).toBe("outcome_unknown");
      release();
      const repeated = await accept(one.id, deps, { idempotencyKey });
      if (!inside) await intake.takeWaiting(0);
      await until(async () => of(one.id).length > 0 || undefined);
      const rows = await database.db.sql`select id from commands where instance_id = ${one.id}`;
      expect([of(one.id), rows]).toEqual([[repeated], [{ id: repeated }]]);
    },
  );
});

describe("when all connections are busy", () => {
  test("a command that was not sent to Postgres fails as unavailable, and is not stored later", async () => {
    const one = await database.createInstance();
    const { handOver } = await startIntake();
    const { db } = await silentDatabase();
    const isBusy = Promise.withResolvers<void>();
    const end = Promise.withResolvers<void>();
    const busy = db.sql.begin(async (sql) => {
      await sql`select 1`;
      isBusy.resolve();
      await end.promise;
    });
    await isBusy.promise;
    const refused = await accept(one.id, { handOver, db }).catch((error: unknown) => error);
    end.resolve();
    await busy;
    // The statements of the pool run in order.
    await db.sql`select 1`;
    expect(codeOf(refused)).toBe("unavailable");
    expect(await database.db.sql`select from commands where instance_id = ${one.id}`).toHaveLength(0);
  });

  test("a command whose statement waits behind another one is searched for until its turn comes", async () => {
    const one = await database.createInstance();
    const { handOver, of } = await startIntake({ searchMs: 0 });
    const { db } = await silentDatabase();
    const isLocked = Promise.withResolvers<void>();
    const unlock = Promise.withResolvers<void>();
    const lock = database.db.sql.begin(async (sql) => {
      await sql`select pg_advisory_xact_lock(1502)`;
      isLocked.resolve();
      await unlock.promise;
    });
    await isLocked.promise;
    const before = db.sql`select pg_advisory_xact_lock(1502)`.execute();
    const unknown = await accept(one.id, { handOver, db }).catch((error: unknown) => error);
    expect(codeOf(unknown)).toBe("outcome_unknown");
    // Longer than the interval of the search.
    await sleep(1_200);
    unlock.resolve();
    await Promise.all([lock, before]);
    const [stored] = await until(async () => {
      const rows = await database.db.sql`select id, status from commands where instance_id = ${one.id}`;
      return rows.length > 0 ? rows : undefined;
    });
    expect(stored?.status).toBe("claimed");
    await until(async () => of(one.id).length > 0 || undefined);
    expect(of(one.id)).toEqual([stored?.id]);
  });
});

describe("commands that the API claims for a host of its process", () => {
  test("reach the session in order and skip the queue", async () => {
    const one = await database.createInstance();
    const { handOver, of } = await startIntake();
    const before = await onQueue();
    const accepted: string[] = [];
    for (let count = 0; count < 5; count++) accepted.push(await accept(one.id, { handOver }));
    expect(of(one.id)).toEqual(accepted);
    expect(await onQueue()).toBe(before);
    const rows = await database.db.sql<{ id: string; status: string }[]>`
      select id, status from commands where instance_id = ${one.id} order by position`;
    expect(rows.map(({ id, status }) => [id, status])).toEqual(accepted.map((id) => [id, "claimed"]));
  });

  test("are what the database has of them", async () => {
    const one = await database.createInstance();
    const { handOver, submitted, claimer } = await startIntake();
    await accept(one.id, { handOver }, { to: "4915550000009" });
    const [found] = await claimer.unfinished();
    expect(submitted).toEqual([found]);
  });

  test.each([
    ["an older command waits in the database", async (one: { id: string; userId: string }) => store(one, 1)],
    [
      "an older command is on the queue",
      async (one: { id: string; userId: string }) => {
        const ids = await store(one, 1);
        await enqueue(one.id, ids);
        return ids;
      },
    ],
  ])("run after an older one if %s", async (_, before) => {
    const one = await database.createInstance();
    const { handOver, of, intake } = await startIntake();
    const older = await before(one);
    const sent = await accept(one.id, { handOver });
    const query = await accept(one.id, { handOver }, { name: "profile.get" });
    expect(await statusOf(sent)).toBe("queued");
    // A query waits for no other command.
    expect(of(one.id)).toEqual([query]);
    await intake.takeWaiting(0);
    expect(of(one.id)).toEqual([query, ...older, sent]);
    const next = await accept(one.id, { handOver });
    expect(of(one.id)).toEqual([query, ...older, sent, next]);
  });

  test("run after an older one whose claim has lost its result", async () => {
    const one = await database.createInstance();
    const { proxy, db } = await lossyDatabase();
    const { handOver, of, intake } = await startIntake({ claims: db });
    const [older = ""] = await store(one, 1);
    proxy.loseAnswerWith(older);
    await expect(intake.takeWaiting(0)).rejects.toThrow();
    await until(async () => (await statusOf(older)) === "claimed" || undefined);
    const sent = await accept(one.id, { handOver });
    await until(async () => of(one.id).length === 2 || undefined);
    expect(of(one.id)).toEqual([older, sent]);
  });

  test("run after an older one whose claim is in progress", async () => {
    const one = await database.createInstance();
    const { handOver, of, claimer, direct, submit } = await startIntake();
    const release = Promise.withResolvers<void>();
    const older = (await store(one, 1))[0] ?? "";
    // The claim is durable before the result arrives.
    const claiming = claimer
      .atNextPosition(async () => {
        await database.db.sql`update commands set status = 'claimed', position = 1 where id = ${older}`;
        await release.promise;
        return await claimer.find([older]);
      })
      .then((claimed) => claimed.map((command) => submit(command)));
    await until(async () => (await statusOf(older)) === "claimed" || undefined);
    const sent = await accept(one.id, { handOver });
    expect(direct.held).toBe(true);
    expect(of(one.id)).toEqual([]);
    release.resolve();
    await claiming;
    await until(async () => of(one.id).length === 2 || undefined);
    expect(of(one.id)).toEqual([older, sent]);
  });

  /** Begins a claim, of commands of an instance or of any, that takes nothing and ends with the returned function. */
  async function beginClaim({ claimer }: Awaited<ReturnType<typeof startIntake>>, instanceId?: string) {
    const { promise, resolve } = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const claiming = claimer.atNextPosition(async () => {
      begun.resolve();
      await promise;
      return [];
    }, instanceId);
    await begun.promise;
    return async () => {
      resolve();
      await claiming;
    };
  }

  test("don't wait for claims of other instances, and queries wait for none", async () => {
    const [one, other] = [await database.createInstance(), await database.createInstance()];
    const intake = await startIntake();
    const { handOver, of } = intake;
    const endOther = await beginClaim(intake, other.id);
    const sent = await accept(one.id, { handOver });
    expect(of(one.id)).toEqual([sent]);
    const waiting = await accept(other.id, { handOver });
    const query = await accept(other.id, { handOver }, { name: "profile.get" });
    expect(of(other.id)).toEqual([query]);
    await endOther();
    await until(async () => of(other.id).length === 2 || undefined);
    expect(of(other.id)).toEqual([query, waiting]);
  });

  test("count as held by their session while they wait for a claim", async () => {
    const [one, other] = [await database.createInstance(), await database.createInstance()];
    const intake = await startIntake();
    const { direct, of } = intake;
    const end = await beginClaim(intake);
    const handed = (await store(one, 2_000)).map((id, position) => ({
      ...{ id, position, instanceId: one.id, userId: one.userId, correlationId: id, options: null, waId: id },
      ...{ name: "message.sendText", input: {}, chatId: "4915550000001@s.whatsapp.net" },
      ...{ deadline: new Date(Date.now() + 60_000), acceptedAt: new Date() },
    }));
    for (const command of handed) direct.take(command);
    expect([of(one.id), direct.hasRoom(one.id, 0), direct.hasRoom(other.id, 0)]).toEqual([[], false, true]);
    await end();
    await until(async () => of(one.id).length === 2_000 || undefined);
    expect(of(one.id)).toEqual(handed.map(({ id }) => id));
    expect(direct.hasRoom(one.id, 0)).toBe(false);
  });

  test("go over the queue if another host has taken the shard", async () => {
    const one = await database.createInstance();
    const { handOver, of } = await startIntake();
    const successor = await startIntake();
    const sent = await accept(one.id, { handOver });
    expect([await statusOf(sent), of(one.id)]).toEqual(["queued", []]);
    successor.start();
    await until(async () => successor.of(one.id).length > 0 || undefined);
    expect(successor.of(one.id)).toEqual([sent]);
  });

  test("run once if the result of the statement that claimed them was lost", async () => {
    const one = await database.createInstance();
    const { proxy, db } = await lossyDatabase();
    const { handOver, of } = await startIntake();
    const idempotencyKey = systemIds.uuid();
    proxy.loseAnswerWith("claimed");
    const lost = await accept(one.id, { handOver, db }, { idempotencyKey }).catch(() => undefined);
    await until(async () => of(one.id).length > 0 || undefined);
    expect(proxy.lost()).toBe(1);
    const repeated = await accept(one.id, { handOver, db }, { idempotencyKey });
    expect([lost ?? repeated, of(one.id)]).toEqual([repeated, [repeated]]);
  });

  test("are found by the next host if the process dies before they are handed over", async () => {
    const one = await database.createInstance();
    const dead = await startIntake();
    dead.direct.take = () => undefined;
    const sent = await accept(one.id, { handOver: dead.handOver });
    const { claimer } = await startIntake();
    expect((await claimer.unfinished()).map(({ id }) => id)).toEqual([sent]);
  });

  test("wait in the database while their session is full, and queries don't", async () => {
    const busy = await database.createInstance();
    const { handOver, held, of, intake, empty } = await startIntake();
    await store(busy, 2_000);
    for (let turn = 0; turn < 2; turn++) await intake.takeWaiting(0);
    expect(held(busy.id)).toBe(2_000);
    const sent = await accept(busy.id, { handOver });
    const query = await accept(busy.id, { handOver }, { name: "profile.get" });
    expect([await statusOf(sent), await statusOf(query)]).toEqual(["queued", "claimed"]);
    await empty(busy.id);
    await intake.takeWaiting(0);
    expect(of(busy.id).at(-1)).toBe(sent);
  });

  test("of a user who was disabled meanwhile stay queued", async () => {
    const one = await database.createInstance();
    const { handOver, of } = await startIntake();
    await database.db.sql`update users set disabled_at = now() where id = ${one.userId}`;
    const sent = await accept(one.id, { handOver });
    expect([await statusOf(sent), of(one.id)]).toEqual(["queued", []]);
  });

  test.each([
    [0, true],
    [1_500, false],
  ])("make no look-up of their user necessary: claimed %i ms ago", async (ageMs, isEnabled) => {
    const { userId } = await database.createInstance();
    await database.db.sql`update users set disabled_at = now() where id = ${userId}`;
    const requesters = new Requesters({ db: database.db, log });
    requesters.confirm(userId, ageMs);
    expect(await requesters.enabled(userId)).toBe(isEnabled);
    // After a second, the user is looked up.
    await until(async () => !(await requesters.enabled(userId)) || undefined);
  });

  test("are stored without a scan of the commands, also beside an instance with many that are queued", async () => {
    const [busy, one] = [await database.createInstance(), await database.createInstance()];
    await store(busy, 10_000);
    const ended = await store(one, 5_000);
    await database.db.sql`update commands set status = 'done' where id = any(${ended}::uuid[])`;
    await database.db.sql`analyze commands`;
    const { handOver, of } = await startIntake();
    const db = openDatabase(database.url, { max: 1 });
    onTestFinished(() => db.close());
    const scans = async () => {
      await db.sql`select pg_stat_force_next_flush()`;
      const [row] = await db.sql<{ scans: number }[]>`
        select seq_scan::int as scans from pg_stat_user_tables where relname = 'commands'`;
      return row?.scans;
    };
    const before = await scans();
    const sent = await accept(one.id, { handOver, db });
    expect(of(one.id)).toEqual([sent]);
    expect(await scans()).toBe(before);
  });

  test("go over the queue when the shard stops, after those that are being claimed", async () => {
    const one = await database.createInstance();
    const { handOver, direct } = await startIntake();
    const reservation = handOver.reserve(0, one.id, true);
    let stopped = false;
    const stopping = handOver.unregister(direct).then(() => {
      stopped = true;
    });
    const sent = await accept(one.id, { handOver });
    expect(await statusOf(sent)).toBe("queued");
    expect(stopped).toBe(false);
    reservation?.end();
    await stopping;
  });

  test("go over the queue with DIRECT_CALLS=false", () => {
    const env = { DATABASE_URL: database.url };
    expect(handOverOf(readConfig({ ...env, DIRECT_CALLS: "false" }))).toBeUndefined();
    expect(handOverOf(readConfig(env))).toBe(handOverOf(readConfig(env)));
  });
});

describe("commands that are accepted at the same time", () => {
  test.each([["claimed"], ["queued"]])("share statements and are %s", async (status) => {
    const instances = [await database.createInstance(), await database.createInstance()];
    const { handOver, of } = await startIntake();
    const deps = status === "claimed" ? { handOver } : {};
    const accepted = await Promise.all(
      Array.from({ length: 60 }, async (_, n) => {
        const { id } = instances[n % 2] ?? { id: "" };
        return { instanceId: id, id: await accept(id, deps) };
      }),
    );
    const rows = await database.db.sql<{ id: string; status: string; transaction: string }[]>`
      select id, status, xmin::text as transaction from commands where id = any(${accepted.map(({ id }) => id)}::uuid[])
      order by position`;
    expect(new Set(rows.map((row) => row.status))).toEqual(new Set([status]));
    expect(rows).toHaveLength(60);
    expect(new Set(rows.map(({ transaction }) => transaction)).size).toBeLessThan(40);
    for (const { id } of status === "claimed" ? instances : []) {
      const own = accepted.filter(({ instanceId }) => instanceId === id).map((command) => command.id);
      // Two statements are in progress at a time and may end in either order. Requests that are made at the same time have
      // no order.
      expect(of(id).toSorted()).toEqual(own.toSorted());
    }
  });

  test("share a statement although two of them have the same key, and the second gets the result of the first", async () => {
    const { id, userId } = await database.createInstance();
    const commandWith = (key?: string): NewCommand => ({
      ...{ id: systemIds.uuid(), instance: { id, shard: 0 }, userId, correlationId: "test", reply: undefined },
      ...{ definition: { name: "message.sendText", kind: "send" }, input: {}, message: undefined, options: undefined },
      ...{ runAt: undefined, acceptedAt: new Date(), deadline: new Date(Date.now() + 60_000) },
      idempotency: key === undefined ? undefined : { key, hash: Buffer.alloc(32) },
    });
    const batch = new StoreBatch(database.db);
    const key = systemIds.uuid();
    const commands = [undefined, undefined, key, key, undefined].map(commandWith);
    // The first two are in progress at once. The others wait, and share the next statement.
    const stored = await Promise.all(commands.map((command) => batch.store(command)));
    expect(stored).toEqual(["stored", "stored", "stored", "repeated", "stored"]);
    const rows = await database.db.sql`
      select distinct xmin::text from commands where id in ${database.db.sql([commands[2]?.id ?? "", commands[4]?.id ?? ""])}`;
    expect(rows).toHaveLength(1);

    const options = { idempotencyKey: systemIds.uuid() };
    const [first, second] = await Promise.all([accept(id, {}, options), accept(id, {}, options)]);
    expect(second).toBe(first);
  });

  test("fail only because of themselves", async () => {
    const [one, gone] = [await database.createInstance(), await database.createInstance()];
    const { handOver, of } = await startIntake();
    const loaded = await connected(gone.id);
    await database.db.sql`delete from instances where id = ${gone.id}`;
    await database.db.sql`
      insert into unknown_numbers (instance_id, jid, checked_at) values (${one.id}, '4915550000002@s.whatsapp.net', now())`;
    const idempotencyKey = systemIds.uuid();
    const outcomes = await Promise.allSettled([
      accept(one.id, { handOver }),
      acceptAt(loaded, { handOver }),
      accept(one.id, { handOver }, { idempotencyKey }),
      accept(one.id, { handOver }, { idempotencyKey, to: "4915550000003" }),
      accept(one.id, { handOver }, { to: "4915550000002" }),
      accept(one.id, { handOver }),
    ]);
    const results = outcomes.map((outcome) => (outcome.status === "fulfilled" ? "accepted" : codeOf(outcome.reason)));
    // Either of the two requests with the same key may be first.
    expect(results.with(2, results.slice(2, 4).sort().join(" ")).toSpliced(3, 1)).toEqual([
      "accepted",
      "23503",
      "accepted idempotency_conflict",
      "recipient_not_on_whatsapp",
      "accepted",
    ]);
    expect(of(one.id)).toHaveLength(3);
  });

  test("take turns with many whose instance is locked, instead of waiting until these fail", async () => {
    const [locked, free] = [await database.createInstance(), await database.createInstance()];
    const { handOver } = await startIntake();
    const unlock = Promise.withResolvers<void>();
    const isLocked = Promise.withResolvers<void>();
    const lock = database.db.sql.begin(async (sql) => {
      await sql`select from instances where id = ${locked.id} for update`;
      isLocked.resolve();
      await unlock.promise;
    });
    await isLocked.promise;
    // As many connections as a gateway has by default.
    const db = openDatabase(database.url, { max: 8 });
    onTestFinished(() => db.close());
    let ended = 0;
    const waiting = Promise.allSettled(
      Array.from({ length: 40 }, () => accept(locked.id, { handOver, db }).finally(() => ended++)),
    );
    // Until the locked ones are tried alone.
    await sleep(500);
    await accept(free.id, { handOver, db });
    expect(ended).toBe(0);
    unlock.resolve();
    await Promise.all([waiting, lock]);
  });

  test("don't wait for one whose instance is locked", async () => {
    const [locked, free] = [await database.createInstance(), await database.createInstance()];
    const { handOver } = await startIntake();
    const unlock = Promise.withResolvers<void>();
    const isLocked = Promise.withResolvers<void>();
    const lock = database.db.sql.begin(async (sql) => {
      await sql`select from instances where id = ${locked.id} for update`;
      isLocked.resolve();
      await unlock.promise;
    });
    await isLocked.promise;
    // The driver sends a statement over a busy connection if it has no other.
    const db = openDatabase(database.url, { max: 24 });
    onTestFinished(() => db.close());
    let isAccepted = false;
    const waiting = accept(locked.id, { handOver, db }).then(() => {
      isAccepted = true;
    });
    await Promise.all(Array.from({ length: 10 }, () => accept(free.id, { handOver, db })));
    expect(isAccepted).toBe(false);
    unlock.resolve();
    await Promise.all([waiting, lock]);
  });
});
