import type postgres from "postgres";
import { storableText } from "../db/index.ts";
import { defined } from "../object.ts";
import { absenceMs } from "./index.ts";
import { ContactBook, type ContactFact, type ContactRow } from "./merge.ts";

/** Facts about the contacts of one instance. */
export interface ContactNews {
  instanceId: string;
  /** In the order of the reports. `groups` lists all groups that the account is in. All other groups are removed. */
  steps: readonly { facts: readonly ContactFact[]; groups: readonly string[] | undefined }[];
  at: Date;
}

/** The longest stored name, in characters. Longer names are cut. WhatsApp allows only shorter names. */
const maxNameLength = 256;

/**
 * Merges facts into `contacts`. Requires a transaction, and that the caller is the only writer of the instance's
 * contacts. Facts that change nothing write nothing.
 */
export async function recordContacts(sql: postgres.ISql, { instanceId, steps, at }: ContactNews) {
  const facts = steps.flatMap((step) => step.facts);
  const ids = [...new Set(facts.flatMap((fact) => (fact.lid ? [fact.jid, fact.lid] : [fact.jid])))];
  const groups = steps.some((step) => step.groups);
  const rows = await sql<ContactRow[]>`
    select jid, lid, is_group as "isGroup", name, push_name as "pushName", business_name as "businessName"
    from contacts where instance_id = ${instanceId}
      and (jid = any(${ids}::text[]) or lid = any(${ids}::text[]) or (${groups} and is_group))`;
  const book = new ContactBook(rows);
  for (const step of steps) {
    for (const fact of step.facts) book.apply(storable(fact));
    if (step.groups) book.keepGroups(step.groups);
  }
  const { removed, written } = book.changes();
  await Promise.all([
    removed.length > 0 && sql`delete from contacts where instance_id = ${instanceId} and jid = any(${removed}::text[])`,
    written.length > 0 &&
      sql`
        insert into contacts (instance_id, jid, lid, is_group, name, push_name, business_name, updated_at)
        select ${instanceId}, jid, lid, jid like '%@g.us', name, push_name, business_name, ${at}::timestamptz
        from unnest(${written.map((row) => row.jid)}::text[], ${written.map((row) => row.lid)}::text[],
          ${written.map((row) => row.name)}::text[], ${written.map((row) => row.pushName)}::text[],
          ${written.map((row) => row.businessName)}::text[]) as t(jid, lid, name, push_name, business_name)
        on conflict (instance_id, jid) do update set lid = excluded.lid, is_group = excluded.is_group, name = excluded.name,
          push_name = excluded.push_name, business_name = excluded.business_name, updated_at = excluded.updated_at`,
  ]);
}

/** Records which numbers are on WhatsApp and which are not. The last fact about a number applies. */
export async function recordNumbers(
  sql: postgres.ISql,
  instanceId: string,
  numbers: readonly { jid: string; exists: boolean }[],
  at: Date,
): Promise<void> {
  const last = new Map(numbers.map(({ jid, exists }) => [jid, exists]));
  const found = [...last].filter(([, exists]) => exists).map(([jid]) => jid);
  const missing = [...last].filter(([, exists]) => !exists).map(([jid]) => jid);
  await Promise.all([
    found.length > 0 &&
      sql`delete from unknown_numbers where instance_id = ${instanceId} and jid = any(${found}::text[])`,
    // Deletes expired entries when new ones are added.
    missing.length > 0 &&
      sql`
        delete from unknown_numbers
        where instance_id = ${instanceId} and checked_at < ${new Date(at.getTime() - absenceMs)}::timestamptz`,
    missing.length > 0 &&
      sql`
        insert into unknown_numbers (instance_id, jid, checked_at)
        select ${instanceId}, jid, ${at}::timestamptz from unnest(${missing}::text[]) as t(jid)
        on conflict (instance_id, jid) do update set checked_at = excluded.checked_at`,
  ]);
}

/** Returns undefined for a blank name. */
const cut = (name: string | undefined) => storableText((name ?? "").trim().slice(0, maxNameLength)) || undefined;

function storable({ name, chatName, pushName, businessName, ...fact }: ContactFact): ContactFact {
  const names = { chatName: cut(chatName), pushName: cut(pushName), businessName: cut(businessName) };
  return {
    ...fact,
    ...defined({ name: name === undefined ? undefined : (cut(name ?? undefined) ?? null), ...names }),
  };
}
