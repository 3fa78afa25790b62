import type { Database } from "../db/index.ts";
import type { PageReader } from "../message/export/run.ts";
import { copies } from "./copies.ts";
import type { CopiedRow } from "./copy.ts";
import { nextInstance } from "./instances.ts";
import { isPersonJid, personOf } from "./person.ts";

/** Where the export of a person continues: the cursor of its job, as JSON. */
interface Position {
  /** The JIDs of the person that are known so far. */
  person: string[];
  /** Whether all instances were searched for JIDs, so that rows are copied. */
  isKnown: boolean;
  instanceId: string | null;
  /** The name of the copy, null for the first, and the position there. */
  copy: string | null;
  cursor: string | null;
}

/**
 * Reads the next lines of everything about a person: first the JIDs, then the rows of each table of each instance. Lines depend on
 * the cursor only, so a page that is read again after a crash is the same page.
 */
export const readPerson: PageReader = async (db, job, cursor, linkToFile) => {
  const at: Position =
    cursor === null
      ? { person: job.request.person ?? [], isKnown: false, instanceId: null, copy: null, cursor: null }
      : (JSON.parse(cursor) as Position);
  const instanceId = at.instanceId ?? (await nextInstance(db, { userId: job.userId, instanceId: null }));
  if (!at.isKnown) return await search(db, job, { ...at, instanceId });
  const index = at.copy === null ? 0 : copies.findIndex(({ name }) => name === at.copy);
  const copy = copies[index];
  if (!copy) throw new Error(`the export is in the middle of ${at.copy}, which this version doesn't copy`);
  if (!instanceId) return { lines: [], cursor: null };
  const scope = { sql: db.sql, instanceId, person: personOf(at.person), linkToFile };
  const { rows, cursor: next } = await copy.read(scope, at.cursor);
  return {
    lines: rows.map((row) => lineOf(copy.table, instanceId, row)),
    cursor: await after(db, job.userId, { ...at, instanceId, cursor: next }, copies[index + 1]?.name),
  };
};

/** Returns the cursor after a page, whose copy has ended if its cursor is null. `next` is the copy after it. */
async function after(db: Database, userId: string, at: Position, next: string | undefined): Promise<string | null> {
  if (at.cursor !== null) return JSON.stringify(at);
  if (next) return JSON.stringify({ ...at, copy: next });
  const instanceId = await nextInstance(db, { userId, instanceId: at.instanceId });
  return instanceId && JSON.stringify({ ...at, instanceId, copy: null });
}

/**
 * Searches an instance for other JIDs of the person. All instances are searched again after each find. At the end, writes the
 * first line.
 */
async function search(db: Database, job: Parameters<PageReader>[1], at: Position) {
  if (at.instanceId) {
    const { found, cursor } = await otherJids(db, at.instanceId, at);
    const person = [...at.person, ...found];
    if (found.length > 0)
      return { lines: [], cursor: JSON.stringify({ ...at, person, instanceId: null, cursor: null }) };
    if (cursor !== null) return { lines: [], cursor: JSON.stringify({ ...at, cursor }) };
    const next = await nextInstance(db, { userId: job.userId, instanceId: at.instanceId });
    if (next) return { lines: [], cursor: JSON.stringify({ ...at, instanceId: next, cursor: null }) };
  }
  const first = { kind: "person", person: at.person, requestedAt: job.createdAt };
  const cursor = at.instanceId && JSON.stringify({ ...at, isKnown: true, instanceId: null, cursor: null });
  return { lines: [JSON.stringify(first)], cursor };
}

/** Messages that are searched for JIDs at a time. */
const searchedAtOnce = 2_000;

/** Returns the unknown JIDs that the next messages of the person have. `cursor` is null at the end. */
async function otherJids({ sql }: Database, instanceId: string, { person, cursor }: Position) {
  const [at = "", id = ""] = cursor?.split(" ") ?? [];
  const [row] = await sql<{ jids: (string | null)[]; size: number; last: string }[]>`
    with slice as materialized (
      select id, sent_at, sender_id, sender_lid from messages where instance_id = ${instanceId}
        ${cursor === null ? sql`` : sql`and (sent_at, id) > (${at}::text::timestamptz, ${id}::uuid)`}
      order by sent_at, id limit ${searchedAtOnce})
    select (select count(*)::int from slice) as size,
      (select replace(sent_at::text, ' ', 'T') || ' ' || id from slice order by sent_at desc, id desc limit 1) as last,
      array(select distinct unnest(array[sender_id, sender_lid]) from slice
        where sender_id = any(${person}::text[]) or sender_lid = any(${person}::text[])) as jids`;
  const found = (row?.jids ?? []).filter((jid) => jid !== null && isPersonJid(jid) && !person.includes(jid));
  return { found, cursor: row?.size === searchedAtOnce ? row.last : null };
}

const lineOf = (kind: string, instanceId: string, { relation, data }: CopiedRow) =>
  JSON.stringify({ kind, instanceId, relation, data });
