import { sha256 } from "../crypto/index.ts";
import { readInTime } from "../db/answer.ts";
import type { Database } from "../db/index.ts";
import { AppError } from "../error.ts";
import type { SendOptions } from "../restriction/index.ts";
import type { CommandName } from "./catalog/index.ts";

/** The result that the caller gets when a command is accepted. */
export interface Accepted {
  commandId: string;
  /** WhatsApp's id of the message, for a `send`. */
  messageId: string | null;
  /** For a scheduled send: when the send is due. */
  runAt: Date | null;
  /** True when this request had been accepted before under the same key. */
  repeated: boolean;
}

/**
 * The parts that identify a request. A repeated request with the same key must have the same values in all these parts.
 */
export interface RequestIdentity {
  userId: string;
  instance: { id: string };
  name: CommandName;
  /** The request, as the caller sent it. */
  input: unknown;
  runAt?: Date | undefined;
  options?: SendOptions | undefined;
  idempotencyKey?: string | undefined;
}

/** Returns the command that was accepted before under the same key. Throws `idempotency_conflict` if the request differs. */
export async function findAccepted(db: Database, request: RequestIdentity): Promise<Accepted | undefined> {
  if (request.idempotencyKey === undefined) return undefined;
  const row = await findKey(db, request.userId, request.idempotencyKey, hashOf(request));
  return row && { commandId: row.commandId, messageId: row.waId, runAt: row.runAt, repeated: true };
}

export const hashOf = ({ instance, name, input, runAt, options }: RequestIdentity): Buffer =>
  sha256(
    JSON.stringify([instance.id, name, input, ...(runAt ? [runAt.toISOString()] : []), ...(options ? [options] : [])]),
  );

/**
 * Returns the command that was accepted before under this key, or the first command of the accepted bulk. Throws
 * `idempotency_conflict` if the request differs.
 */
export async function findKey(
  db: Database,
  userId: string,
  key: string,
  requestHash: Buffer,
): Promise<{ commandId: string; waId: string | null; runAt: Date | null; bulkId: string | null } | undefined> {
  const query = db.sql<
    { requestHash: Buffer; commandId: string; waId: string | null; runAt: Date | null; bulkId: string | null }[]
  >`
    select k.request_hash as "requestHash", k.command_id as "commandId", c.wa_id as "waId", c.run_at as "runAt",
      c.bulk_id as "bulkId"
    from idempotency_keys k join commands c on c.id = k.command_id
    where k.user_id = ${userId} and k.key = ${key}`;
  const [row] = await readInTime(db, query);
  if (!row) return undefined;
  if (row.requestHash.equals(requestHash)) return row;
  throw new AppError("idempotency_conflict", "this Idempotency-Key was used with another request");
}
