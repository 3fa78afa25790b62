import type postgres from "postgres";
import type { NewEvent } from "../../core/event/catalog/index.ts";
import { statusChat } from "../../core/message/status.ts";
import type { Change } from "./change.ts";
import type { Recorded } from "./writes.ts";

export type View = NonNullable<Change["views"]>[number];

/**
 * Who has got and seen our status posts: each viewer is kept, by phone number where the contacts tell it, and announced once for
 * either. The post itself is what the furthest of them is.
 */
export async function recordViews(
  sql: postgres.TransactionSql,
  batch: readonly Recorded[],
): Promise<Map<View, Map<string, NewEvent>>> {
  const events = new Map<View, Map<string, NewEvent>>();
  const statements = batch.flatMap(({ instanceId, change }) =>
    (change.views ?? []).map(async (view) => {
      const { waIds, status, by, timestamp } = view;
      const at = new Date(timestamp * 1000).toISOString();
      // Whoever has seen it also has it: then a late receipt that says so is no news.
      const news = status === "read" ? ["delivered"] : [];
      const rows = await sql<{ waId: string; viewer: string }[]>`
        with viewer as (
          select coalesce((
            select jid from contacts where instance_id = ${instanceId} and lid = ${by}::text limit 1), ${by}::text) as jid
        )
        update messages set
          context = coalesce(context, '{}') || jsonb_build_object('views',
            coalesce(context->'views', '{}') || jsonb_build_object(viewer.jid, ${status}::text)),
          status = case when messages.status = 'read' then 'read' else ${status}::text end,
          delivered_at = coalesce(delivered_at, ${at}::timestamptz),
          read_at = coalesce(read_at, case when ${status}::text = 'read' then ${at}::timestamptz end)
        from viewer
        where instance_id = ${instanceId} and wa_id = any(${waIds}::text[]) and chat_id = ${statusChat} and from_me
          and messages.status in ('pending', 'sent', 'delivered', 'read')
          and (context->'views'->>viewer.jid is null or context->'views'->>viewer.jid = any(${news}::text[]))
        returning wa_id as "waId", viewer.jid as viewer`;
      const told = rows.map(({ waId: messageId, viewer }): [string, NewEvent] => [
        messageId,
        { type: `message.${status}`, data: { messageId, chatId: statusChat, by: viewer, timestamp } },
      ]);
      events.set(view, new Map(told));
    }),
  );
  await Promise.all(statements);
  return events;
}
