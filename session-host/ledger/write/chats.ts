import type { ChatFact, ReadReport } from "../../../core/chat/fact.ts";
import { storableJson } from "../../../core/db/index.ts";
import type { Fragment } from "../../../core/db/page.ts";
import type { EventData, NewEvent } from "../../../core/event/catalog/index.ts";
import { noticeTypes } from "../../../core/message/notice.ts";
import { isLidJid } from "../../../core/message/recipient.ts";
import { type Batch, type RecordedChange, unique, type Writer } from "../writer.ts";

type Changes = EventData<"chat.update">["changes"];
/** The events of a change, by its facts or reports. */
type Announced = Map<object, (NewEvent | undefined)[]>;

/**
 * Stores the state of chats, one change after the other, because the last fact about a chat applies. A fact that says
 * nothing new is not announced.
 */
export const chats = {
  also: ["contacts"],
  async write(batch: Batch) {
    const announced: Announced = new Map();
    for (const { instanceId, change } of batch.changes) {
      if (change.chats?.length) {
        const facts = await byNumber(batch, instanceId, change.chats);
        announced.set(change, await storeFacts(batch, instanceId, facts));
      }
      const pairs = (change.contacts ?? []).flatMap(({ jid, lid }) =>
        jid && lid && jid !== lid ? [{ jid, lid }] : [],
      );
      if (pairs.length > 0) await moveToNumbers(batch, instanceId, pairs);
    }
    return announced;
  },
  events: ({ change }: RecordedChange, announced: Announced) => announced.get(change) ?? [],
} satisfies Writer<Announced>;

/** Marks messages as read that the API has read. */
export const readMarks = {
  async write(batch: Batch) {
    const announced: Announced = new Map();
    for (const { instanceId, change, at } of batch.changes) {
      const { readMarks: ids } = change;
      if (!ids?.length) continue;
      const { sql } = batch;
      await sql`
        with done as (delete from auto_reads where instance_id = ${instanceId} and message_id = any(${ids}::uuid[]))
        update messages set read_at = ${at} where instance_id = ${instanceId} and id = any(${ids}::uuid[]) and read_at is null`;
      const marked = sql`instance_id = ${instanceId} and id = any(${ids}::uuid[])`;
      const read = await readThrough(sql, instanceId, endsOf(sql, marked, null));
      const by = read.length > 0 ? await accountOf(sql, instanceId) : null;
      const origin = { by, source: "api", at: at.toISOString() } as const;
      announced.set(
        change,
        ids.map((_, index) => read[index] && readEvent(read[index], origin)),
      );
    }
    return announced;
  },
  events: ({ change }: RecordedChange, announced: Announced) => announced.get(change) ?? [],
} satisfies Writer<Announced>;

async function accountOf(sql: Batch["sql"], instanceId: string): Promise<Origin["by"]> {
  const [row] = await sql<{ phone_number: string | null; lid: string | null }[]>`
    select phone_number, lid from instances where id = ${instanceId}`;
  return row?.phone_number ? { id: `${row.phone_number}@s.whatsapp.net`, lid: row.lid } : null;
}

/** Marks messages as read that the owner has read on another device. */
export const readReports = {
  async write(batch: Batch) {
    const announced: Announced = new Map();
    const { sql } = batch;
    for (const { instanceId, change, at } of batch.changes)
      for (const report of change.readReports ?? []) {
        const named = sql`
          instance_id = ${instanceId} and wa_id = any(${[...report.waIds]}::text[])
            and chat_id = any(${[...report.chatIds]}::text[]) and not from_me`;
        const read = await readThrough(sql, instanceId, endsOf(sql, named, at));
        announced.set(
          report,
          report.chatIds.map((_, index) => read[index] && readEvent(read[index], { ...report, source: "phone" })),
        );
      }
    return announced;
  },
  events: ({ change }: RecordedChange, announced: Announced) =>
    (change.readReports ?? []).flatMap((report: ReadReport) => announced.get(report) ?? []),
} satisfies Writer<Announced>;

interface ReadChat {
  chatId: string;
  unreadCount: number;
  wasMarked: boolean;
}

/**
 * Selects messages by chat, with the time at which they were read. Their chats are read before the second of the last one.
 */
