import { sealedPlace } from "../../../core/crypto/sealed-place.ts";
import type { NewEvent } from "../../../core/event/catalog/index.ts";
import { derivedEventId } from "../../../core/event/derived-id.ts";
import type { QuarantinedStanza } from "../change.ts";
import { maxRefusals } from "../refusal.ts";
import { type Batch, type ChangeEvent, type RecordedChange, type Writer, writeEach } from "../writer.ts";

/** How much is kept per instance: the newest stanzas up to both limits, and always the newest one. */
const maxKept = 100;
const maxKeptBytes = 32 * 1024 * 1024;

/** Keeps stanzas that can't be stored otherwise, encrypted, and announces each once. */
export const quarantine = {
  independent: true,
  write: (batch: Batch) =>
    writeEach(
      batch,
      (change) => change.quarantine,
      (stanza, { instanceId }) => keep(batch, instanceId, stanza),
    ),
  events: ({ instanceId, change }: RecordedChange) =>
    (change.quarantine ?? []).map(({ key, kind, id, from, error, timestamp }): ChangeEvent => {
      const event: NewEvent = { type: "stanza.quarantined", data: { kind, stanzaId: id, from, error, timestamp } };
      return { ...event, id: derivedEventId(instanceId, "quarantine", key) };
    }),
} satisfies Writer;

async function keep({ sql, vault }: Batch, instanceId: string, stanza: QuarantinedStanza): Promise<void> {
  const { key, kind, id, from, error, bytes, plaintext } = stanza;
  const sealed = vault.seal(bytes, sealedPlace.refusedStanza(instanceId, key));
  const sealedPlaintext = plaintext ? vault.seal(plaintext, sealedPlace.refusedPlaintext(instanceId, key)) : null;
  await Promise.all([
    sql`
      insert into refused_stanzas as r (instance_id, key, kind, stanza_id, sender, attempts, error, first_at, last_at,
        quarantined_at, stanza, plaintext)
      values (${instanceId}, decode(${key}, 'hex'), ${kind}, ${id}, ${from}, ${maxRefusals}, ${error}, clock_timestamp(),
        clock_timestamp(), clock_timestamp(), ${sealed}, ${sealedPlaintext})
      on conflict (instance_id, key) do update set attempts = greatest(r.attempts, excluded.attempts), error = excluded.error,
        last_at = excluded.last_at, quarantined_at = coalesce(r.quarantined_at, excluded.quarantined_at),
        stanza = excluded.stanza, plaintext = coalesce(excluded.plaintext, r.plaintext)`,
    sql`
      delete from refused_stanzas using (
        select key, row_number() over newest as place,
          sum(coalesce(length(stanza), 0) + coalesce(length(plaintext), 0)) over newest as bytes
        from refused_stanzas where instance_id = ${instanceId}
        window newest as (order by last_at desc, key)) as kept
      where refused_stanzas.instance_id = ${instanceId} and refused_stanzas.key = kept.key and place > 1
        and (place > ${maxKept} or bytes > ${maxKeptBytes})`,
  ]);
}
