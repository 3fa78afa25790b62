import { storableJson } from "../../../core/db/index.ts";
import type { InstanceFields } from "../change.ts";
import { type Batch, type Writer, writeEach } from "../writer.ts";

export const instance = {
  independent: true,
  write: (batch: Batch) =>
    writeEach(
      batch,
      ({ instance }) => (instance && Object.keys(instance).length > 0 ? [instance] : []),
      ({ restrictions, new_contacts, ...fields }, { instanceId, at }) => {
        const { sql } = batch;
        const columns: Omit<InstanceFields, "restrictions" | "new_contacts"> & { updated_at: Date } = {
          ...fields,
          updated_at: at,
        };
        const json = (value: object | null) => sql`${value && storableJson(value)}::text::jsonb`;
        return sql`
          update instances set ${sql(columns)}
            ${restrictions === undefined ? sql`` : sql`, restrictions = ${json(restrictions)}`}
            ${new_contacts === undefined ? sql`` : sql`, new_contacts = ${json(new_contacts)}`}
          where id = ${instanceId}`;
      },
    ),
} satisfies Writer;

export const activities = {
  independent: true,
  write: (batch: Batch) =>
    writeEach(
      batch,
      (change) => change.activities,
      ({ action, details }, { instanceId, at }) => batch.sql`
        insert into activities (id, instance_id, action, details, created_at)
        values (${batch.ids.uuid()}, ${instanceId}, ${action}, ${storableJson(details)}::text::jsonb, ${at})`,
    ),
} satisfies Writer;
