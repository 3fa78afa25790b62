import type postgres from "postgres";
import { storableJson } from "../../core/db/index.ts";
import type { NewResponse } from "./change.ts";
import type { Recorded } from "./writes.ts";

/**
 * Answers to polls and events, each by itself, as they are rare. What is older than the person's last answer, or says the same
 * again, changes nothing. Answers those that changed something.
 */
export async function writeResponses(
  sql: postgres.TransactionSql,
  batch: readonly Recorded[],
): Promise<Set<NewResponse>> {
  const answered = new Set<NewResponse>();
  const statements = batch.flatMap(({ instanceId, change }) =>
    (change.responses ?? []).map(async (response) => {
      const { waId, chatId, senderId, choices, guests } = response;
      const [row] = await sql`
        insert into responses (instance_id, chat_id, wa_id, sender_id, choices, guests, responded_at)
        values (${instanceId}, ${chatId}, ${waId}, ${senderId}, ${storableJson(choices)}::text::jsonb, ${guests},
          ${response.at.toISOString()}::timestamptz)
        on conflict (instance_id, chat_id, wa_id, sender_id) do update
          set choices = excluded.choices, guests = excluded.guests, responded_at = excluded.responded_at
          where responses.responded_at < excluded.responded_at or (responses.responded_at = excluded.responded_at
            and (responses.choices, responses.guests) is distinct from (excluded.choices, excluded.guests))
        returning 1`;
      if (row) answered.add(response);
    }),
  );
  await Promise.all(statements);
  return answered;
}
