import type postgres from "postgres";
import type { CommandInput, CommandName } from "../../core/command/catalog/index.ts";
import type { Database } from "../../core/db/index.ts";
import type { Lease } from "../concurrency/lease.ts";

/** A command that this host has taken over from the queue, with its message if it is a send. */
export interface ClaimedCommand<Name extends CommandName = CommandName> {
  id: string;
  instanceId: string;
  name: Name;
  kind: "send" | "mutate" | "query";
  input: CommandInput<Name>;
  waId: string | null;
  chatId: string | null;
  /** What was sent already, or is to be: a protobuf. */
  payload: Buffer | null;
  /** Of a status, once it is prepared: whom every try goes to. */
  audience?: readonly string[] | undefined;
  position: number;
  attempts: number;
  deadline: Date;
  correlationId: string;
}

export interface Row {
  id: string;
  instance_id: string;
  name: string;
  kind: ClaimedCommand["kind"];
  input: unknown;
  wa_id: string | null;
  position: number;
  attempts: number;
  deadline: Date;
  correlation_id: string;
  chat_id: string | null;
  payload: Buffer | null;
}

/**
 * Takes commands over from the queue, in the order given, under the lease: from then on the database holds them and the queue
 * need not. Ids that were taken before, failed meanwhile or went with their instance are left out.
 */
export function claimCommands(
  db: Database,
  host: string,
  lease: Lease,
  ids: readonly string[],
): Promise<ClaimedCommand[]> {
  return claim(
    { db, host, lease, from: "queued" },
    (sql) => sql`select id, ord from unnest(${ids}::uuid[]) with ordinality as t(id, ord)`,
  );
}

/**
 * Takes over the commands that were accepted longer ago than `olderThanMs` and have not come through the queue: a host that died
 * with messages in its hands blocks their groups until the queue's visibility timeout, and the database knows them already.
 */
export function claimWaiting(
  db: Database,
  host: string,
  lease: Lease,
  position: number,
  olderThanMs: number,
): Promise<ClaimedCommand[]> {
  return claim(
    { db, host, lease, from: "queued", position },
    (sql) => sql`
      select id, row_number() over (order by created_at, id) as ord from commands
      where status = 'queued' and shard = ${lease.grant.shard}
        and created_at < clock_timestamp() - ${olderThanMs} * interval '1 ms'
      order by created_at, id limit 1000`,
  );
}

/** Takes scheduled sends whose time has come, in the order of their times. What is left over is taken the next time. */
export function claimDue(db: Database, host: string, lease: Lease, position: number): Promise<ClaimedCommand[]> {
  return claim(
    { db, host, lease, from: "scheduled", position },
    (sql) => sql`
      select id, row_number() over (order by run_at, id) as ord from commands
      where status = 'scheduled' and bulk_id is null and shard = ${lease.grant.shard} and run_at <= clock_timestamp()
      order by run_at, id limit 1000`,
  );
}

/** Takes whatever an instance has scheduled, whenever it is due: of one that will not be connected any more. */
export function claimScheduled(
  db: Database,
  host: string,
  lease: Lease,
  position: number,
  instanceId: string,
): Promise<ClaimedCommand[]> {
  return claim(
    { db, host, lease, from: "scheduled", position },
    (sql) => sql`
      select id, row_number() over (order by created_at, id) as ord from commands
      where status = 'scheduled' and instance_id = ${instanceId} order by created_at, id limit 500`,
  );
}

/** A place for a claim that is named before the claim is made, see `claimedAt`. */
export async function nextPosition(db: Database): Promise<number> {
  const [row] = await db.sql<{ position: number }[]>`select nextval('command_position')::float8 as position`;
  if (!row) throw new Error("the sequence of positions answered nothing");
  return row.position;
}

