import type postgres from "postgres";
import type { Clock } from "../clock.ts";
import type { Database } from "../db/index.ts";
import { sqlState, sqlStates } from "../db/sql-state.ts";
import { AppError } from "../error.ts";

export const periods = ["today", "week", "month", "year", "all"] as const;
export type Period = (typeof periods)[number];

/** The number of whole days in the time zone, including today. */
const daysOf: Record<Period, number | null> = { today: 1, week: 7, month: 30, year: 365, all: null };

/** The requested period. Times are in the given time zone, else the user's, else UTC. */
export interface UsageRequest {
  period: Period;
  /** IANA name. */
  timeZone?: string | undefined;
  /** The user whose time zone is the default. */
  userId: string;
}

export interface Usage {
  messagesSent: number;
  messagesReceived: number;
  mediaSent: number;
  mediaReceived: number;
  /** Bytes, in both directions. */
  totalMediaSize: number;
  apiCalls: number;
  webhookSent: number;
}

export interface UsageDay extends Pick<Usage, "messagesSent" | "messagesReceived" | "mediaSent" | "mediaReceived"> {
  /** The instant when the day begins in the time zone. */
  date: Date;
}

type Deps = { db: Database; clock: Clock };

/**
 * Returns the usage of a user's instances, and the user's API calls. The total includes deleted instances and calls
 * without an instance. The list has the existing instances, the newest first. Throws `invalid_request` for an unknown
 * time zone.
 */
export async function userUsage(
  deps: Deps,
  request: UsageRequest,
): Promise<{ total: Usage & { instanceCount: number }; instances: (Usage & { instanceId: string; name: string })[] }> {
  const rows = await rejectUnknownZone(deps.db.sql<(Usage & { id: string | null; name: string | null })[]>`
    with period as ${periodQuery(deps, request)}, counted as (
      select instance_id, ${sums(deps.db.sql)} from usage
      where user_id = ${request.userId} and slot >= (select start from period)
      group by instance_id
    ), kept as (
      select id, name, created_at from instances where user_id = ${request.userId} and deleted_at is null
    )
    select kept.id, kept.name, counted.* from counted full join kept on kept.id = counted.instance_id
    order by kept.created_at desc, kept.id desc`);
  const kept = rows.flatMap((row) =>
    row.id === null || row.name === null ? [] : [{ instanceId: row.id, name: row.name, ...total([row]) }],
  );
  return { total: { ...total(rows), instanceCount: kept.length }, instances: kept };
}

/**
 * Returns the usage of an instance and the calls about it by any caller, with the days that had messages, the oldest
 * first. Throws `invalid_request` for an unknown time zone.
 */
export async function instanceUsage(
  deps: Deps,
  instanceId: string,
  request: UsageRequest,
): Promise<Usage & { days: UsageDay[] }> {
  const rows = await rejectUnknownZone(deps.db.sql<(Usage & { date: Date })[]>`
    with period as ${periodQuery(deps, request)}, counted as (
      select (slot at time zone (select zone from period))::date as day, ${sums(deps.db.sql)} from usage
      where instance_id = ${instanceId} and slot >= (select start from period)
      group by 1
    )
    select ${startOf(deps.db.sql, "day")} as date, counted.* from counted, period order by day`);
  const days = rows.map(({ date, messagesSent, messagesReceived, mediaSent, mediaReceived }) => ({
    ...{ date, messagesSent, messagesReceived, mediaSent, mediaReceived },
  }));
  return { ...total(rows), days: days.filter((day) => day.messagesSent > 0 || day.messagesReceived > 0) };
}

export interface SystemUsage {
  /** Active: connected to WhatsApp. */
  instances: { total: number; active: number };
  /** Active: not disabled. */
  users: { total: number; active: number };
  usage: Usage;
}

/** Returns the usage of all users together. Throws `invalid_request` for an unknown time zone. */
export async function systemUsage(deps: Deps, request: UsageRequest): Promise<SystemUsage> {
  type Counts = Record<"instances" | "connected" | "users" | "enabled", number>;
  const [row] = await rejectUnknownZone(deps.db.sql<(Usage & Counts)[]>`
    with period as ${periodQuery(deps, request)}
    select ${sums(deps.db.sql)},
      (select count(*) from instances where deleted_at is null)::int as instances,
      (select count(*) from instances where deleted_at is null and status = 'connected')::int as connected,
      (select count(*) from users)::int as users,
      (select count(*) from users where disabled_at is null)::int as enabled
    from usage where slot >= (select start from period)`);
  if (!row) throw new Error("an aggregate query returned no row");
  return {
    instances: { total: row.instances, active: row.connected },
    users: { total: row.users, active: row.enabled },
    usage: total([row]),
  };
}

/**
 * The sums of all counts, named as in `Usage`. They are doubles, which the driver reads as numbers, exact up to 2^53.
 */
const sums = (sql: postgres.Sql) => sql`
  coalesce(sum(messages_sent), 0)::float8 as "messagesSent", coalesce(sum(messages_received), 0)::float8 as "messagesReceived",
  coalesce(sum(media_sent), 0)::float8 as "mediaSent", coalesce(sum(media_received), 0)::float8 as "mediaReceived",
  coalesce(sum(media_size), 0)::float8 as "totalMediaSize", coalesce(sum(api_calls), 0)::float8 as "apiCalls",
  coalesce(sum(webhook_sent), 0)::float8 as "webhookSent"`;

/** Returns a query for one row: `zone`, and `start`, the instant when the period begins. */
function periodQuery(
  { db: { sql }, clock }: Deps,
  { period, timeZone, userId }: UsageRequest,
): postgres.PendingQuery<[]> {
  const days = daysOf[period];
  const zone = sql`coalesce(${timeZone ?? null}::text, (select time_zone from users where id = ${userId}), 'UTC')`;
  const first = sql`(${clock.now().toISOString()}::timestamptz at time zone zone)::date - ${(days ?? 1) - 1}::int`;
  return sql`(
    select zone, ${days === null ? sql`timestamptz '-infinity'` : startOf(sql, "first")} as start
    from (select zone, ${first} as first from (select ${zone} as zone) named) begun
  )`;
}

/**
 * The instant when the date `day` begins in the time zone `zone`; both are columns. Where clocks are set back over
 * midnight, that date has two midnights, and Postgres returns the later one.
 */
function startOf(sql: postgres.Sql, day: "day" | "first"): postgres.PendingQuery<[]> {
  const midnight = sql`${sql(day)}::timestamp at time zone zone`;
  const before = sql`((${midnight}) - interval '1 hour')`;
  return sql`case when (${before} at time zone zone)::date = ${sql(day)} then ${before} else ${midnight} end`;
}

function total(rows: readonly Usage[]): Usage {
  const of = (field: keyof Usage) => rows.reduce((sum, row) => sum + (row[field] ?? 0), 0);
  return {
    messagesSent: of("messagesSent"),
    messagesReceived: of("messagesReceived"),
    mediaSent: of("mediaSent"),
    mediaReceived: of("mediaReceived"),
    totalMediaSize: of("totalMediaSize"),
    apiCalls: of("apiCalls"),
    webhookSent: of("webhookSent"),
  };
}

/** Throws `invalid_request` if Postgres does not know the time zone. JavaScript knows more time zones. */
async function rejectUnknownZone<Row>(query: Promise<Row>): Promise<Row> {
  try {
    return await query;
  } catch (error) {
    if (sqlState(error) !== sqlStates.invalidParameter) throw error;
    throw new AppError("invalid_request", "timeZone: unknown time zone", { cause: error });
  }
}
