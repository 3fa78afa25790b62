import type { NewEvent } from "../../../core/event/catalog/index.ts";
import { defined } from "../../../core/object.ts";
import type { ChatTimer } from "../change.ts";
import { type Batch, type RecordedChange, type Writer, writeEach } from "../writer.ts";

/** Stores the timers of chats. A report that is older than the stored one changes and announces nothing. */
export const timers = {
  write: (batch: Batch) =>
    writeEach(
      batch,
      (change) => change.timers,
      (timer, { instanceId }) => setTimer(batch, instanceId, timer),
    ),
  events: ({ change }: RecordedChange, announced: Map<ChatTimer, NewEvent | undefined>) =>
    (change.timers ?? []).map((timer) => announced.get(timer)),
} satisfies Writer<Map<ChatTimer, NewEvent | undefined>>;

/** Stores the last timer of each group. */
export const groupTimers = {
  independent: true,
  async write({ sql, changes }: Batch) {
    const last = new Map(
      changes.flatMap(({ instanceId, at, change }) =>
        (change.groupTimers ?? []).map(
          (timer) => [`${instanceId} ${timer.chatId}`, { ...timer, instanceId, at }] as const,
        ),
      ),
    );
    const rows = [...last.values()];
    if (rows.length === 0) return;
    await sql`
      insert into chat_timers (instance_id, chat_id, seconds, set_at)
      select * from unnest(${rows.map((row) => row.instanceId)}::uuid[], ${rows.map((row) => row.chatId)}::text[],
        ${rows.map((row) => row.seconds)}::int[], ${rows.map((row) => row.at.toISOString())}::timestamptz[])
      on conflict (instance_id, chat_id) do update set seconds = excluded.seconds, set_at = excluded.set_at
        where chat_timers.seconds <> excluded.seconds`;
  },
} satisfies Writer;

async function setTimer({ sql }: Batch, instanceId: string, timer: ChatTimer): Promise<NewEvent | undefined> {
  const { chatId, seconds, setAt, change } = timer;
  const [row] = await sql<{ before: number | null }[]>`
    with known as (select seconds from chat_timers where instance_id = ${instanceId} and chat_id = ${chatId})
    insert into chat_timers (instance_id, chat_id, seconds, set_at)
    values (${instanceId}, ${chatId}, ${seconds}, to_timestamp(${setAt}))
    on conflict (instance_id, chat_id) do update set seconds = excluded.seconds, set_at = excluded.set_at
      where chat_timers.set_at <= excluded.set_at
    returning (select seconds from known) as before`;
  // The first message of a chat whose timer is not known yet reports the timer, but no change.
  const isChange = row && (row.before === null ? change !== null : row.before !== seconds);
  if (!isChange) return undefined;
  const { by, fromMe, source } = change ?? { by: null, fromMe: false };
  const origin = { by, fromMe, ...defined({ source }) };
  return { type: "chat.update", data: { chatId, ...origin, timestamp: setAt, changes: { ephemeral: seconds } } };
}