const endsOf = (sql: Batch["sql"], messages: Fragment, at: Date | null) => sql`
  select chat_id, max(sent_at) as before, null::timestamptz as stored, array_agg(id) as ids, null::text[] as wa_ids,
    ${at}::timestamptz as at
  from messages where ${messages} group by chat_id`;

/**
 * Counts messages of chats as read: those that `ends` names, and those before the time that it has for each chat, as far as
 * they were stored by then. Returns the chats in which this changed something. A chat is read from its end: on the phone, a
 * message that is read leaves no unread message above it. WhatsApp's times are whole seconds, so they don't order the
 * messages of one second. If `at` of a chat is null, its messages are not marked as read, so that the API can still send
 * receipts for them.
 */
async function readThrough(sql: Batch["sql"], instanceId: string, ends: Fragment): Promise<ReadChat[]> {
  return await sql<ReadChat[]>`
    with ends as (${ends}),
    seen as (
      update messages set unread = false, read_at = coalesce(read_at, ends.at) from ends
      where messages.instance_id = ${instanceId} and messages.chat_id = ends.chat_id and unread
        and (messages.id = any(ends.ids) or messages.wa_id = any(ends.wa_ids)
          or (sent_at < ends.before and created_at <= coalesce(ends.stored, 'infinity')))
      returning messages.chat_id),
    counted as (select chat_id, count(seen.chat_id)::int as n from ends left join seen using (chat_id) group by chat_id)
    update chats set unread = chats.unread - n, marked_unread = false from counted, chats old
    where chats.instance_id = ${instanceId} and chats.chat_id = counted.chat_id
      and old.instance_id = chats.instance_id and old.chat_id = chats.chat_id and (n > 0 or old.marked_unread)
    returning chats.chat_id as "chatId", chats.unread as "unreadCount", old.marked_unread as "wasMarked"`;
}

/** Counts messages no longer as unread, because they were read or deleted. */
export const countAsRead = (sql: Batch["sql"], condition: Fragment) => sql`
  with seen as (update messages set unread = false where ${condition} and unread returning instance_id, chat_id),
  counted as (select instance_id, chat_id, count(*)::int as n from seen group by instance_id, chat_id)
  update chats set unread = unread - n from counted
  where chats.instance_id = counted.instance_id and chats.chat_id = counted.chat_id`;

type Origin = Pick<ReadReport, "by" | "at"> & { source: "phone" | "api" };

function readEvent({ chatId, unreadCount, wasMarked }: ReadChat, origin: Origin): NewEvent {
  return eventOf(chatId, origin, { unreadCount, ...(wasMarked ? { markedUnread: false } : {}) });
}

function eventOf(chatId: string, { by, source, at }: Origin, changes: Changes): NewEvent {
  const timestamp = Math.floor(Date.parse(at) / 1000);
  return { type: "chat.update", data: { chatId, by, fromMe: true, source, timestamp, changes } };
}

/** Returns the facts with the number of each person whose LID and number are both known. */
async function byNumber({ sql }: Batch, instanceId: string, facts: readonly ChatFact[]): Promise<readonly ChatFact[]> {
  const lids = unique(facts.map(({ chatId }) => chatId).filter(isLidJid));
  if (lids.length === 0) return facts;
  const rows = await sql<{ jid: string; lid: string }[]>`
    select jid, lid from contacts where instance_id = ${instanceId} and lid = any(${lids}::text[]) and jid <> lid`;
  const numbers = new Map(rows.map(({ jid, lid }) => [lid, jid]));
  return facts.map((fact) => ({ ...fact, chatId: numbers.get(fact.chatId) ?? fact.chatId }));
}

/** Moves the state of chats that were known only by LID to the chats with the numbers. */
const moveToNumbers = ({ sql }: Batch, instanceId: string, pairs: readonly { jid: string; lid: string }[]) => sql`
  with moved as (
    update chats set archived = false, archived_through = null, archived_ids = null, pinned_at = null, muted_until = null,
      marked_unread = false, state_jid = null
    from unnest(${pairs.map(({ jid }) => jid)}::text[], ${pairs.map(({ lid }) => lid)}::text[]) as pair(jid, lid), chats old
    where chats.instance_id = ${instanceId} and chats.chat_id = pair.lid and chats.state_jid is not null
      and old.instance_id = chats.instance_id and old.chat_id = chats.chat_id
    returning pair.jid, old.archived, old.archived_through, old.archived_ids, old.pinned_at, old.muted_until,
      old.marked_unread, old.state_jid)
  insert into chats (instance_id, chat_id, archived, archived_through, archived_ids, pinned_at, muted_until,
    marked_unread, state_jid)
  select ${instanceId}, jid, archived, archived_through, archived_ids, pinned_at, muted_until, marked_unread, state_jid
  from moved
  on conflict (instance_id, chat_id) do update set archived = excluded.archived,
    archived_through = excluded.archived_through, archived_ids = excluded.archived_ids, pinned_at = excluded.pinned_at,
    muted_until = excluded.muted_until, marked_unread = excluded.marked_unread, state_jid = excluded.state_jid`;

