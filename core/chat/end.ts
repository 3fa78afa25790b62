import type postgres from "postgres";
import type { Database } from "../db/index.ts";
import type { Fragment } from "../db/page.ts";
import type { MessageEnd } from "./fact.ts";

/** The input that the gateway adds to a request to read, clear or delete a chat when it accepts the request. */
export interface FixedEnd {
  end?: MessageEnd;
}

/**
 * An end lists the messages of this many last seconds by id. WhatsApp's times are whole seconds, and messages aren't always
 * stored in the order of their times.
 */
const namedSeconds = 10;

/** Returns the end that covers all messages of a chat that are stored now. `chat` may be either JID of a person. */
export async function chatEnd(
  { db, instanceId }: { db: Database; instanceId: string },
  { chat }: { chat: string },
): Promise<MessageEnd> {
  const [end] = await db.sql<MessageEnd[]>`
    select to_json(now())#>>'{}' as "storedUntil", to_json(named - interval '1 ms')#>>'{}' as through,
      array(
        select wa_id from messages where instance_id = ${instanceId} and sent_at >= named and status <> 'pending'
          and chat_id in (
            select ${chat}::text union select unnest(array[jid, lid]) from contacts
            where instance_id = ${instanceId} and (jid = ${chat} or lid = ${chat}))) as "waIds"
    from (select date_trunc('second', now()) - ${namedSeconds} * interval '1 second' as named) of`;
  if (!end) throw new Error("Postgres returned no row");
  return end;
}

/** A condition on `messages`: the end covers the message. */
export const isWithin = (sql: postgres.ISql, { through, storedUntil = "infinity", waIds }: MessageEnd): Fragment => sql`
  (wa_id = any(${waIds}::text[])
    or (sent_at <= ${through}::text::timestamptz and created_at <= ${storedUntil}::text::timestamptz))`;
