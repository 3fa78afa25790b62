import type postgres from "postgres";
import { storableJson } from "../../core/db/index.ts";
import type { LabelFact } from "../../core/label/fact.ts";
import type { Recorded } from "./writes.ts";

type Fact<Kind extends LabelFact["kind"]> = Extract<LabelFact, { kind: Kind }> & { instanceId: string; at: string };

/** What is known of labels, as it was last told. Most batches tell nothing of them, and cost nothing here. */
export async function writeLabels(sql: postgres.TransactionSql, batch: readonly Recorded[]): Promise<void> {
  const forgotten = new Set<string>();
  const labels = new Map<string, Fact<"label">>();
  const targets = new Map<string, Fact<"target">>();
  for (const { instanceId, change, at } of batch) {
    if (change.forgetContacts) {
      forgotten.add(instanceId);
      for (const facts of [labels, targets]) {
        for (const [key, fact] of facts) if (fact.instanceId === instanceId) facts.delete(key);
      }
    }
    for (const fact of change.labels ?? []) {
      const told = { instanceId, at: at.toISOString() };
      if (fact.kind === "label") labels.set(JSON.stringify([instanceId, fact.labelId]), { ...fact, ...told });
      else {
        const { labelId, chatId, messageId } = fact;
        targets.set(JSON.stringify([instanceId, labelId, chatId, messageId]), { ...fact, ...told });
      }
    }
  }
  const added = [...targets.values()].filter((target) => target.labeled);
  const removed = [...targets.values()].filter((target) => !target.labeled);
  const ids = (facts: readonly { instanceId: string }[]) => [...new Set(facts.map((fact) => fact.instanceId))];
  await Promise.all([
    forgotten.size > 0 && sql`delete from labels where instance_id = any(${[...forgotten]}::uuid[])`,
    forgotten.size > 0 && sql`delete from label_targets where instance_id = any(${[...forgotten]}::uuid[])`,
    labels.size > 0 &&
      sql`
        insert into labels (instance_id, label_id, name, color, predefined_id, updated_at, deleted_at)
        select "instanceId", "labelId", name, color, "predefinedId", at, case when deleted then at end
        from jsonb_to_recordset(${storableJson([...labels.values()])}::text::jsonb) as t("instanceId" uuid, "labelId" text,
          name text, color int, "predefinedId" text, at timestamptz, deleted boolean)
        on conflict (instance_id, label_id) do update set name = excluded.name, color = excluded.color,
          predefined_id = excluded.predefined_id, updated_at = excluded.updated_at, deleted_at = excluded.deleted_at`,
    removed.length > 0 &&
      sql`
        delete from label_targets
        using jsonb_to_recordset(${storableJson(removed)}::text::jsonb)
          as t("instanceId" uuid, "labelId" text, "chatId" text, "messageId" text)
        where instance_id = t."instanceId" and label_id = t."labelId" and chat_id = t."chatId"
          and message_id = t."messageId" and instance_id = any(${ids(removed)}::uuid[])
          and label_id = any(${removed.map((target) => target.labelId)}::text[])`,
    added.length > 0 &&
      sql`
        insert into label_targets (instance_id, label_id, chat_id, message_id)
        select "instanceId", "labelId", "chatId", "messageId" from jsonb_to_recordset(${storableJson(added)}::text::jsonb)
          as t("instanceId" uuid, "labelId" text, "chatId" text, "messageId" text)
        on conflict do nothing`,
  ]);
}
