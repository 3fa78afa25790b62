import { sealedPlace } from "../../../core/crypto/sealed-place.ts";
import { type Change, type KeyWrite, serializeKey } from "../change.ts";
import { type Batch, rowsOf, type Writer, writeEach } from "../writer.ts";

/**
 * Stores the last write of each key, where null removes the key, and the plaintexts of the inbox. One statement does
 * both, because a received message has both.
 */
export const keys = {
  independent: true,
  async write(batch: Batch) {
    const newest = new Map<string, Key>();
    for (const key of rowsOf(batch, (change) => change.keys)) {
      newest.set(`${key.instanceId} ${key.type} ${key.id}`, key);
    }
    const written = [...newest.values()];
    const kept = written.filter(({ value }) => value !== null && value !== undefined);
    const removed = written.filter(({ value }) => value === null || value === undefined);
    const received = rowsOf(batch, (change) => change.inbox);
    const [first, ...others] = [
      ...(kept.length > 0 ? [keep(batch, kept)] : []),
      ...(removed.length > 0 ? [remove(batch, removed)] : []),
      ...(received.length > 0 ? [receive(batch, received)] : []),
    ];
    if (!first) return;
    const { sql } = batch;
    await sql`with ${others.reduce((all, part) => sql`${all}, ${part}`, first)} select`;
  },
} satisfies Writer;

type Key = KeyWrite & { instanceId: string };
type Received = NonNullable<Change["inbox"]>[number] & { instanceId: string; at: Date };

// Values are in Base64, because the driver does not support arrays of bytea.
function keep({ sql, vault }: Batch, rows: readonly Key[]) {
  const values = rows.map(({ instanceId, type, id, value }) =>
    vault.seal(serializeKey(value), sealedPlace.sessionKey(instanceId, type, id)).toString("base64"),
  );
  return sql`
    kept as (
      insert into session_keys (instance_id, type, key_id, value)
      select instance_id, type, key_id, decode(value, 'base64')
      from unnest(${rows.map((key) => key.instanceId)}::uuid[], ${rows.map((key) => key.type)}::text[],
        ${rows.map((key) => key.id)}::text[], ${values}::text[]) as t(instance_id, type, key_id, value)
      on conflict (instance_id, type, key_id) do update set value = excluded.value)`;
}

const remove = ({ sql }: Batch, rows: readonly Key[]) => sql`
  removed as (
    delete from session_keys using unnest(${rows.map((key) => key.instanceId)}::uuid[],
      ${rows.map((key) => key.type)}::text[], ${rows.map((key) => key.id)}::text[]) as t(instance_id, type, key_id)
    where session_keys.instance_id = t.instance_id and session_keys.type = t.type and session_keys.key_id = t.key_id)`;

function receive({ sql, vault }: Batch, rows: readonly Received[]) {
  const sealed = rows.map(({ instanceId, waId, plaintext }) =>
    vault.seal(plaintext, sealedPlace.inboxPlaintext(instanceId, waId)).toString("base64"),
  );
  return sql`
    received as (
      insert into session_inbox (instance_id, wa_id, hash, plaintext, received_at)
      select instance_id, wa_id, decode(hash, 'base64'), decode(plaintext, 'base64'), received_at
      from unnest(${rows.map((row) => row.instanceId)}::uuid[], ${rows.map((row) => row.waId)}::text[],
        ${rows.map((row) => row.hash.toString("base64"))}::text[], ${sealed}::text[],
        ${rows.map((row) => row.at.toISOString())}::timestamptz[]) as t(instance_id, wa_id, hash, plaintext, received_at)
      on conflict do nothing)`;
}

/** Keeps a session that the API accepted after the host read the one to remove. */
export const removeImport = {
  independent: true,
  write: (batch: Batch) =>
    writeEach(
      batch,
      ({ removeImport }) => (removeImport ? [removeImport] : []),
      (acceptedAt, { instanceId }) => batch.sql`
        delete from session_imports where instance_id = ${instanceId}
          ${acceptedAt === "any" ? batch.sql`` : batch.sql`and date_trunc('milliseconds', created_at) = ${acceptedAt}`}`,
    ),
} satisfies Writer;

/** Runs after `keys` and `unreadable`, so that it also removes what they wrote for the same batch. */
export const forgetSession = {
  independent: true,
  async write({ sql, changes }: Batch) {
    const forgotten = changes.filter(({ change }) => change.forgetSession);
    await Promise.all(
      forgotten.flatMap(({ instanceId, change }) => [
        sql`delete from session_keys where instance_id = ${instanceId}`,
        !change.removeImport && sql`delete from session_imports where instance_id = ${instanceId}`,
        sql`delete from session_inbox where instance_id = ${instanceId}`,
        // The phone of another account has no content of these messages.
        sql`delete from unreadable_messages where instance_id = ${instanceId}`,
      ]),
    );
  },
} satisfies Writer;
