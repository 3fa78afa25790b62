import type postgres from "postgres";
import type { Fragment } from "../db/page.ts";
import type { MessageStatus } from "./message.sql.ts";
import { queryWords } from "./search/query.ts";

/** Conditions on the messages of a history. Each one that is set must hold. */
export interface MessageFilters {
  fromMe?: boolean | undefined;
  /** One of these types, or content of one of these kinds. */
  types?: readonly string[] | undefined;
  /** JID of the sender: a phone number or LID. */
  sender?: string | undefined;
  statuses?: readonly MessageStatus[] | undefined;
  hasMedia?: boolean | undefined;
  /** Words of the text, or beginnings of words. All must be there. */
  text?: string | undefined;
}

export const isFiltered = (filters: MessageFilters) => Object.values(filters).some((value) => value !== undefined);

/**
 * Returns SQL conditions for the table `messages`, each after `and`. `instanceId` is an expression. Throws
 * `invalid_request` for a text without words.
 */
export function matching(sql: postgres.ISql, instanceId: Fragment, filters: MessageFilters): Fragment {
  const { fromMe, types, sender, statuses, hasMedia, text } = filters;
  return sql`
    ${fromMe === undefined ? sql`` : sql`and from_me = ${fromMe}`}
    ${types ? sql`and (type = any(${types}::text[]) or content->>'kind' = any(${types}::text[]))` : sql``}
    ${sender === undefined ? sql`` : sentBy(sql, instanceId, sender)}
    ${statuses ? sql`and status = any(${statuses}::text[])` : sql``}
    ${hasMedia === undefined ? sql`` : sql`and (media is not null) = ${hasMedia}`}
    ${text === undefined ? sql`` : sql`and search_matches(body, ${queryWords(text, "prefix", "text")}::text[], 'prefix')`}`;
}

/** The sender by the given JID, or by the other JID of the same person if the contacts have both. */
const sentBy = (sql: postgres.ISql, instanceId: Fragment, sender: string) => sql`
  and not from_me and (sender_id = ${sender} or sender_lid = ${sender} or sender_id in (
    select jid from contacts where instance_id = ${instanceId} and lid = ${sender}
    union all select lid from contacts where instance_id = ${instanceId} and jid = ${sender} and lid is not null))`;
