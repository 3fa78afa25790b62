import { storableJson } from "../../../core/db/index.ts";
import { type Batch, type Writer, writeEach } from "../writer.ts";

/** The largest number of notes that wait for messages, for each instance. The oldest ones are dropped. */
const maxWaiting = 1_000;

/** Stores notes that wait for the message that they are about. */
export const waiting = {
  write: (batch: Batch) =>
    writeEach(
      batch,
      (change) => change.waiting,
      async ({ targetId, noteId, senderId, envelope, payload }, { instanceId, at }) => {
        await batch.sql`
          insert into waiting_notes (instance_id, target_id, note_id, sender_id, envelope, payload, created_at)
          values (${instanceId}, ${targetId}, ${noteId}, ${senderId}, ${storableJson(envelope)}::text::jsonb, ${payload}, ${at})
          on conflict do nothing`;
        await batch.sql`
          delete from waiting_notes where ctid = any(array(
            select ctid from waiting_notes where instance_id = ${instanceId}
            order by created_at desc offset ${maxWaiting}))`;
      },
    ),
} satisfies Writer;

/** Deletes notes whose message has arrived. */
export const arrived = {
  independent: true,
  write: (batch: Batch) =>
    writeEach(
      batch,
      (change) => change.arrived,
      ({ targetId, noteId, senderId }, { instanceId }) => batch.sql`
        delete from waiting_notes where instance_id = ${instanceId} and target_id = ${targetId} and note_id = ${noteId}
          and sender_id = ${senderId}`,
    ),
} satisfies Writer;
