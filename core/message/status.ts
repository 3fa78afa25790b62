import type { Database } from "../db/index.ts";
import { AppError } from "../error.ts";

/** The chat that all status posts are in, ours and others'. */
export const statusChat = "status@broadcast";

/** Each post is encrypted for every device of everybody who may see it. */
export const maxAudience = 1000;

/** What is asked of a post besides its content. */
export interface PostRequest {
  id?: string | undefined;
  statusJidList?: readonly string[] | undefined;
}

/** A person of the address book: by phone number where it is known, and the LID where that is. */
export interface Acquaintance {
  jid: string;
  lid: string | null;
}

/**
 * Who sees a post that names nobody: the people in the owner's address book. Throws `conflict` when there is none, or more
 * than one post may have.
 */
export async function readAcquaintances({ sql }: Database, instanceId: string): Promise<Acquaintance[]> {
  const people = await sql<Acquaintance[]>`
    select jid, lid from contacts where instance_id = ${instanceId} and name is not null and not is_group
    order by jid limit ${maxAudience + 1}`;
  assertAudience(people, "the address book has nobody: say in statusJidList who may see the status");
  return people;
}

/** Throws `conflict`, with these words when the audience is empty. */
export function assertAudience(audience: readonly unknown[], empty: string): void {
  if (audience.length === 0) throw new AppError("conflict", empty);
  if (audience.length > maxAudience) {
    throw new AppError("conflict", `more than ${maxAudience} people would see it: name as many in statusJidList`);
  }
}

/**
 * What must hold before a post is accepted: somebody will see it, and nothing has the id that it shall have. Throws
 * `conflict`.
 */
export async function assertPostable(db: Database, instanceId: string, request: PostRequest): Promise<void> {
  if (!request.statusJidList) await readAcquaintances(db, instanceId);
  if (request.id === undefined) return;
  const [taken] = await db.sql`
    select 1 from messages where instance_id = ${instanceId} and wa_id = ${request.id} limit 1`;
  if (taken) throw idTaken();
}

export const idTaken = () => new AppError("conflict", "messageId: another message has this id");

/** Whom a post of ours went to. Throws `message_not_found`, and `conflict` for one of the phone's. */
export async function readAudience(db: Database, instanceId: string, waId: string): Promise<string[]> {
  const [row] = await db.sql<{ audience: string[] | null }[]>`
    select context->'audience' as audience from messages
    where instance_id = ${instanceId} and wa_id = ${waId} and chat_id = ${statusChat} and from_me`;
  if (!row) throw new AppError("message_not_found", "there is no such status of ours");
  if (!row.audience) throw new AppError("conflict", "it was posted on the phone, which alone knows whom it went to");
  return row.audience;
}
