import type { Clock } from "../clock.ts";
import { type Database, storableJson, storableText } from "../db/index.ts";
import { AppError } from "../error.ts";
import { type Ids, isUuid } from "../id.ts";
import { type PageRequest, type Pagination, paged } from "../page.ts";

/** A named list of people. A message to the list is sent to each person in a separate chat. */
export interface Broadcast {
  id: string;
  name: string;
  /** The number of recipients. */
  size: number;
  createdAt: Date;
  updatedAt: Date;
}

/** A list with its recipients: JIDs of people, in the given order. */
export type WholeBroadcast = Broadcast & { recipients: string[] };

export interface BroadcastFields {
  name: string;
  recipients: readonly string[];
}

interface Deps {
  db: Database;
  clock: Clock;
  ids: Ids;
}

const columns = ({ sql }: Database) => sql`
  id, name, jsonb_array_length(recipients) as size, created_at as "createdAt", updated_at as "updatedAt"`;

const unique = (recipients: readonly string[]) => storableJson([...new Set(recipients)]);

export async function createBroadcast(
  { db, clock, ids }: Deps,
  instanceId: string,
  { name, recipients }: BroadcastFields,
): Promise<WholeBroadcast> {
  const id = ids.uuid();
  const now = clock.now();
  await db.sql`
    insert into broadcasts (id, instance_id, name, recipients, created_at, updated_at)
    values (${id}, ${instanceId}, ${storableText(name)}, ${unique(recipients)}::text::jsonb, ${now}, ${now})`;
  return await findBroadcast(db, instanceId, id);
}

/** Lists the broadcast lists of an instance, the newest first. */
export async function listBroadcasts(
  db: Database,
  instanceId: string,
  page: Pick<PageRequest, "limit" | "skip">,
): Promise<{ broadcasts: Broadcast[]; pagination: Pagination }> {
  const [found, [count]] = await Promise.all([
    db.sql<Broadcast[]>`
      select ${columns(db)} from broadcasts where instance_id = ${instanceId}
      order by created_at desc, id desc limit ${page.limit} offset ${page.skip}`,
    db.sql<{ total: number }[]>`select count(*)::int as total from broadcasts where instance_id = ${instanceId}`,
  ]);
  const { items: broadcasts, pagination } = paged(page, { items: found }, count?.total ?? 0);
  return { broadcasts, pagination };
}

/** Throws `broadcast_not_found`. */
export async function findBroadcast(db: Database, instanceId: string, id: string): Promise<WholeBroadcast> {
  const [found] = isUuid(id)
    ? await db.sql<WholeBroadcast[]>`
        select ${columns(db)}, recipients from broadcasts where id = ${id} and instance_id = ${instanceId}`
    : [];
  if (!found) throw new AppError("broadcast_not_found");
  return found;
}

/** Changes the given fields. New recipients replace all earlier ones. Throws `broadcast_not_found`. */
export async function changeBroadcast(
  { db, clock }: Deps,
  instanceId: string,
  id: string,
  { name, recipients }: { [Field in keyof BroadcastFields]?: BroadcastFields[Field] | undefined },
): Promise<WholeBroadcast> {
  if (isUuid(id)) {
    await db.sql`
      update broadcasts set name = coalesce(${name === undefined ? null : storableText(name)}::text, name),
        recipients = coalesce(${recipients === undefined ? null : unique(recipients)}::text::jsonb, recipients),
        updated_at = ${clock.now()}
      where id = ${id} and instance_id = ${instanceId}`;
  }
  return await findBroadcast(db, instanceId, id);
}

/** Deletes a list. Messages already accepted for it are still sent. Throws `broadcast_not_found`. */
export async function removeBroadcast(db: Database, instanceId: string, id: string): Promise<void> {
  const removed = isUuid(id)
    ? await db.sql`delete from broadcasts where id = ${id} and instance_id = ${instanceId} returning id`
    : [];
  if (removed.length === 0) throw new AppError("broadcast_not_found");
}
