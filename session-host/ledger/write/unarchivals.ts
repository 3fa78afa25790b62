import { storableJson } from "../../../core/db/index.ts";
import type { EventData } from "../../../core/event/catalog/index.ts";
import { noticeTypes } from "../../../core/message/notice.ts";
import type { Batch, RecordedChange, Writer } from "../writer.ts";
import { rowsOf } from "../writer.ts";

/** The ids of the chats that left the archive, by the message that did it. */
type Left = Map<string, string>;

const keyOf = (instanceId: string, waId: string) => `${instanceId} ${waId}`;

/**
 * Takes chats out of the archive because of newer messages. A message that WhatsApp delivers again is not newer than the
 * archive that was made after it.
 */
export const unarchivals = {
  async write(batch: Batch): Promise<Left> {
    const { sql } = batch;
    const rows = rowsOf(batch, (change) => change.unarchivals);
    const left = await sql<{ instanceId: string; waId: string; chatId: string }[]>`
      update chats set archived = false, archived_through = null, archived_ids = null
      from (
        select t.*, coalesce(t."chatIds", array(
          select chat_id from messages where instance_id = t."instanceId" and wa_id = t."waId" and from_me
            and type <> all(${noticeTypes}::text[]))) as ids
        from jsonb_to_recordset(${storableJson(rows)}::text::jsonb)
          as t("instanceId" uuid, "chatIds" text[], "waId" text, at timestamptz)) t
      where chats.instance_id = t."instanceId" and chats.chat_id = any(t.ids) and archived
        and t.at > coalesce(archived_through, '-infinity') and t."waId" <> all(coalesce(archived_ids, '{}'))
      returning chats.instance_id as "instanceId", t."waId", chats.chat_id as "chatId"`;
    return new Map(left.map(({ instanceId, waId, chatId }) => [keyOf(instanceId, waId), chatId]));
  },
  events: ({ instanceId, change }: RecordedChange, left: Left) =>
    (change.unarchivals ?? []).map(({ waId, at, imported }) => {
      const chatId = left.get(keyOf(instanceId, waId));
      if (!chatId || imported) return undefined;
      const timestamp = Math.floor(Date.parse(at) / 1000);
      const data: EventData<"chat.update"> = {
        ...{ chatId, by: null, fromMe: false, timestamp },
        changes: { archived: false },
      };
      return { type: "chat.update" as const, data };
    }),
} satisfies Writer<Left>;