/** The state of a chat before and after a change. Times are ISO 8601, or `infinity`. */
interface Stored {
  chatId: string;
  was: State;
  now: State;
  /** Whether messages are removed that were not removed before. */
  cleared: boolean;
}

interface State {
  archived: boolean;
  pinned: boolean;
  mutedUntil: string | null;
  markedUnread: boolean;
}

/** Stores facts in their order. Returns an event for each chat, in the order of the facts. */
async function storeFacts(batch: Batch, instanceId: string, facts: readonly ChatFact[]) {
  const { sql } = batch;
  const states = new Map<string, ChatFact>();
  for (const fact of facts) {
    const before = states.get(fact.chatId);
    // Archiving a chat unpins it. Source: `BuildArchive` in whatsmeow's appstate/encode.go.
    const mute = fact.deleted ? { mutedUntil: null } : {};
    states.set(fact.chatId, { ...before, ...mute, ...fact, ...(fact.archived ? { pinnedAt: null } : {}) });
  }
  const list = [...states.values()];
  const rows = list.map(({ clearedThrough: cleared, archivedThrough, ...fact }) => ({
    ...{ ...fact, setsPin: "pinnedAt" in fact, setsMute: "mutedUntil" in fact },
    ...{ clearedAt: cleared?.through, clearedStoredAt: cleared?.storedUntil, clearedIds: cleared?.waIds },
    ...(fact.archived && { archivedThrough: archivedThrough?.through, archivedIds: archivedThrough?.waIds }),
    ...(fact.deleted && { deletedAt: fact.at, archivedBefore: fact.source === "api" ? "infinity" : cleared?.through }),
  }));
  const [, stored] = await Promise.all([
    sql`
      insert into chats (instance_id, chat_id)
      select ${instanceId}, chat_id from unnest(${list.map(({ chatId }) => chatId).sort()}::text[]) chat_id
      on conflict do nothing`,
    sql<Stored[]>`
      update chats set state_jid = t."stateJid", archived = t."isArchived", archived_through = t."isThrough",
        archived_ids = t."isIds", pinned_at = t."isPinnedAt",
        muted_until = case when t."setsMute" then t."mutedUntil" else chats.muted_until end,
        marked_unread = coalesce(t."markedUnread", chats.marked_unread),
        cleared_at = greatest(chats.cleared_at, t."clearedAt"),
        cleared_stored_at = case when t."clearedAt" > coalesce(chats.cleared_at, '-infinity') then t."clearedStoredAt"
          else chats.cleared_stored_at end,
        cleared_ids = case when t."clearedAt" is null then chats.cleared_ids
          else array(select distinct unnest(chats.cleared_ids || t."clearedIds") order by 1) end
      from (${settled(sql, instanceId, rows)}) t, chats old
      where chats.instance_id = ${instanceId} and chats.chat_id = t."chatId"
        and old.instance_id = chats.instance_id and old.chat_id = chats.chat_id
      returning chats.chat_id as "chatId", ${stateOf(sql, "old")} as was, ${stateOf(sql, "chats")} as now,
        (old.cleared_at, old.cleared_ids) is distinct from (chats.cleared_at, chats.cleared_ids) as cleared`,
  ]);
  const byChat = new Map(stored.map((row) => [row.chatId, row]));
  const read = await readFacts(batch, instanceId, list);
  return list.map((fact): NewEvent | undefined => {
    const row = byChat.get(fact.chatId);
    if (fact.source === "sync" || !row) return undefined;
    const unreadCount = read.get(fact.chatId);
    const cleared = row.cleared && (fact.deleted ? { deleted: true as const } : { cleared: true as const });
    const changes: Changes = { ...changed(row), ...cleared, ...(unreadCount === undefined ? {} : { unreadCount }) };
    return Object.keys(changes).length > 0
      ? eventOf(fact.chatId, { ...fact, source: fact.source }, changes)
      : undefined;
  });
}

