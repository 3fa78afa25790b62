import type { Database } from "../db/index.ts";
import type { InstanceHistory } from "../instance/instance.sql.ts";
import type { HistoryPhase } from "./history.sql.ts";

/** What was imported since the instance was linked. */
export interface HistoryTotals {
  /** Messages that were read, including those that had already arrived. */
  messages: number;
  /** Chats that have messages now. */
  chats: number;
  /** People and groups that are known now. */
  contacts: number;
  /** Parts that could not be imported. */
  failedParts: number;
}

/** The state of an instance's history, and what decides whether it is complete. */
export interface HistoryState {
  setting: InstanceHistory;
  completed: boolean;
  /** Parts with messages that are not imported yet. */
  waiting: number;
  /** Whether the phone has sent the last part. */
  sentAll: boolean;
  /** When the newest part with messages arrived. Null if none has. */
  newestAt: Date | null;
  totals: HistoryTotals;
}

/**
 * How long the phone may send nothing before the history counts as complete, in milliseconds. WhatsApp Web waits as
 * long (Baileys 7.0.0-rc14, `HISTORY_SYNC_PAUSED_TIMEOUT_MS`).
 */
export const silenceMs = 120_000;

/** The phase whose last part ends the history that an instance with this setting gets. */
const lastPhases: Record<InstanceHistory, HistoryPhase | null> = { none: null, recent: "recent", full: "full" };

/** Returns `none` for an instance that no longer exists. */
export async function readHistorySetting({ sql }: Database, instanceId: string): Promise<InstanceHistory> {
  const [row] = await sql<{ history: InstanceHistory }[]>`select history from instances where id = ${instanceId}`;
  return row?.history ?? "none";
}

/** Returns undefined if the instance no longer exists. */
export async function readHistoryState({ sql }: Database, instanceId: string): Promise<HistoryState | undefined> {
  type Row = Omit<HistoryState, "sentAll" | "totals"> & HistoryTotals & { ended: HistoryPhase[] };
  const [row] = await sql<Row[]>`
    select i.history as setting, i.history_completed_at is not null as completed, parts.*,
      (select count(distinct chat_id)::int from message_days where instance_id = i.id and messages > 0) as chats,
      (select count(*)::int from contacts where instance_id = i.id) as contacts
    from instances i cross join lateral (
      select coalesce(sum(messages), 0)::float8 as messages, count(*) filter (where state = 'failed')::int as "failedParts",
        count(*) filter (where state = 'waiting' and with_messages)::int as waiting,
        max(created_at) filter (where with_messages) as "newestAt",
        coalesce(array_agg(phase) filter (where percent = 100 and with_messages), '{}') as ended
      from history_parts where instance_id = i.id) parts
    where i.id = ${instanceId}`;
  if (!row) return undefined;
  const { setting, completed, waiting, newestAt, ended, messages, chats, contacts, failedParts } = row;
  const last = lastPhases[setting];
  const sentAll = last !== null && ended.includes(last);
  return { setting, completed, waiting, sentAll, newestAt, totals: { messages, chats, contacts, failedParts } };
}

/**
 * Returns why the history of an instance is complete now, or in how many milliseconds to ask again. Undefined if
 * nothing has to be announced.
 */
export function completionOf(
  { completed, waiting, sentAll, newestAt }: HistoryState,
  now: Date,
): "finished" | "paused" | number | undefined {
  if (completed || waiting > 0 || newestAt === null) return undefined;
  if (sentAll) return "finished";
  const remainingMs = newestAt.getTime() + silenceMs - now.getTime();
  return remainingMs <= 0 ? "paused" : remainingMs;
}
