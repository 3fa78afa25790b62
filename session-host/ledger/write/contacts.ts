import { recordContacts, recordNumbers } from "../../../core/contact/record.ts";
import type { Change } from "../change.ts";
import type { Batch, RecordedChange, Writer } from "../writer.ts";

/** Writes the fields `contacts` and `groups`, which are merged in the order in which they were reported. */
export const contacts = {
  async write(batch: Batch) {
    const { sql } = batch;
    const perInstance = byInstance(batch, ({ contacts, groups }) => Boolean(contacts?.length || groups));
    await Promise.all(
      perInstance.map(({ instanceId, changes, at }) => {
        const steps = changes.map(({ change: { contacts: facts = [], groups } }) => ({ facts, groups }));
        return recordContacts(sql, { instanceId, steps, at });
      }),
    );
  },
} satisfies Writer;

export const numbers = {
  independent: true,
  async write(batch: Batch) {
    const { sql } = batch;
    const perInstance = byInstance(batch, ({ numbers }) => Boolean(numbers?.length));
    await Promise.all(
      perInstance.map(({ instanceId, changes, at }) => {
        const reported = changes.flatMap(({ change }) => change.numbers ?? []);
        return recordNumbers(sql, instanceId, reported, at);
      }),
    );
  },
} satisfies Writer;

/** Removes the previous account's contacts, and the state and the timers of its chats. The writers of `channels` and `labels` remove its channels and labels. */
export const forgetContacts = {
  independent: true,
  async write({ sql, changes }: Batch) {
    const forgotten = changes.filter(({ change }) => change.forgetContacts);
    await Promise.all(
      forgotten.flatMap(({ instanceId }) => [
        sql`delete from contacts where instance_id = ${instanceId}`,
        sql`delete from unknown_numbers where instance_id = ${instanceId}`,
        sql`delete from chat_timers where instance_id = ${instanceId}`,
        sql`
          update chats set archived = false, pinned_at = null, muted_until = null, marked_unread = false, state_jid = null
          where instance_id = ${instanceId}`,
      ]),
    );
  },
} satisfies Writer;

/** Groups the selected changes by instance. `at` is the time of the last selected change of an instance. */
function byInstance({ changes }: Batch, selected: (change: Change) => boolean) {
  const changesOf = Map.groupBy(
    changes.filter(({ change }) => selected(change)),
    ({ instanceId }) => instanceId,
  );
  return [...changesOf].map(([instanceId, own]: [string, RecordedChange[]]) => ({
    instanceId,
    changes: own,
    at: own.at(-1)?.at ?? new Date(),
  }));
}
