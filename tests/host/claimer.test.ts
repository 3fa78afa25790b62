import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { openDatabase } from "../../core/db/index.ts";
import { systemIds } from "../../core/id.ts";
import type { ClaimedCommand } from "../../session-host/command/claim/claimed-command.ts";
import { Claimer } from "../../session-host/command/claim/claimer.ts";
import { HeldBack } from "../../session-host/command/limit/held-back.ts";
import { type LossyProxy, startLossyProxy } from "../support/network/lossy-proxy.ts";
import { type ShardDatabase, startShardDatabase } from "../support/session-host/shard-database.ts";
import { until } from "../support/until.ts";

let database: ShardDatabase;

beforeAll(async () => {
  database = await startShardDatabase();
});

afterAll(() => database?.stop());

/** A claimer whose connection to Postgres can lose an answer, and what it has submitted by itself. */
async function openClaimer(): Promise<{ claimer: Claimer; proxy: LossyProxy; submitted: string[] }> {
  const proxy = await startLossyProxy(database.url);
  const db = openDatabase(proxy.url, { max: 1 });
  onTestFinished(() => db.close());
  const submitted: string[] = [];
  const submit = (command: ClaimedCommand) => void submitted.push(command.id);
  return { claimer: new Claimer({ db, ...(await database.takeLease()), submit }), proxy, submitted };
}

async function queueCommand(): Promise<string> {
  const { sql } = database.db;
  const instance = await database.createInstance();
  const id = systemIds.uuid();
  await sql`
    insert into commands (id, instance_id, user_id, shard, name, kind, input, correlation_id, deadline, created_at)
    values (${id}, ${instance.id}, ${instance.userId}, 0, 'profile.get', 'query', '{}', ${id}, now() + interval '1 hour',
      now() - interval '1 minute')`;
  return id;
}

const isClaimed = (id: string) =>
  until(async () => {
    const [row] = await database.db.sql<{ status: string }[]>`select status from commands where id = ${id}`;
    return row?.status === "claimed" || undefined;
  });

const ids = (commands: readonly ClaimedCommand[]) => commands.map((command) => command.id);

test("a claimer submits a queued command once if Postgres' answer to its claim was lost", async () => {
  const { claimer, proxy, submitted } = await openClaimer();
  const id = await queueCommand();
  proxy.loseAnswerWith(id);
  await expect(claimer.fromQueue([id])).rejects.toThrow();
  expect(proxy.lost()).toBe(1);
  await isClaimed(id);
  expect(ids(await claimer.fromQueue([id]))).toEqual([]);
  expect(submitted).toEqual([id]);
  await claimer.waiting(0);
  expect(submitted).toEqual([id]);
});

test("a claimer submits a waiting command once if Postgres' answer to its claim was lost", async () => {
  const { claimer, proxy, submitted } = await openClaimer();
  const id = await queueCommand();
  proxy.loseAnswerWith(id);
  await expect(claimer.waiting(0)).rejects.toThrow();
  await isClaimed(id);
  const [one, other] = await Promise.all([claimer.waiting(0), claimer.due()]);
  expect([...ids(one), ...ids(other)]).toEqual([]);
  expect(submitted).toEqual([id]);
});

test("a claimer that looks up a lost claim does not submit a command that it returned earlier", async () => {
  const { claimer, proxy, submitted } = await openClaimer();
  const known = await queueCommand();
  expect(ids(await claimer.fromQueue([known]))).toEqual([known]);
  const lost = await queueCommand();
  proxy.loseAnswerWith(lost);
  await expect(claimer.fromQueue([known, lost])).rejects.toThrow();
  await isClaimed(lost);
  expect(ids(await claimer.fromQueue([known, lost]))).toEqual([]);
  expect(submitted).toEqual([lost]);
});

test("a command of a disabled user stays queued, and a claimed one that is given back is claimed again later", async () => {
  const { claimer } = await openClaimer();
  const { sql } = database.db;
  const id = await queueCommand();
  const setDisabled = (disabled: boolean) => sql`
    update users set disabled_at = ${disabled ? sql`now()` : null}
    where id = (select user_id from commands where id = ${id})`;
  await setDisabled(true);
  expect(ids(await claimer.fromQueue([id]))).toEqual([]);
  expect(ids(await claimer.waiting(0))).toEqual([]);
  await setDisabled(false);
  const [command] = await claimer.waiting(0);
  expect(command?.id).toBe(id);
  // The user is disabled between the claim and the start.
  await setDisabled(true);
  if (command) await claimer.giveBack(command);
  expect(ids(await claimer.waiting(0))).toEqual([]);
  await setDisabled(false);
  expect(ids(await claimer.waiting(0))).toEqual([id]);
});

test("waiting sends that are released together are claimed in the order in which they were accepted", async () => {
  const { sql } = database.db;
  const { id: instanceId, userId } = await database.createInstance();
  const accepted = Array.from({ length: 20 }, () => systemIds.uuid()).sort();
  // Stored in another order, as rows are after they were updated.
  for (const id of accepted.toReversed())
    await sql`
      insert into commands (id, instance_id, user_id, shard, name, kind, input, status, run_at, waiting_reason,
        correlation_id, deadline)
      values (${id}, ${instanceId}, ${userId}, 0, 'message.sendText', 'send', '{}', 'scheduled', now() + interval '1 hour',
        'time_lock', ${id}, now() + interval '2 hours')`;
  const deps = { db: database.db, ...(await database.takeLease()) };
  const heldBack = new HeldBack(deps, instanceId);
  expect([...(await heldBack.stillWaiting(accepted))].sort()).toEqual(accepted);
  await heldBack.release(accepted);
  const claimer = new Claimer({ ...deps, submit: () => undefined });
  expect(ids(await claimer.due())).toEqual(accepted);
  expect([...(await heldBack.stillWaiting(accepted))]).toEqual([]);
});
