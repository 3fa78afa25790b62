import type { Database } from "../db/index.ts";

/** A person, by all JIDs that are known, and where else these appear. */
export interface Person {
  /** JIDs without a device: by phone number and LID. */
  jids: string[];
  /** The digits of the JIDs. */
  users: string[];
  /** A regular expression of Postgres for texts that contain the number or the LID, in a JID or alone. */
  pattern: string;
  /** The same for JavaScript. */
  regex: RegExp;
}

/** Returns the person with these JIDs, each digits before `@`. */
export function personOf(jids: readonly string[]): Person {
  const users = [...new Set(jids.map((jid) => jid.replace(/@.*/, "")))].filter((user) => /^\d{5,20}$/.test(user));
  const alternatives = users.join("|");
  // The id of an old group is `<number of its creator>-<time>@g.us`, and its messages are those of other people.
  const inGroupId = "-[0-9]+@g\\.us";
  return {
    jids: [...jids],
    users,
    pattern: `(^|[^0-9])(${alternatives})(?!${inGroupId})([^0-9]|$)`,
    regex: new RegExp(`(?<![0-9])(?:${alternatives})(?![0-9]|${inGroupId})`, "g"),
  };
}

/** Whether a JID is that of a person, by phone number or LID, without a device. */
export const isPersonJid = (jid: string): boolean => /^\d{5,20}@(?:s\.whatsapp\.net|lid)$/.test(jid);

/** Returns the JIDs of a person that the contacts and the chat of a user's instances have for one of them. */
export async function jidsOf({ sql }: Database, userId: string, jid: string): Promise<string[]> {
  const known = new Set([jid]);
  // A LID can lead to a number, and that number to another LID of another instance's data.
  for (let size = 0; size < known.size; ) {
    size = known.size;
    const rows = await sql<{ jid: string }[]>`
      with mine as (select id from instances where user_id = ${userId})
      select c.lid as jid from contacts c join mine on mine.id = c.instance_id
        where c.jid = any(${[...known]}::text[]) and c.lid is not null
      union select c.jid from contacts c join mine on mine.id = c.instance_id where c.lid = any(${[...known]}::text[])
      union select m.sender_lid from messages m join mine on mine.id = m.instance_id
        where m.chat_id = any(${[...known]}::text[]) and not m.from_me and m.sender_id = m.chat_id and m.sender_lid is not null`;
    for (const row of rows) if (isPersonJid(row.jid)) known.add(row.jid);
  }
  return [...known];
}

/**
 * Removes a person from JSON: entries of lists that name the person, and the number and LID in other texts. Texts stay
 * texts, so the result still matches its schema.
 */
export function withoutPerson(value: unknown, person: Person): unknown {
  if (typeof value === "string") return value.replace(person.regex, "erased");
  if (Array.isArray(value)) {
    return value.filter((item) => !names(item, person)).map((item) => withoutPerson(item, person));
  }
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key.replace(person.regex, "erased"), withoutPerson(item, person)]),
  );
}

/**
 * Returns what JSON says about a person: without the entries of lists, and the parts of objects, that don't name the person.
 * An object that has the number or JID of the person as a field, such as a message of the person, stays whole.
 */
export function partAbout(value: unknown, person: Person): unknown {
  if (Array.isArray(value)) return value.filter((item) => names(item, person)).map((item) => partAbout(item, person));
  if (
    !isPart(value) ||
    Object.entries(value).some(([key, field]) => !key.startsWith("quoted") && isIdOf(field, person))
  )
    return value;
  const parts = Object.entries(value).filter(([key, item]) => !isPart(item) || names({ [key]: item }, person));
  return Object.fromEntries(parts.map(([key, item]) => [key, partAbout(item, person)]));
}

/** Returns the entries of a setting that name a person. */
export function entriesAbout(value: unknown, person: Person): unknown {
  if (!isPart(value) || Array.isArray(value)) return partAbout(value, person);
  const entries = Object.entries(value).filter(([key, item]) => names({ [key]: item }, person));
  return Object.fromEntries(entries.map(([key, item]) => [key, entriesAbout(item, person)]));
}

const isPart = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !(value instanceof Date);

const isIdOf = (value: unknown, { jids, users }: Person) =>
  typeof value === "string" && (jids.includes(value.replace(/:\d+@/, "@")) || users.includes(value.replace(/^\+/, "")));

/** Whether a value has the number or LID of the person anywhere. */
export const names = (value: unknown, { regex }: Person): boolean => (JSON.stringify(value) ?? "").search(regex) >= 0;

/** Replaces each text in JSON by an empty one. */
export function blank(value: unknown): unknown {
  if (typeof value === "string") return "";
  if (Array.isArray(value)) return value.map(blank);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, blank(item)]));
}
