import type { Vault } from "../../crypto/index.ts";
import { sealedPlace } from "../../crypto/sealed-place.ts";
import type { Database } from "../../db/index.ts";
import type { WebhookFilters } from "../../instance/instance.sql.ts";

interface Filtered {
  instance_id: string;
  filters: Partial<WebhookFilters>;
}

/** A person of an instance's filters, by phone number JID or LID. */
interface Person {
  instanceId: string;
  jid: string;
}

/** The other JID of people, by instance and JID. */
type Spellings = ReadonlyMap<string, string>;

const nameOf = ({ instanceId, jid }: Person) => `${instanceId} ${jid}`;

/**
 * Returns the endpoints with filters that name each person by phone number and by LID, because many events have only one
 * of the two. Costs two queries if an endpoint has a filter for people, otherwise none.
 */
export async function bothSpellings<Row extends Filtered>(
  db: Database,
  vault: Vault,
  rows: readonly Row[],
): Promise<Row[]> {
  const people = rows.flatMap(peopleOf);
  if (people.length === 0) return [...rows];
  const [keys, contacts] = await Promise.all([readMappings(db, vault, people), readContacts(db, people)]);
  const others: Spellings = new Map([...contacts, ...keys]);
  return rows.map((row) => {
    const { chats } = row.filters;
    if (!chats) return row;
    const both = (jids: readonly string[]) => [
      ...new Set(jids.flatMap((jid) => [jid, others.get(nameOf({ instanceId: row.instance_id, jid })) ?? jid])),
    ];
    const { allow, deny } = chats;
    return {
      ...row,
      filters: { ...row.filters, chats: { ...(allow && { allow: both(allow) }), ...(deny && { deny: both(deny) }) } },
    };
  });
}

const peopleOf = ({ instance_id: instanceId, filters: { chats } }: Filtered): Person[] =>
  [...(chats?.allow ?? []), ...(chats?.deny ?? [])]
    .filter((jid) => isPhone(jid) || isLid(jid))
    .map((jid) => ({ instanceId, jid }));

const isPhone = (jid: string) => jid.endsWith("@s.whatsapp.net");
const isLid = (jid: string) => jid.endsWith("@lid");

/** Reads the contacts, and the account itself for its chat with itself. */
async function readContacts({ sql }: Database, people: readonly Person[]): Promise<Spellings> {
  const columns = [people.map(({ instanceId }) => instanceId), people.map(({ jid }) => jid)] as const;
  const rows = await sql<(Person & { other: string })[]>`
    with person as (select * from unnest(${columns[0]}::uuid[], ${columns[1]}::text[]) as t(instance_id, jid)),
    account as (
      select id, phone_number || '@s.whatsapp.net' as jid, lid from instances where id = any(${columns[0]}::uuid[]))
    select p.instance_id as "instanceId", p.jid, c.lid as other from person p join contacts c using (instance_id, jid)
    where p.jid like '%@s.whatsapp.net' and c.lid is not null
    union all
    select p.instance_id, p.jid, c.jid from person p join contacts c on c.instance_id = p.instance_id and c.lid = p.jid
    where p.jid like '%@lid'
    union all
    select p.instance_id, p.jid, case when p.jid = a.lid then a.jid else a.lid end from person p
      join account a on a.id = p.instance_id and p.jid in (a.jid, a.lid)
    where a.jid is not null and a.lid is not null`;
  return new Map(rows.map((row) => [nameOf(row), row.other]));
}

/**
 * Reads the session's own mapping, which also has people who are no contacts. Key and value are the user part of a JID.
 * The key of a LID ends with `_reverse`. Source: Baileys 7.0.0-rc14, `Signal/lid-mapping.js`.
 */
async function readMappings({ sql }: Database, vault: Vault, people: readonly Person[]): Promise<Spellings> {
  const wanted = new Map(people.map((person) => [nameOf({ ...person, jid: keyOf(person.jid) }), person]));
  const all = [...wanted.values()];
  const rows = await sql<{ instance_id: string; key_id: string; value: Buffer }[]>`
    select instance_id, key_id, value from session_keys
      join unnest(${all.map(({ instanceId }) => instanceId)}::uuid[], ${all.map(({ jid }) => keyOf(jid))}::text[])
        as t(instance_id, key_id) using (instance_id, key_id)
    where type = 'lid-mapping'`;
  return new Map(
    rows.flatMap(({ instance_id: instanceId, key_id: key, value }) => {
      const person = wanted.get(nameOf({ instanceId, jid: key }));
      const user = userIn(vault, sealedPlace.sessionKey(instanceId, "lid-mapping", key), value);
      return person && user
        ? [[nameOf(person), `${user}${isLid(person.jid) ? "@s.whatsapp.net" : "@lid"}`] as const]
        : [];
    }),
  );
}

const keyOf = (jid: string) => jid.replace("@s.whatsapp.net", "").replace("@lid", "_reverse");

/** Returns undefined for a value that can't be decrypted, so that it can't stop the webhooks of other instances. */
function userIn(vault: Vault, place: string, value: Buffer): string | undefined {
  try {
    const user: unknown = JSON.parse(vault.open(value, place).toString());
    return typeof user === "string" ? user : undefined;
  } catch {
    return undefined;
  }
}
