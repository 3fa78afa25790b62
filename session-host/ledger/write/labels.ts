import { storableJson } from "../../../core/db/index.ts";
import type { LabelFact } from "../../../core/label/fact.ts";
import { type Batch, unique, type Writer } from "../writer.ts";

type Fact<Kind extends LabelFact["kind"]> = Extract<LabelFact, { kind: Kind }> & { instanceId: string; at: string };

/** Stores the last fact about each label, and about each chat or message with a label. */
export const labels = {
  independent: true,
  also: ["forgetContacts"],
  async write({ sql, changes }: Batch) {
    const { forgotten, facts, targets } = latestFacts(changes);
    const added = targets.filter((target) => target.labeled);
    const removed = targets.filter((target) => !target.labeled);
    await Promise.all([
      forgotten.length > 0 && sql`delete from labels where instance_id = any(${forgotten}::uuid[])`,
      forgotten.length > 0 && sql`delete from label_targets where instance_id = any(${forgotten}::uuid[])`,
      facts.length > 0 &&
        sql`
          insert into labels (instance_id, label_id, name, color, predefined_id, updated_at, deleted_at)
          select "instanceId", "labelId", name, color, "predefinedId", at, case when deleted then at end
          from jsonb_to_recordset(${storableJson(facts)}::text::jsonb) as t("instanceId" uuid, "labelId" text,
            name text, color int, "predefinedId" text, at timestamptz, deleted boolean)
          on conflict (instance_id, label_id) do update set name = excluded.name, color = excluded.color,
            predefined_id = excluded.predefined_id, updated_at = excluded.updated_at, deleted_at = excluded.deleted_at`,
      removed.length > 0 &&
        sql`
          delete from label_targets
          using jsonb_to_recordset(${storableJson(removed)}::text::jsonb)
            as t("instanceId" uuid, "labelId" text, "chatId" text, "messageId" text)
          where instance_id = t."instanceId" and label_id = t."labelId" and chat_id = t."chatId"
            and message_id = t."messageId"
            and instance_id = any(${unique(removed.map((target) => target.instanceId))}::uuid[])
            and label_id = any(${removed.map((target) => target.labelId)}::text[])`,
      added.length > 0 &&
        sql`
          insert into label_targets (instance_id, label_id, chat_id, message_id)
          select "instanceId", "labelId", "chatId", "messageId"
          from jsonb_to_recordset(${storableJson(added)}::text::jsonb)
            as t("instanceId" uuid, "labelId" text, "chatId" text, "messageId" text)
          on conflict do nothing`,
    ]);
  },
} satisfies Writer;

/** Returns the latest facts of a batch. `forgotten` are the instances whose previous labels are removed first. */
function latestFacts(changes: Batch["changes"]) {
  const forgotten = new Set<string>();
  const labels = new Map<string, Fact<"label">>();
  const targets = new Map<string, Fact<"target">>();
  for (const { instanceId, change, at } of changes) {
    if (change.forgetContacts) {
      forgotten.add(instanceId);
      for (const facts of [labels, targets]) {
        for (const [key, fact] of facts) if (fact.instanceId === instanceId) facts.delete(key);
      }
    }
    for (const fact of change.labels ?? []) {
      const origin = { instanceId, at: at.toISOString() };
      if (fact.kind === "label") labels.set(JSON.stringify([instanceId, fact.labelId]), { ...fact, ...origin });
      else {
        const { labelId, chatId, messageId } = fact;
        targets.set(JSON.stringify([instanceId, labelId, chatId, messageId]), { ...fact, ...origin });
      }
    }
  }
  return { forgotten: [...forgotten], facts: [...labels.values()], targets: [...targets.values()] };
}
