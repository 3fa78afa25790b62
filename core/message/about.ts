import type postgres from "postgres";
import type { Database } from "../db/index.ts";

/** A person's reaction to a message. */
export interface Reaction {
  emoji: string;
  /** JID of the person. Empty for the account itself. */
  senderId: string;
  senderLid: string | null;
  pushName: string | null;
  /** Milliseconds since 1970. */
  reactedAt: number;
}

/** A pin or keep of a message. */
export interface Mark {
  /** JID of the person who set it. Empty for the account itself. */
  senderId: string;
  /** Milliseconds since 1970. */
  markedAt: number;
  until: number | null;
}

/** What people did to a message, as the history shows it. */
export interface AboutMessage {
  /** The newest `maxReactions`, newest first. */
  reactions: Reaction[];
  /** Null unless the message is pinned now. */
  pin: Mark | null;
  keep: Mark | null;
}

/** The history shows this many reactions of a message. */
export const maxReactions = 100;

/** The columns of `AboutMessage` for a query of `messages`. */
export const selectAbout = (sql: postgres.ISql) => sql`
  (select coalesce(json_agg(json_build_object('emoji', emoji, 'senderId', sender_id, 'senderLid', sender_lid,
      'pushName', push_name, 'reactedAt', ${milliseconds(sql, "reacted_at")}) order by reacted_at desc), '[]')
    from (
      select * from reactions where instance_id = messages.instance_id and chat_id = messages.chat_id
        and wa_id = messages.wa_id and emoji <> '' order by reacted_at desc limit ${maxReactions}) newest) as reactions,
  ${selectMark(sql, "pin")} as pin, ${selectMark(sql, "keep")} as keep`;

const selectMark = (sql: postgres.ISql, kind: "pin" | "keep") => sql`
  (select json_build_object('senderId', sender_id, 'markedAt', ${milliseconds(sql, "marked_at")},
      'until', ${milliseconds(sql, "until")})
    from message_marks where instance_id = messages.instance_id and chat_id = messages.chat_id and wa_id = messages.wa_id
      and kind = ${kind} and active and (until is null or until > now()))`;

const milliseconds = (sql: postgres.ISql, column: string) => sql`(extract(epoch from ${sql(column)}) * 1000)::int8`;

/** A message that another message is about. */
export interface TargetMessage {
  waId: string;
  chatId: string;
  fromMe: boolean;
  senderId: string;
  senderLid: string | null;
  type: string;
  /** Its text, question or name. */
  body: string;
  /** The encoded protobuf. It has the secret that encrypts what people do to the message. */
  payload: Uint8Array | null;
}

/**
 * Returns the messages with this id in one of these chats, which are JIDs that may all stand for the same chat. The
 * sender chooses the id. The account's own message is first, then the oldest, so that a later message can't capture
 * what is about another one.
 */
export async function findTargets(
  { sql }: Pick<Database, "sql">,
  instanceId: string,
  waId: string,
  chatIds: readonly string[],
): Promise<TargetMessage[]> {
  return await sql<TargetMessage[]>`
    select wa_id as "waId", chat_id as "chatId", from_me as "fromMe", sender_id as "senderId", sender_lid as "senderLid",
      type, body, payload
    from messages where instance_id = ${instanceId} and wa_id = ${waId} and chat_id = any(${chatIds}::text[])
    order by from_me desc, sent_at, id limit 10`;
}
