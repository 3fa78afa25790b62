import type { AcceptDeps } from "../command/accept.ts";
import type { SendDefinition } from "../command/catalog/define.ts";
import { commandCatalog, type SendName } from "../command/catalog/index.ts";
import { findKey } from "../command/idempotency.ts";
import { assertLinked, assertRunAt } from "../command/schedule.ts";
import { sha256 } from "../crypto/index.ts";
import { AppError } from "../error.ts";
import type { Instance } from "../instance/index.ts";
import { assertRoomForFiles } from "../quota/index.ts";
import type { SendOptions } from "../restriction/index.ts";
import { Slices } from "../slice.ts";
import { insertBulk, type NewBulkMessage } from "./insert.ts";
import { type BulkContent, bulkCommand, planBulk } from "./plan.ts";

export interface BulkRequest extends BulkContent {
  /** Maximum messages per minute. */
  perMinute: number;
  /** No message is released before this time. */
  startAt?: Date | undefined;
  /** For all messages. */
  options?: SendOptions | undefined;
}

export interface AcceptedBulk {
  bulkId: string;
  accepted: number;
  rejected: number;
}

interface Origin {
  userId: string;
  instance: Instance;
  idempotencyKey?: string | undefined;
  correlationId: string;
  /** An additional check before the bulk is accepted. Throws the error for the caller. */
  check?: (() => Promise<void>) | undefined;
}

/**
 * Accepts all sends of a bulk or none of the sends. Each send becomes a pending message with its final id, and a
 * command that waits until the session host releases it. Throws `invalid_request`, `instance_not_connected` if the
 * instance is not linked, `quota_exceeded` and `idempotency_conflict`.
 */
export async function createBulk(deps: AcceptDeps, origin: Origin, request: BulkRequest): Promise<AcceptedBulk> {
  const { userId, instance, correlationId, idempotencyKey: key } = origin;
  const requestHash = sha256(JSON.stringify([instance.id, "bulk", request]));
  const earlier = await findRepeat(deps, userId, key, requestHash);
  if (earlier) return earlier;
  const now = deps.clock.now();
  if (request.startAt) assertRunAt(request.startAt, now);
  assertLinked(instance);
  const { planned, rejected } = await planBulk(request);
  if (request.media) await assertRoomForFiles(deps, instance.userId);
  await origin.check?.();

  const command: SendDefinition<SendName> = commandCatalog[bulkCommand(request)];
  const id = deps.ids.uuid();
  const slices = new Slices();
  const messages: NewBulkMessage[] = [];
  for (const message of planned) {
    await slices.turn();
    messages.push({
      ...message,
      ...command.preview(message.input, undefined),
      commandId: deps.ids.uuid(),
      rowId: deps.ids.uuid(),
      waId: deps.ids.messageId(),
    });
  }
  try {
    await insertBulk(deps, {
      id,
      userId,
      instance,
      command: command.name,
      correlationId,
      perMinute: request.perMinute,
      options: request.options,
      startAt: request.startAt ?? now,
      createdAt: now,
      rejected,
      messages,
      key: key === undefined ? undefined : { key, requestHash },
    });
  } catch (error) {
    // A concurrent request with the same key was stored first. Return the result of that request.
    const winner = await findRepeat(deps, userId, key, requestHash);
    if (winner) return winner;
    throw error;
  }
  return { bulkId: id, accepted: messages.length, rejected: rejected.length };
}

async function findRepeat(
  { db }: AcceptDeps,
  userId: string,
  key: string | undefined,
  requestHash: Buffer,
): Promise<AcceptedBulk | undefined> {
  const earlier = key === undefined ? undefined : await findKey(db, userId, key, requestHash);
  if (!earlier?.bulkId) return undefined;
  const [bulk] = await db.sql<AcceptedBulk[]>`
    select id as "bulkId", total as accepted, jsonb_array_length(rejected) as rejected from bulks where id = ${earlier.bulkId}`;
  return bulk;
}

/**
 * Cancels the messages of a bulk that are not released yet. Does nothing if the bulk has ended. Returns the number of
 * canceled messages. Throws `bulk_not_found`.
 */
export async function cancelBulk(
  deps: Pick<AcceptDeps, "db" | "clock">,
  instanceId: string,
  bulkId: string,
): Promise<number> {
  const now = deps.clock.now();
  return await deps.db.sql.begin(async (sql) => {
    // Locks the bulk first, as the host does for a release, so that a message is either released or canceled.
    const [bulk] = await sql<{ status: string }[]>`
      select status from bulks where id = ${bulkId} and instance_id = ${instanceId} for update`;
    if (!bulk) throw new AppError("bulk_not_found");
    if (bulk.status !== "running") return 0;
    await sql`update bulks set status = 'canceled', finished_at = ${now} where id = ${bulkId}`;
    const canceled = await sql<{ wa_id: string }[]>`
      update commands set status = 'canceled', finished_at = ${now}
      where bulk_id = ${bulkId} and status = 'scheduled' returning wa_id`;
    await sql`
      update messages set status = 'canceled', sent_at = least(sent_at, date_trunc('second', now()))
      where instance_id = ${instanceId} and wa_id = any(${canceled.map((row) => row.wa_id)}) and from_me
        and status = 'pending'`;
    return canceled.length;
  });
}
