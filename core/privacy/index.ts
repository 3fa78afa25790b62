import { randomBytes } from "node:crypto";
import type { Clock } from "../clock.ts";
import { sha256 } from "../crypto/index.ts";
import type { Database } from "../db/index.ts";
import { AppError } from "../error.ts";
import { type Ids, isUuid } from "../id.ts";
import { type ExportJob, insertExport } from "../message/export/index.ts";
import { isGroupJid } from "../message/recipient.ts";
import { type PageRequest, type Pagination, paged } from "../page.ts";
import type { ErasureStatus } from "./erasure.sql.ts";
import { removeExports } from "./exports.ts";
import { jidsOf } from "./person.ts";

/** An erasure as its owner sees it. */
export interface Erasure {
  id: string;
  status: ErasureStatus;
  /** Rows that were deleted or changed so far, by table. */
  counts: Record<string, number>;
  /** Hexadecimal. */
  proof: string;
  createdAt: Date;
  finishedAt: Date | null;
}

/** How many erasures of a user may be open at a time. */
const maxOpen = 20;

interface Deps {
  db: Database;
  clock: Clock;
  ids: Ids;
}

const columns = (sql: Database["sql"]) => sql`
  id, status, counts, encode(proof, 'hex') as proof, created_at as "createdAt", finished_at as "finishedAt"`;

/**
 * Starts to erase everything about a person in the data of a user. Exports of the user are removed at once, because they
 * may have messages of the person. Only the response has the receipt, which proves later whom the erasure was about.
 * Throws `invalid_request` for a group, and `quota_exceeded` if too many erasures are open.
 */
export async function createErasure(
  { db, clock, ids }: Deps,
  userId: string,
  jid: string,
): Promise<Erasure & { receipt: string }> {
  assertPerson(jid);
  const receipt = randomBytes(16).toString("hex");
  const jids = await jidsOf(db, userId, jid);
  const now = clock.now();
  return (await db.sql.begin(async (sql) => {
    const [erasure] = await sql<Erasure[]>`
      insert into erasures (id, user_id, person, proof, next_at, created_at)
      select ${ids.uuid()}, ${userId}, ${jids}, ${proofOf(receipt, jid)}, ${now}, ${now}
      where (select count(*) from erasures where user_id = ${userId} and status not in ('done', 'failed')) < ${maxOpen}
      returning ${columns(db.sql)}`;
    if (!erasure) throw new AppError("quota_exceeded", `at most ${maxOpen} erasures of a user can be open`);
    await removeExports(sql, userId, now);
    return { ...erasure, receipt };
  })) as Erasure & { receipt: string };
}

/**
 * Starts an export of everything about a person in the data of a user. Throws `invalid_request` for a group, and
 * `quota_exceeded` if too many exports are open.
 */
export async function createPersonExport(
  deps: Deps,
  userId: string,
  { jid, mediaLinks }: { jid: string; mediaLinks: boolean },
): Promise<ExportJob> {
  assertPerson(jid);
  const person = await jidsOf(deps.db, userId, jid);
  const request = { format: "jsonl" as const, chatId: null, person, mediaLinks };
  return await insertExport(deps, { userId, instanceId: null }, request, null);
}

/** SHA-256 of `<receipt>:<JID>`. The receipt is random, so that nobody can find the number by trying all numbers. */
export const proofOf = (receipt: string, jid: string): Buffer => sha256(`${receipt}:${jid}`);

export function assertPerson(jid: string): void {
  if (isGroupJid(jid)) throw new AppError("invalid_request", "person: must be a person, not a group");
}

export async function listErasures(
  { sql }: Database,
  userId: string,
  page: Pick<PageRequest, "limit" | "skip">,
): Promise<{ erasures: Erasure[]; pagination: Pagination }> {
  const [items, [row]] = await Promise.all([
    sql<Erasure[]>`
      select ${columns(sql)} from erasures where user_id = ${userId}
      order by created_at desc, id desc limit ${page.limit} offset ${page.skip}`,
    sql<{ total: number }[]>`select count(*)::float8 as total from erasures where user_id = ${userId}`,
  ]);
  const { items: erasures, pagination } = paged(page, { items }, row?.total ?? 0);
  return { erasures, pagination };
}

/** Throws `erasure_not_found`. */
export async function findErasure({ sql }: Database, userId: string, id: string): Promise<Erasure> {
  const [erasure] = isUuid(id)
    ? await sql<Erasure[]>`select ${columns(sql)} from erasures where id = ${id} and user_id = ${userId}`
    : [];
  if (!erasure) throw new AppError("erasure_not_found");
  return erasure;
}
