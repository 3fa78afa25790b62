import { blankCommands, cancelSends } from "./commands.ts";
import { deleteMessages, deleteReceipts, scrubMessages } from "./messages.ts";
import { withoutPerson } from "./person.ts";
import { type Place, withinInstance } from "./place.ts";
import { places } from "./places.ts";
import { deleting, type Step, scanning } from "./step.ts";

/** An event stays in the log as `event.erased`, so that the log has no gap. */
const eraseEvents = scanning(places.events, async ({ sql }, ids) => {
  await sql`delete from deliveries where event_id = any(${ids}::uuid[])`;
  const { count } = await sql`
    update events set type = 'event.erased', data = '{}', correlation_id = id::text, parked_reason = null
    where id = any(${ids}::uuid[]) and type <> 'event.erased'`;
  return { events: count };
});

const deleteDeliveries = scanning(places.deliveries, async ({ sql }, ids) => {
  const { count } = await sql`delete from deliveries where id = any(${ids}::uuid[])`;
  return { deliveries: count };
});

/** A step that removes the person from a JSON column of the few rows of a table that name the person. */
const scrubbing =
  (place: Place, column: string): Step =>
  async (scope) => {
    const { sql, person } = scope;
    const rows = await sql<{ id: string; value: unknown }[]>`
      select id, ${sql(column)} as value from ${sql(place.table)}
      where ${withinInstance(place, scope)} and (${place.hit(scope)}) limit 200 for update`;
    for (const { id, value } of rows)
      await sql`
        update ${sql(place.table)} set ${sql(column)} = ${JSON.stringify(withoutPerson(value, person))}::text::jsonb
        where id = ${id}`;
    return { counts: { [place.table]: rows.length }, cursor: rows.length === 200 ? "more" : null };
  };

const resetHistoryCursors: Step = async (scope) => {
  const { sql, instanceId } = scope;
  const { count } = await sql`
    update history_parts set cursor = null where instance_id = ${instanceId} and ${places.historyParts.hit(scope)}`;
  return { counts: { history_parts: count }, cursor: null };
};

/** The steps for each instance, in order. `coverage.ts` says what each table needs. */
export const steps: readonly Step[] = [
  // First, so that the steps after them find what these sends and their end have written.
  cancelSends,
  blankCommands,
  eraseEvents,
  deleteDeliveries,
  deleting(places.replies),
  deleting(places.reactions),
  deleting(places.messageMarks),
  deleting(places.responses),
  deleteMessages,
  deleteReceipts,
  scrubMessages,
  deleting(places.messageDays),
  deleting(places.contacts),
  deleting(places.unknownNumbers),
  deleting(places.chats),
  deleting(places.chatTimers),
  deleting(places.callAnswers),
  deleting(places.labelTargets),
  deleting(places.recipientLists),
  deleting(places.unreadableMessages),
  deleting({
    ...places.refusedStanzas,
    // Stanzas of groups are encrypted, so it is not known whose they are.
    hit: (scope) => scope.sql`
      ${places.refusedStanzas.hit(scope)} or sender like '%@g.us' or sender like '%@broadcast'`,
  }),
  deleting(places.waitingNotes),
  deleting(places.sessionKeys),
  resetHistoryCursors,
  scrubbing(places.broadcasts, "recipients"),
  scrubbing(places.bulks, "rejected"),
  scrubbing(places.activities, "details"),
  scrubbing(places.webhooks, "filters"),
  scrubbing(places.webhookFilters, "webhook_filters"),
  scrubbing(places.ignoreRules, "ignore_rules"),
  scrubbing(places.metadata, "metadata"),
];
