import type postgres from "postgres";
import { sha256 } from "../../../core/crypto/index.ts";
import type { ReceiptOrigin, RecipientList } from "../change.ts";
import { type Batch, rowsOf, unique, type Writer } from "../writer.ts";

/** Returns the hash by which a message refers to its list of recipients, or null if it has no recipients. */
export const listHash = (jids: readonly string[]): Buffer | null =>
  jids.length > 0 ? sha256(Buffer.from(sorted(jids).join(" "))) : null;

const sorted = (jids: readonly string[]): string[] => unique(jids).sort();

/** Stores lists of recipients. Messages with the same recipients share a list. */
export async function storeLists({ sql }: Batch, lists: readonly ({ instanceId: string } & RecipientList)[]) {
  const rows = new Map(
    lists.flatMap(({ instanceId, jids, people }) => {
      const hash = listHash(jids)?.toString("hex");
      if (!hash) return [];
      const row = { instance_id: instanceId, hash, jids: sorted(jids), people: people.length > 0 ? people : null };
      return [[`${instanceId} ${hash}`, row] as const];
    }),
  );
  if (rows.size === 0) return;
  // Sorted, so that two transactions cannot wait for each other.
  const values = [...rows].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
  await sql`
    insert into recipient_lists (instance_id, hash, jids, people)
    select instance_id, decode(hash, 'hex'), jids, people
    from jsonb_to_recordset(${JSON.stringify(values)}::text::jsonb)
      as t(instance_id uuid, hash text, jids text[], people text[])
    on conflict (instance_id, hash) do update set used_at = now(), people = coalesce(recipient_lists.people, excluded.people)
      where recipient_lists.used_at < now() - interval '1 day'
        or (recipient_lists.people is null and excluded.people is not null)`;
}

export const recipients = {
  independent: true,
  async write(batch: Batch) {
    const rows = rowsOf(batch, (change) => change.recipients);
    if (rows.length === 0) return;
    const update = batch.sql`
      update messages set recipients = decode(t.hash, 'hex')
      from unnest(${rows.map((row) => row.instanceId)}::uuid[], ${rows.map((row) => row.waId)}::text[],
        ${rows.map((row) => listHash(row.jids)?.toString("hex") ?? null)}::text[]) as t(instance_id, wa_id, hash)
      where messages.instance_id = t.instance_id and messages.wa_id = t.wa_id and messages.from_me
        and messages.instance_id = any(${unique(rows.map((row) => row.instanceId))}::uuid[])
        and messages.wa_id = any(${rows.map((row) => row.waId)}::text[])`;
    await Promise.all([storeLists(batch, rows), update]);
  },
} satisfies Writer;

/** The columns of an origin: the chat and the person, each by up to two JIDs. */
export const originColumns = (origin: ReceiptOrigin | undefined) => ({
  chat: origin?.chats[0] ?? null,
  otherChat: origin?.chats[1] ?? null,
  person: origin?.people[0] ?? null,
  otherPerson: origin?.people[1] ?? null,
});

/**
 * Returns the condition that a row of `messages` was sent to the chat and to the person of a receipt. `receipt` is the
 * alias of the receipt's columns (`chat`, `other_chat`, `person`, `other_person`). A message without a list of
 * recipients is from the phone or from an older version, or its list has expired. For such a message, only the chat and
 * the audience of a status post are checked.
 */
export const wasSentTo = (sql: postgres.ISql, receipt: string) => {
  const column = (name: string) => sql(`${receipt}.${name}`);
  const people = sql`array[${column("person")}, ${column("other_person")}]`;
  return sql`
    messages.chat_id in (${column("chat")}, ${column("other_chat")})
    and coalesce(
      (select jids && ${people} from recipient_lists
        where recipient_lists.instance_id = messages.instance_id and hash = messages.recipients),
      jsonb_exists_any(messages.context->'audience', ${people}),
      true)`;
};
