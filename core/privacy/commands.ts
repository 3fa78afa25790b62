import type postgres from "postgres";
import type { Fragment } from "../db/page.ts";
import { blank } from "./person.ts";
import { sliceSize } from "./place.ts";
import { places } from "./places.ts";
import { type Step, scanning } from "./step.ts";

/** Literals, because Postgres uses an index of one status only for a literal. */
const statuses = { scheduled: "status = 'scheduled'", queued: "status = 'queued'", claimed: "status = 'claimed'" };

/** Selects sends with one of these statuses to these JIDs. The input of each send to a chat has the JID in `to`. */
const sendsTo = (
  sql: postgres.ISql,
  jids: readonly string[],
  wanted: readonly (keyof typeof statuses)[],
  ofInstances: Fragment,
): Fragment =>
  wanted
    .map(
      (status) => sql`
        select id, bulk_id from commands where ${sql.unsafe(statuses[status])} and ${ofInstances} and kind = 'send'
          and input->>'to' = any(${[...jids]}::text[])`,
    )
    .reduce((all, one) => sql`${all} union all ${one}`);

/** Selects the sends of a user to these JIDs that have not ended. */
export const openSends = (sql: postgres.ISql, userId: string, jids: readonly string[]): Fragment =>
  sendsTo(
    sql,
    jids,
    ["scheduled", "queued", "claimed"],
    sql`instance_id in (select id from instances where user_id = ${userId})`,
  );

/**
 * Cancels the sends to the person that no host has, in the same way as their caller would: the message is canceled, and a
 * trigger stores the reply for the queue. A send that a host has ends by itself.
 */
export const cancelSends: Step = async ({ sql, instanceId, person: { jids } }) => {
  const ofInstance = sql`instance_id = ${instanceId}`;
  // A host that releases and a caller that cancels also lock a bulk before its commands, so they don't deadlock.
  await sql`
    select from bulks where id in (select bulk_id from (${sendsTo(sql, jids, ["scheduled"], ofInstance)}) c)
    order by id for update`;
  const canceled = await sql<{ waId: string | null }[]>`
    update commands set status = 'canceled', finished_at = clock_timestamp(), waiting_reason = null
    where id = any(array(
        select id from (${sendsTo(sql, jids, ["scheduled", "queued"], ofInstance)}) c limit ${sliceSize}))
      and status in ('scheduled', 'queued')
    returning wa_id as "waId"`;
  await sql`
    update messages set status = 'canceled', sent_at = least(sent_at, date_trunc('second', now()))
    where instance_id = ${instanceId} and wa_id = any(${canceled.map(({ waId }) => waId ?? "")}::text[]) and from_me
      and status = 'pending'`;
  const [claimed] = await sql`select from (${sendsTo(sql, jids, ["claimed"], ofInstance)}) c limit 1`;
  return {
    counts: {},
    cursor: canceled.length === sliceSize ? "more" : null,
    underWay: claimed !== undefined,
  };
};

/**
 * Empties the texts of commands that have ended. The rows stay, so that a repeated request with the same idempotency key
 * sends nothing again; its key no longer matches any request. Commands that are open keep their texts, because they still
 * need them: those that a host has now are erased in the second pass.
 */
export const blankCommands = scanning(places.commands, async ({ sql, person }, ids) => {
  const rows = await sql<{ id: string; input: unknown; output: unknown }[]>`
      select id, input, output from commands
      where id = any(${ids}::uuid[]) and status in ('done', 'failed', 'canceled') for update`;
  for (const { id, input, output } of rows)
    await sql`
        update commands set input = ${JSON.stringify(blank(input))}::text::jsonb,
          output = ${output === null ? null : JSON.stringify(blank(output))}::text::jsonb, error_details = null,
          correlation_id = id::text, request_id = null
        where id = ${id}`;
  await sql`
      update idempotency_keys set request_hash = sha256(gen_random_uuid()::text::bytea),
        key = case when key ~ ${person.pattern} then gen_random_uuid()::text else key end
      where command_id = any(${rows.map(({ id }) => id)}::uuid[])`;
  return { commands: rows.length };
});
