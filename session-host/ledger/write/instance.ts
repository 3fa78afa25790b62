import { storableJson } from "../../../core/db/index.ts";
import type { InstanceFields } from "../change.ts";
import { type Batch, type Writer, writeEach } from "../writer.ts";

export const instance = {
  write: (batch: Batch) =>
    writeEach(
      batch,
      ({ instance }) => (instance && Object.keys(instance).length > 0 ? [instance] : []),
      ({ restrictions, ...fields }, { instanceId, at }) => {
        const columns: Omit<InstanceFields, "restrictions"> & { updated_at: Date } = { ...fields, updated_at: at };
        const json = restrictions ? storableJson(restrictions) : null;
        const more = restrictions === undefined ? batch.sql`` : batch.sql`, restrictions = ${json}::text::jsonb`;
        return batch.sql`update instances set ${batch.sql(columns)} ${more} where id = ${instanceId}`;
      },
    ),
} satisfies Writer;

export const activities = {
  write: (batch: Batch) =>
    writeEach(
      batch,
      (change) => change.activities,
      ({ action, details }, { instanceId, at }) => batch.sql`
        insert into activities (id, instance_id, action, details, created_at)
        values (${batch.ids.uuid()}, ${instanceId}, ${action}, ${storableJson(details)}::text::jsonb, ${at})`,
    ),
} satisfies Writer;
