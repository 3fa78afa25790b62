import type { AuthenticationCreds } from "@whiskeysockets/baileys";
import type postgres from "postgres";
import type { Database } from "../../../core/db/index.ts";
import type { Logger } from "../../../core/log.ts";
import { mediaPrefix } from "../../../core/media/index.ts";
import type { Storage } from "../../../core/storage/index.ts";
import { accountOf } from "../../baileys/account.ts";
import type { Lease } from "../../concurrency/lease.ts";
import type { Change } from "../../ledger/change.ts";

export interface FormerAccountDeps {
  db: Database;
  storage: Pick<Storage, "removeAll">;
  log: Logger;
  host: string;
  lease: Lease;
  record: (instanceId: string, change: Change) => Promise<void>;
}

/** The maximum number of rows that one statement removes. */
const sliceSize = 5_000;

/**
 * Removes the former account's messages, files, broadcast lists, events, and finished bulks and deliveries if another
 * account is linked now. Call it before the new account connects. `instances` names the former account until then, so after a crash, the next call
 * removes the rest. A number that is linked again keeps everything, and so does an account that changes its number but
 * keeps its LID.
 */
export async function removeFormerAccount(
  deps: FormerAccountDeps,
  instanceId: string,
  creds: Pick<AuthenticationCreds, "me" | "account" | "platform">,
): Promise<void> {
  if (!creds.me || !creds.account) return;
  const now = accountOf(creds);
  const [former] = await deps.db.sql<{ phone_number: string | null; lid: string | null; event_seq: string }[]>`
    select phone_number, lid, event_seq from instances where id = ${instanceId}`;
  if (!former?.phone_number || former.phone_number === now.phone_number) return;
  if (former.lid && former.lid === now.lid) return;
  const messages = await removeSlices(deps, (sql) => deleteMessages(sql, instanceId));
  for (const table of wholeTables) await removeSlices(deps, (sql) => deleteAll(sql, table, instanceId));
  await removeSlices(deps, (sql) => expireExports(sql, instanceId));
  await removeSlices(deps, (sql) => deleteBulkCommands(sql, instanceId));
  await removeSlices(deps, (sql) => deleteBulks(sql, instanceId));
  const events = await removeSlices(deps, (sql) => deleteEvents(sql, instanceId, former.event_seq));
  await removeSlices(deps, (sql) => deleteDeliveries(sql, instanceId));
  await deps.storage.removeAll(mediaPrefix(instanceId));
  await deps.record(instanceId, { activities: [{ action: "former_account_removed", details: { messages, events } }] });
  deps.log.info({ instanceId, messages, events }, "another account was linked; the former account's data was removed");
}

type Deletion = (sql: postgres.TransactionSql) => PromiseLike<{ count: number }>;

/** Runs a deletion until it deletes less than a slice. Returns the number of deleted rows. */
async function removeSlices({ db, host, lease }: FormerAccountDeps, deletion: Deletion): Promise<number> {
  let total = 0;
  for (let count = sliceSize; count === sliceSize; total += count) {
    count = await db.sql.begin(async (sql) => {
      await sql`select fence(${lease.grant.shard}, ${host}, ${lease.grant.epoch})`;
      return (await deletion(sql)).count;
    });
  }
  return total;
}

/** Pending messages stay, because the caller sent them through the API and they leave from the account that is linked. */
const deleteMessages = (sql: postgres.TransactionSql, instanceId: string) => sql`
  delete from messages where id = any(array(
    select id from messages where instance_id = ${instanceId} and status <> 'pending' limit ${sliceSize}))`;

/** The tables that have nothing else than data of the former account. */
const wholeTables = [
  ...["responses", "reactions", "message_marks", "waiting_notes", "unreadable_messages"],
  ...["recipient_lists", "refused_stanzas", "broadcasts", "call_answers"],
];

const deleteAll = (sql: postgres.TransactionSql, table: string, instanceId: string) => sql`
  delete from ${sql(table)} where ctid = any(array(
    select ctid from ${sql(table)} where instance_id = ${instanceId} limit ${sliceSize}))`;

/**
 * Exports of the former account's chats, and exports of people, which may have messages of the former account, end. The
 * sweep removes their files.
 */
const expireExports = (sql: postgres.TransactionSql, instanceId: string) => sql`
  update exports set status = case when status = 'done' then 'expired' when status in ('queued', 'running') then 'canceled'
      else status end, finished_at = coalesce(finished_at, now()), expires_at = now(), request = request || '{"chatId": null}'
  where id = any(array(
    select id from exports
    where (instance_id = ${instanceId} and request->>'chatId' is not null)
      or (instance_id is null and status in ('queued', 'running', 'done')
        and user_id = (select user_id from instances where id = ${instanceId}))
    limit ${sliceSize}))`;

/** The commands of a running bulk stay, and so does a canceled bulk while one of its commands is not finished. */
const deleteBulkCommands = (sql: postgres.TransactionSql, instanceId: string) => sql`
  delete from commands where id = any(array(
    select c.id from bulks b join commands c on c.bulk_id = b.id
    where b.instance_id = ${instanceId} and b.status <> 'running' and c.finished_at is not null limit ${sliceSize}))`;

const deleteBulks = (sql: postgres.TransactionSql, instanceId: string) => sql`
  delete from bulks where id = any(array(
    select id from bulks b where instance_id = ${instanceId} and status <> 'running'
      and not exists (select 1 from commands where bulk_id = b.id) limit ${sliceSize}))`;

/** Deletes the events up to `head` that are on the event queue and in the caller's queue, without leaving a gap. */
const deleteEvents = (sql: postgres.TransactionSql, instanceId: string, head: string) => sql`
  delete from events where id = any(array(
    select id from events where instance_id = ${instanceId} and seq <= least(${head}::bigint,
      (select min(seq) - 1 from events where instance_id = ${instanceId} and emitted_at is null),
      (select sent_seq from event_sinks where instance_id = ${instanceId}))
    order by seq limit ${sliceSize}))`;

const deleteDeliveries = (sql: postgres.TransactionSql, instanceId: string) => sql`
  delete from deliveries where id = any(array(
    select id from deliveries where instance_id = ${instanceId} and status <> 'pending' limit ${sliceSize}))`;
