import { storableJson } from "../../../core/db/index.ts";
import type { NewResponse } from "../change.ts";
import { type Batch, type RecordedChange, type Writer, writeEach } from "../writer.ts";

/** Writes answers to polls and calendar events. Ignores an answer unless it is newer than the person's last answer. */
export const responses = {
  write: (batch: Batch) =>
    writeEach(
      batch,
      (change) => change.responses,
      async ({ waId, chatId, senderId, choices, guests, at }, { instanceId }) => {
        const rows = await batch.sql`
          insert into responses (instance_id, chat_id, wa_id, sender_id, choices, guests, responded_at)
          values (${instanceId}, ${chatId}, ${waId}, ${senderId}, ${storableJson(choices)}::text::jsonb, ${guests},
            ${at.toISOString()}::timestamptz)
          on conflict (instance_id, chat_id, wa_id, sender_id) do update
            set choices = excluded.choices, guests = excluded.guests, responded_at = excluded.responded_at
            where responses.responded_at < excluded.responded_at or (responses.responded_at = excluded.responded_at
              and (responses.choices, responses.guests) is distinct from (excluded.choices, excluded.guests))
          returning 1`;
        return rows.length > 0;
      },
    ),
  events: ({ change }: RecordedChange, changed: Map<NewResponse, boolean>) =>
    (change.responses ?? []).map((response) => (changed.get(response) ? response.event : undefined)),
} satisfies Writer<Map<NewResponse, boolean>>;