/** What was claimed at a place: of a claim whose answer was lost with the connection, and which may have been made. */
export async function claimedAt(db: Database, shard: number, position: number): Promise<ClaimedCommand[]> {
  const rows = await db.sql<Row[]>`
    select ${columns(db.sql)} from commands left join messages
      on messages.instance_id = commands.instance_id and messages.wa_id = commands.wa_id and messages.from_me
    where commands.shard = ${shard} and commands.status = 'claimed'
      and position between ${position} and ${position + 1023}
    order by position`;
  return rows.map(toCommand);
}

/** Of commands that a claim was asked for, those that are claimed: by a claim whose answer was lost, or before it. */
export async function claimedAmong(db: Database, shard: number, ids: readonly string[]): Promise<ClaimedCommand[]> {
  const rows = await db.sql<Row[]>`
    select ${columns(db.sql)} from commands left join messages
      on messages.instance_id = commands.instance_id and messages.wa_id = commands.wa_id and messages.from_me
    where commands.id = any(${ids}::uuid[]) and commands.shard = ${shard} and commands.status = 'claimed'
    order by position`;
  return rows.map(toCommand);
}

const columns = (sql: postgres.Sql) => sql`
  commands.id, commands.instance_id, name, kind, input, commands.wa_id, position::float8 as position, attempts, deadline,
  correlation_id, messages.chat_id, messages.payload`;

interface Claim {
  db: Database;
  host: string;
  lease: Lease;
  /** The status that it finds the commands in. */
  from: "queued" | "scheduled";
  position?: number;
}

async function claim(
  { db, host, lease, from, position }: Claim,
  asked: (sql: postgres.Sql) => postgres.PendingQuery<postgres.Row[]>,
): Promise<ClaimedCommand[]> {
  const rows = await db.sql<Row[]>`
    with held as materialized (select fence(${lease.grant.shard}, ${host}, ${lease.grant.epoch})),
    start as materialized (select coalesce(${position ?? null}::bigint, nextval('command_position')) as position),
    asked as materialized (${asked(db.sql)}),
    taken as (
      update commands set status = 'claimed', position = start.position + asked.ord
      from held, start, asked
      where commands.id = asked.id and commands.status = ${from} and commands.shard = ${lease.grant.shard}
      returning commands.*
    )
    select taken.id, taken.instance_id, name, kind, input, taken.wa_id, position::float8 as position, attempts, deadline,
      correlation_id, messages.chat_id, messages.payload
    from taken left join messages on messages.instance_id = taken.instance_id and messages.wa_id = taken.wa_id and messages.from_me
    order by position`;
  return rows.map(toCommand);
}

/** What the last holder of a shard, or this host before it died, had taken over and not finished. */
export async function unfinishedCommands(db: Database, shard: number): Promise<ClaimedCommand[]> {
  const rows = await db.sql<Row[]>`
    select ${columns(db.sql)} from commands left join messages
      on messages.instance_id = commands.instance_id and messages.wa_id = commands.wa_id and messages.from_me
    where commands.shard = ${shard} and commands.status = 'claimed'
    order by position`;
  return rows.map(toCommand);
}

/** Notes that a command that might bring the host down is begun; answers how often it has been. */
export async function countAttempt(db: Database, host: string, lease: Lease, id: string): Promise<number> {
  const [row] = await db.sql<{ attempts: number }[]>`
    update commands set attempts = attempts + 1
    from (select fence(${lease.grant.shard}, ${host}, ${lease.grant.epoch})) as held
    where id = ${id} returning attempts`;
  return row?.attempts ?? 1;
}

export function toCommand(row: Row): ClaimedCommand {
  return {
    id: row.id,
    instanceId: row.instance_id,
    // `acceptCommand` checked both against the catalog before it wrote the row.
    name: row.name as CommandName,
    kind: row.kind,
    input: row.input as CommandInput<CommandName>,
    waId: row.wa_id,
    chatId: row.chat_id,
    payload: row.payload,
    position: row.position,
    attempts: row.attempts,
    deadline: row.deadline,
    correlationId: row.correlation_id,
  };
}
