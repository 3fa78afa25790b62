import type { Database } from "../db/index.ts";
import { type Fragment, readWithinBytes } from "../db/page.ts";
import { AppError } from "../error.ts";
import { isGroupJid, isLidJid, toJid } from "../message/recipient.ts";
import { type Pagination, paged } from "../page.ts";

export interface Contact {
  jid: string;
  lid: string | null;
  isGroup: boolean;
  /** The best name known: address book or group subject, business name, push name, or phone number; else the JID. */
  name: string;
  /**
   * Digits of the phone number; for a group, the digits of its JID. Empty for a person of whom only the LID is known.
   */
  number: string;
  pushName: string | null;
  businessName: string | null;
}

export interface ContactsRequest {
  /** Part of a name or of the phone number. Upper and lower case are equal. */
  search?: string | undefined;
  /** All contacts if absent. */
  limit?: number | undefined;
  skip?: number | undefined;
}

/**
 * How long the gateway remembers that a number is not on WhatsApp, in milliseconds. The time is short, because people
 * join.
 */
export const absenceMs = 60 * 60 * 1000;

/**
 * Lists the contacts of an instance by name, groups included. Even without a limit, the list has only as many contacts
 * as fit in one response.
 */
export async function readContacts(
  db: Database,
  instanceId: string,
  { search, limit, skip = 0 }: ContactsRequest,
): Promise<{ contacts: Contact[]; pagination: Pagination }> {
  const text = search?.trim().toLowerCase() || null;
  // People write numbers with +, spaces and hyphens.
  const digits = text && /^[+\d\s().-]+$/.test(text) ? text.replace(/\D/g, "").replace(/^00/, "") || null : null;
  const where = db.sql`
    instance_id = ${instanceId} and (${text}::text is null
      or position(${text}::text in lower(concat_ws(chr(10), name, push_name, business_name))) > 0
      or (not is_group and jid like '%@s.whatsapp.net' and position(${digits}::text in split_part(jid, '@', 1)) > 0))`;
  const rows = db.sql`
    select ${columns(db)} from contacts where ${where}
    order by lower(${bestName(db)}) collate "und-x-icu", jid
    limit ${limit ?? null} offset ${skip}`;
  const found = await readWithinBytes<Contact>(
    db.sql,
    rows,
    db.sql`octet_length(concat(jid, lid, name, "pushName", "businessName"))`,
  );
  const all = limit === undefined && !found.cut ? found.items.length + skip : undefined;
  const total = all ?? (await countContacts(db, where));
  const { items: contacts, pagination } = paged({ limit: limit ?? found.items.length, skip }, found, total);
  return { contacts, pagination };
}

async function countContacts({ sql }: Database, where: Fragment): Promise<number> {
  const [count] = await sql<{ total: number }[]>`select count(*)::int as total from contacts where ${where}`;
  return count?.total ?? 0;
}

/** Returns one contact by phone number in any common notation, JID or LID. Throws `contact_not_found`. */
export async function findContact(db: Database, instanceId: string, id: string): Promise<Contact> {
  const jid = toJid(id);
  const [contact] = jid
    ? await db.sql<Contact[]>`
        select ${columns(db)} from contacts where instance_id = ${instanceId} and (jid = ${jid} or lid = ${jid})`
    : [];
  if (!contact) throw new AppError("contact_not_found");
  return contact;
}

/** The two JIDs of one person. */
export interface LidPair {
  /** The JID with the phone number. */
  jid: string;
  lid: string;
}

/**
 * Lists the contacts whose phone number and LID are both known, by number. Even without a limit, the list has only as
 * many contacts as fit in one response.
 */
export async function readLids(
  db: Database,
  instanceId: string,
  { limit, skip = 0 }: Pick<ContactsRequest, "limit" | "skip">,
): Promise<{ pairs: LidPair[]; pagination: Pagination }> {
  const rows = db.sql`
    select jid, lid from contacts where ${hasBothJids(db, instanceId)} order by jid
    limit ${limit ?? null} offset ${skip}`;
  const [found, total] = await Promise.all([
    readWithinBytes<LidPair>(db.sql, rows, db.sql`octet_length(jid) + octet_length(lid)`),
    countLids(db, instanceId),
  ]);
  const { items: pairs, pagination } = paged({ limit: limit ?? found.items.length, skip }, found, total);
  return { pairs, pagination };
}

export async function countLids(db: Database, instanceId: string): Promise<number> {
  const [row] = await db.sql<{ count: number }[]>`
    select count(*)::int as count from contacts where ${hasBothJids(db, instanceId)}`;
  return row?.count ?? 0;
}

/** Returns both JIDs of a contact, given either JID. Returns undefined unless both are known. */
export async function findLid(db: Database, instanceId: string, jid: string): Promise<LidPair | undefined> {
  const [pair] = await db.sql<LidPair[]>`
    select jid, lid from contacts where ${hasBothJids(db, instanceId)} and (jid = ${jid} or lid = ${jid})`;
  return pair;
}

/** Returns the JID of a person, from a phone number in any common notation or a JID. Throws `invalid_request`. */
export function personJid(id: string): string {
  const jid = toJid(id);
  if (jid && !isGroupJid(jid)) return jid;
  throw new AppError("invalid_request", "must be an international phone number or the JID of a person");
}

/** Returns the JID of a LID, from its digits or its JID. Throws `invalid_request`. */
export function lidJid(id: string): string {
  const jid = toJid(id.includes("@") ? id : `${id}@lid`);
  if (jid && isLidJid(jid)) return jid;
  throw new AppError("invalid_request", "must be a LID: digits, with or without @lid");
}

const hasBothJids = ({ sql }: Database, instanceId: string) => sql`
  instance_id = ${instanceId} and lid is not null and jid like '%@s.whatsapp.net'`;

const number = ({ sql }: Database) => sql`
  case when jid like '%@lid' then '' else regexp_replace(split_part(jid, '@', 1), '\\D', '', 'g') end`;

const bestName = (db: Database) => db.sql`coalesce(name, business_name, push_name, nullif(${number(db)}, ''), jid)`;

const columns = (db: Database) => db.sql`
  jid, lid, is_group as "isGroup", ${bestName(db)} as name, ${number(db)} as number, push_name as "pushName",
  business_name as "businessName"`;