/**
 * Selects facts with the archive and the pin that chats have after them. A newer message takes a chat out of the archive if
 * the account is set so. A deleted chat loses both, unless it got them after it was deleted: deletions are in another
 * collection of the app state, which may be read later. Mutes are in the same collection.
 */
const settled = (sql: Batch["sql"], instanceId: string, rows: readonly object[]) => sql`
  select f.*, kept.archived as "isArchived", case when kept.archived then set.through end as "isThrough",
    case when kept.archived then set.ids end as "isIds",
    case when set.pinned_at > coalesce(f."deletedAt", '-infinity') then set.pinned_at end as "isPinnedAt"
  from jsonb_to_recordset(${storableJson(rows)}::text::jsonb) as f("chatId" text, "stateJid" text, archived boolean,
    "archivedThrough" timestamptz, "archivedIds" text[], unarchives boolean, "setsPin" boolean, "pinnedAt" timestamptz,
    "setsMute" boolean, "mutedUntil" timestamptz, "markedUnread" boolean, "clearedAt" timestamptz,
    "clearedStoredAt" timestamptz, "clearedIds" text[], "deletedAt" timestamptz, "archivedBefore" timestamptz)
  join chats c on c.instance_id = ${instanceId} and c.chat_id = f."chatId"
  cross join lateral (
    select coalesce(f.archived, c.archived) as archived,
      case when f.archived is null then c.archived_through else f."archivedThrough" end as through,
      case when f.archived is null then c.archived_ids else f."archivedIds" end as ids,
      case when f."setsPin" then f."pinnedAt" else c.pinned_at end as pinned_at) set
  cross join lateral (
    select set.archived and not coalesce(coalesce(set.through, '-infinity') <= f."archivedBefore", false)
      and not (coalesce(f.archived and f.unarchives, false) and exists (
        select from messages where instance_id = c.instance_id and chat_id = c.chat_id
          and sent_at > set.through and wa_id <> all(coalesce(set.ids, '{}')) and status not in ('pending', 'failed', 'canceled')
          and type <> all(${noticeTypes}::text[]))) as archived) kept`;

const stateOf = (sql: Batch["sql"], table: "old" | "chats") => sql`
  json_build_object('archived', ${sql(table)}.archived, 'pinned', ${sql(table)}.pinned_at is not null,
    'mutedUntil', case when ${sql(table)}.muted_until = 'infinity' then 'infinity'
      else to_char(${sql(table)}.muted_until at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') end,
    'markedUnread', ${sql(table)}.marked_unread)`;

/** Marks the messages as read that facts report as read. Returns the number of unread messages of the changed chats. */
async function readFacts({ sql }: Batch, instanceId: string, facts: readonly ChatFact[]): Promise<Map<string, number>> {
  const ends = facts.flatMap(({ chatId, readThrough: read, clearedThrough, keepsReadAt = false }) => {
    const end = read ?? clearedThrough;
    return end ? [{ ...end, chatId, keepsReadAt }] : [];
  });
  if (ends.length === 0) return new Map();
  const ranges = sql`
    select "chatId" as chat_id, through + interval '1 ms' as before, "storedUntil" as stored, null::uuid[] as ids,
      "waIds" as wa_ids, case when not "keepsReadAt" then now() end as at
    from jsonb_to_recordset(${storableJson(ends)}::text::jsonb) as t("chatId" text, through timestamptz,
      "storedUntil" timestamptz, "waIds" text[], "keepsReadAt" boolean)`;
  const read = await readThrough(sql, instanceId, ranges);
  return new Map(read.map(({ chatId, unreadCount }) => [chatId, unreadCount]));
}

/** Returns what differs, for the event. */
function changed({ was, now }: Stored): Changes {
  const isMuted = now.mutedUntil !== null;
  return {
    ...(was.archived !== now.archived && { archived: now.archived }),
    ...(was.pinned !== now.pinned && { pinned: now.pinned }),
    ...(was.mutedUntil !== now.mutedUntil && {
      muted: isMuted,
      mutedUntil: now.mutedUntil === "infinity" ? null : now.mutedUntil,
    }),
    ...(was.markedUnread !== now.markedUnread && { markedUnread: now.markedUnread }),
  };
}
