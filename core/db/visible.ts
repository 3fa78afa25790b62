import type postgres from "postgres";
import type { Fragment } from "./page.ts";

/** A condition on `messages` and their chat, alias `c`: the message was cleared and is not deleted yet. Null for false. */
export const isCleared = (sql: postgres.ISql): Fragment => sql`
  (messages.status <> 'pending' and (messages.wa_id = any(c.cleared_ids)
    or (messages.sent_at <= c.cleared_at and messages.created_at <= coalesce(c.cleared_stored_at, 'infinity'))))`;

/**
 * A condition on `messages`: the message can be the newest one of its chat. Canceled messages, and scheduled ones until they
 * are sent, can't. The triggers for `chats.last_at` have the same condition.
 */
export const isShown = (sql: postgres.ISql): Fragment => sql`
  (messages.status <> 'canceled' and (messages.status <> 'pending' or messages.sent_at <= messages.created_at))`;
