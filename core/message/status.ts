import type { Database } from "../db/index.ts";
import { AppError } from "../error.ts";

/** The chat of all status posts, of the account and of others. */
export const statusChat = "status@broadcast";

/** The maximum number of people who may see a status post. Each post is encrypted for each of their devices. */
export const maxAudience = 1000;

/** The fields of a status post in addition to its content. */
export interface StatusRequest {
  id?: string | undefined;
  statusJidList?: readonly string[] | undefined;
}

/** A person in the address book: a JID, by phone number if it is known, and the LID if it is known. */
export interface AddressBookEntry {
  jid: string;
  lid: string | null;
}

/**
 * Returns the people in the address book, who see a status post without `statusJidList`. Throws `conflict` if the
 * address book is empty or has more than `maxAudience` people.
 */
export async function readAddressBook({ sql }: Database, instanceId: string): Promise<AddressBookEntry[]> {
  const people = await sql<AddressBookEntry[]>`
    select jid, lid from contacts where instance_id = ${instanceId} and name is not null and not is_group
    order by jid limit ${maxAudience + 1}`;
  assertAudience(people, "the address book is empty: give statusJidList");
  return people;
}

/** Throws `conflict` if the audience is too large, or empty (with `emptyDetails`). */
export function assertAudience(audience: readonly unknown[], emptyDetails: string): void {
  if (audience.length === 0) throw new AppError("conflict", emptyDetails);
  if (audience.length > maxAudience) {
    throw new AppError(
      "conflict",
      `more than ${maxAudience} people would see it: give at most that many in statusJidList`,
    );
  }
}

/**
 * Checks that a status post can be accepted. The post must have an audience, and no other message may have the
 * requested id. Throws `conflict`.
 */
export async function assertStatusAllowed(db: Database, instanceId: string, request: StatusRequest): Promise<void> {
  if (!request.statusJidList) await readAddressBook(db, instanceId);
  if (request.id === undefined) return;
  const [existing] = await db.sql`
    select 1 from messages where instance_id = ${instanceId} and wa_id = ${request.id} limit 1`;
  if (existing) throw idTaken();
}

export const idTaken = () => new AppError("conflict", "messageId: another message has this id");

/** Who should see a status post, as JIDs. `skipped` are those whom the post can't reach. */
export interface PostAudience {
  audience: string[];
  skipped?: string[];
}

/**
 * Returns who should see a status post of the account. Throws `message_not_found`, and `conflict` for a status
 * post from the phone.
 */
export async function readAudience(db: Database, instanceId: string, waId: string): Promise<PostAudience> {
  const [row] = await db.sql<{ audience: string[] | null; skipped: string[] | null }[]>`
    select context->'audience' as audience, context->'skipped' as skipped from messages
    where instance_id = ${instanceId} and wa_id = ${waId} and chat_id = ${statusChat} and from_me`;
  if (!row) throw new AppError("message_not_found", "the account has no status post with this id");
  if (!row.audience)
    throw new AppError("conflict", "the status post was sent from the phone, so the gateway doesn't have its audience");
  return { audience: row.audience, ...(row.skipped && { skipped: row.skipped }) };
}
