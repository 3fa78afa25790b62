import type postgres from "postgres";

/**
 * Removes all exports of a user, because they may have messages of a person: open ones are canceled, and files expire.
 * `cron` removes the files.
 */
export async function removeExports(sql: postgres.ISql, userId: string, now: Date): Promise<void> {
  await sql`
    update exports set status = case when status = 'done' then 'expired' else 'canceled' end,
      finished_at = coalesce(finished_at, ${now}), expires_at = ${now}
    where user_id = ${userId} and status in ('queued', 'running', 'done')`;
  await sql`
    update exports set request = request - 'person' - 'chatId' || '{"chatId": null}', cursor = null, tail = null
    where user_id = ${userId}
      and (request ? 'person' or request->>'chatId' is not null or cursor is not null or tail is not null)`;
}
