import type { NewEvent } from "../../../core/event/catalog/index.ts";
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
  const { by, fromMe } = change ?? { by: null, fromMe: false };
  return { type: "chat.update", data: { chatId, by, fromMe, timestamp: setAt, changes: { ephemeral: seconds } } };
}
