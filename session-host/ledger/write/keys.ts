import { sealedPlace } from "../../../core/crypto/sealed-place.ts";
import { type KeyWrite, serializeKey } from "../change.ts";
import { type Batch, rowsOf, type Writer, writeEach } from "../writer.ts";

/** Stores the last write of each key. Null removes the key. */
export const keys = {
  independent: true,
  async write(batch: Batch) {
    const { sql, vault } = batch;
    const newest = new Map<string, KeyWrite & { instanceId: string }>();
    for (const key of rowsOf(batch, (change) => change.keys)) {
      newest.set(`${key.instanceId} ${key.type} ${key.id}`, key);
    }
    if (newest.size === 0) return;
    const kept = [...newest.values()].filter(({ value }) => value !== null && value !== undefined);
    const removed = [...newest.values()].filter(({ value }) => value === null || value === undefined);
    // In Base64, because the driver does not support arrays of bytea.
    const values = kept.map(({ instanceId, type, id, value }) =>
      vault.seal(serializeKey(value), sealedPlace.sessionKey(instanceId, type, id)).toString("base64"),
    );
    await Promise.all([
      kept.length > 0 &&
        sql`
          insert into session_keys (instance_id, type, key_id, value)
          select instance_id, type, key_id, decode(value, 'base64')
          from unnest(${kept.map((key) => key.instanceId)}::uuid[], ${kept.map((key) => key.type)}::text[],
            ${kept.map((key) => key.id)}::text[], ${values}::text[]) as kept(instance_id, type, key_id, value)
          on conflict (instance_id, type, key_id) do update set value = excluded.value`,
      removed.length > 0 &&
        sql`
          delete from session_keys using unnest(${removed.map((key) => key.instanceId)}::uuid[],
            ${removed.map((key) => key.type)}::text[], ${removed.map((key) => key.id)}::text[])
            as removed(instance_id, type, key_id)
          where session_keys.instance_id = removed.instance_id and session_keys.type = removed.type
            and session_keys.key_id = removed.key_id`,
    ]);
  },
} satisfies Writer;

export const inbox = {
  independent: true,
  async write(batch: Batch) {
    const { sql, vault } = batch;
    const rows = rowsOf(batch, (change) => change.inbox);
    if (rows.length === 0) return;
    const sealed = rows.map(({ instanceId, waId, plaintext }) =>
      vault.seal(plaintext, sealedPlace.inboxPlaintext(instanceId, waId)).toString("base64"),
    );
    await sql`
      insert into session_inbox (instance_id, wa_id, hash, plaintext, received_at)
      select instance_id, wa_id, decode(hash, 'base64'), decode(plaintext, 'base64'), received_at
      from unnest(${rows.map((row) => row.instanceId)}::uuid[], ${rows.map((row) => row.waId)}::text[],
        ${rows.map((row) => row.hash.toString("base64"))}::text[], ${sealed}::text[],
        ${rows.map((row) => row.at.toISOString())}::timestamptz[])
        as kept(instance_id, wa_id, hash, plaintext, received_at)
      on conflict do nothing`;
  },
} satisfies Writer;

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

/** Runs after `keys`, `inbox` and `unreadable`, so that it also removes what they wrote for the same batch. */
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
