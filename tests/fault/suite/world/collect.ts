import { setTimeout as sleep } from "node:timers/promises";
import type { InjectedFault, RunRecord, Shown } from "../record/record.ts";
import type { Account } from "./accounts.ts";
import type { Traffic } from "./traffic.ts";
import type { World } from "./world.ts";

const quiesceLimitMs = 240_000;

/** Waits until the gateway has no more work for these instances, or no longer if it never ends. */
export async function quiesce(world: World, accounts: readonly Account[]): Promise<void> {
  const ids = accounts.map(({ id }) => id);
  const end = performance.now() + quiesceLimitMs;
  while (performance.now() < end) {
    const [row] = await world.query(
      (sql) => sql<{ open: boolean }[]>`select
        exists (select from commands where instance_id = any(${ids}::uuid[]) and status not in ('done', 'failed', 'canceled'))
        or exists (select from messages where instance_id = any(${ids}::uuid[])
          and (from_me and status in ('pending', 'sent') or media ->> 'state' = 'pending'))
        or exists (select from events where instance_id = any(${ids}::uuid[]) and emitted_at is null)
        or exists (select from events e where e.instance_id = any(${ids}::uuid[])
          and type in ('message.received', 'message.sent', 'message.delivered', 'message.read')
          and not exists (select from deliveries d where d.event_id = e.id and d.status <> 'pending'))
        or exists (select from event_sinks s join instances i on i.id = s.instance_id
          where i.id = any(${ids}::uuid[]) and s.sent_seq < i.event_seq) as open`,
    );
    if (!row?.open) break;
    await sleep(500);
  }
  // A repeated receipt or webhook may still be on its way.
  await sleep(1_000);
}

/** Returns how many commands the API handed to a session host of its process. */
export async function handedOver(world: World): Promise<number> {
  const [row] = await world.query((sql) => sql<{ n: number }[]>`select count(*)::int as n from handed_over`);
  return row?.n ?? 0;
}

/** Reads everything that a run has left behind. */
export async function collect(
  world: World,
  accounts: readonly Account[],
  traffic: Traffic,
  faults: InjectedFault[],
): Promise<RunRecord> {
  const { sql } = world.db;
  const ids = accounts.map(({ id }) => id);
  const [events, commands, messages] = await Promise.all([
    sql<
      RunRecord["events"]
    >`select instance_id as instance, id, seq::int as seq, type, data ->> 'messageId' as "messageId",
      (extract(epoch from created_at) * 1000)::float as at
      from events where instance_id = any(${ids}::uuid[])`,
    sql<
      RunRecord["commands"]
    >`select id, instance_id as instance, name, wa_id as "messageId", status, error_code as error,
      (extract(epoch from greatest(created_at, run_at)) * 1000)::float as "dueAt",
      (extract(epoch from finished_at) * 1000)::float as "finishedAt"
      from commands where instance_id = any(${ids}::uuid[])`,
    sql<
      RunRecord["messages"]
    >`select instance_id as instance, wa_id as "messageId", body as text, from_me as "fromMe", status,
      media ->> 'state' as file from messages where instance_id = any(${ids}::uuid[])`,
  ]);
  const { inbound, accepted, problems: refusals, queue } = traffic;
  return {
    inbound,
    accepted,
    shown: accounts.flatMap((account) => shownBy(world, account)),
    events: [...events],
    webhooks: world.endpoints.requests.map(({ eventId, bodyHash, at, status }) => ({
      eventId,
      body: bodyHash,
      at: at + world.clockOffset,
      status,
    })),
    sinks: accounts.flatMap(({ id, sink }) => (sink ? [{ instance: id, events: sink.events }] : [])),
    commands: [...commands],
    messages: [...messages],
    sockets: accounts.map(({ id, owner }) => ({
      instance: id,
      history: world.wa.device(owner.number).sockets.history.map((one) => ({ ...one, at: one.at + world.clockOffset })),
    })),
    replies: queue.replies,
    faults,
    complaints: complaintsOf(world, accounts),
    refusals,
  };
}

/** Returns the messages of an instance that its people see. */
function shownBy(world: World, { owner, peers }: Account): Shown[] {
  return peers.flatMap((peer) =>
    peer.inbox.messages
      .filter(({ from, kind }) => from === owner.jid && (kind === "text" || kind === "image"))
      .map(({ id, text, copies, receivedAt, read }) => ({
        phone: peer.number,
        from: owner.number,
        messageId: id,
        text: text ?? "",
        copies,
        at: receivedAt + world.clockOffset,
        read,
      })),
  );
}

function complaintsOf(world: World, accounts: readonly Account[]): string[] {
  return [
    ...world.wa.unknown.map(({ from, stanza, reason }) => `${reason} (${from}) ${stanza}`),
    ...accounts.flatMap(({ owner, peers }) =>
      [owner, ...peers].flatMap((phone) => phone.errors.map((error) => `${phone.number}: ${error.message}`)),
    ),
  ];
}
