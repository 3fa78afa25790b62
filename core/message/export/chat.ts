import type postgres from "postgres";
import type { Database } from "../../db/index.ts";
import { type Fragment, readWithinBytes } from "../../db/page.ts";
import { notCleared, selectMessages } from "../history.ts";
import type { ExportRequest } from "./export.sql.ts";
import { type ExportedMessage, jsonLine, type LinkToFile, textLine } from "./lines.ts";

/** The next lines of an export. `cursor` is null at the end. */
export interface ExportPage {
  lines: string[];
  cursor: string | null;
}

const pageSize = 500;

/** The columns of `ExportedMessage` for a query of `messages`. */
export const selectExported = (sql: postgres.ISql): Fragment => sql`
  ${selectMessages(sql)}, (
    select coalesce(name, business_name, push_name) from contacts
    where instance_id = messages.instance_id and jid = messages.sender_id) as name`;

/** The bytes of a row with these columns, for `readWithinBytes`. */
export const bytesOf = (sql: postgres.ISql): Fragment => sql`
  octet_length(body) + octet_length(concat("pushName", content, context, media, reactions))`;

/** Reads the next messages of a chat, oldest first: at most 500, and at most 3 MB unless one message is larger. */
export async function readChatPage(
  { sql }: Database,
  instanceId: string,
  request: ExportRequest,
  cursor: string | null,
  linkToFile: LinkToFile | null,
): Promise<ExportPage> {
  const [micros = "", id = ""] = cursor?.split(" ") ?? [];
  const rows = sql`
    select ${selectExported(sql)}, (extract(epoch from sent_at) * 1000000)::int8::text as micros from messages where instance_id = ${instanceId} and chat_id = ${request.chatId} and ${notCleared(sql)}
      ${request.from === undefined ? sql`` : sql`and sent_at >= ${request.from}::text::timestamptz`}
      ${request.before === undefined ? sql`` : sql`and sent_at < ${request.before}::text::timestamptz`}
      ${cursor === null ? sql`` : sql`and (sent_at, id) > (to_timestamp(0) + ${micros}::int8 * interval '1 microsecond', ${id}::uuid)`}
    order by sent_at, id limit ${pageSize}`;
  const { items, cut } = await readWithinBytes<ExportedMessage & { micros: string }>(sql, rows, bytesOf(sql));
  const last = items.at(-1);
  const line = request.format === "text" ? textLine : jsonLine;
  return {
    lines: items.map((message) => line(message, linkToFile)),
    cursor: last && (cut || items.length === pageSize) ? `${last.micros} ${last.id}` : null,
  };
}
