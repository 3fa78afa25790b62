import { sealedPlace } from "../../../core/crypto/sealed-place.ts";
import { storableJson } from "../../../core/db/index.ts";
import type { HistoryStep } from "../change.ts";
import { type Batch, rowsOf, type Writer, writeEach } from "../writer.ts";

/** Stores parts of the history that wait for their import. A repeated notification changes nothing. */
export const historyParts = {
  also: ["forgetContacts"],
  async write(batch: Batch) {
    const { sql, vault } = batch;
    const forgotten = batch.changes.filter(({ change }) => change.forgetContacts);
    await Promise.all(
      forgotten.map(({ instanceId }) => sql`delete from history_parts where instance_id = ${instanceId}`),
    );
    for (const part of rowsOf(batch, (change) => change.historyParts)) {
      const { instanceId, waId, phase, chunk, percent, withMessages, notification, at } = part;
      const sealed = vault.seal(Buffer.from(notification), sealedPlace.historyNotification(instanceId, waId));
      await sql`
        insert into history_parts (instance_id, wa_id, phase, chunk, percent, with_messages, notification, created_at)
        values (${instanceId}, ${waId}, ${phase}, ${chunk}, ${percent}, ${withMessages}, ${sealed}, ${at})
        on conflict (instance_id, wa_id) do nothing`;
    }
  },
} satisfies Writer;

/** Advances the import of parts. A step that repeats an ended part changes nothing. */
export const historySteps = {
  independent: true,
  write: (batch: Batch) =>
    writeEach(
      batch,
      (change) => change.historySteps,
      (step: HistoryStep, { instanceId }) => {
        const { waId, cursor, messages = 0, failedAttempt, end } = step;
        return batch.sql`
          update history_parts set
            cursor = coalesce(${cursor ? storableJson(cursor) : null}::text::jsonb, cursor),
            messages = messages + ${messages}, attempts = attempts + ${failedAttempt === undefined ? 0 : 1},
            state = case when ${end !== undefined} then case when ${end?.error == null} then 'imported' else 'failed' end
              else state end,
            notification = case when ${end !== undefined} then null else notification end,
            error = coalesce(${end?.error ?? failedAttempt ?? null}, error)
          where instance_id = ${instanceId} and wa_id = ${waId} and state = 'waiting'`;
      },
    ),
} satisfies Writer;
