import type { Vault } from "../crypto/index.ts";
import type { Database } from "../db/index.ts";
import { sealedPlace } from "../instance/index.ts";
import type { Dialect } from "../instance/instance.sql.ts";
import type { BodyContext } from "./body.ts";

/** Failures in a row after which an endpoint counts as down. */
export const downAfter = 3;
/** How many of the newest deliveries are looked at to tell whether an endpoint is down. */
const newest = 20;

/** Where the webhooks of an instance go, and how. */
export interface Endpoint extends BodyContext {
  instanceId: string;
  /** Null when there is none or it is switched off. */
  url: string | null;
  secret: string | undefined;
  headers: Record<string, string>;
  /** Tries after the first. */
  maxRetries: number;
  /** Milliseconds, the first pause. */
  retryInterval: number;
  /** Deliveries that failed in a row, up to now. */
  failing: number;
  /** While the endpoint is down: when it is tried next. Its new events wait until then, in line behind the others. */
  downUntil: Date | null;
}

interface Row {
  id: string;
  dialect: Dialect;
  phone_number: string | null;
  webhook_url: string | null;
  webhook_enabled: boolean;
  webhook_secret: Buffer | null;
  webhook_headers: Record<string, string>;
  notify_received: boolean;
  notify_sent: boolean;
  notify_delivery: boolean;
  notify_read: boolean;
  max_retries: number;
  retry_interval: number;
  seen: number;
  succeeded: number;
  waiting: number;
  failing: number;
  next_try: string | Date | null;
}

/**
 * The endpoints of some instances, by instance; one that does not exist is absent, one whose secret cannot be decrypted
 * is an `Error`. An endpoint is down when deliveries wait for it and the last three that were tried failed; while a long
 * line is being worked off, its newest deliveries have not been tried at all, which counts as down too: what comes
 * meanwhile joins the line and keeps the order.
 */
export async function loadEndpoints(
  db: Database,
  vault: Vault,
  instanceIds: readonly string[],
  now: Date,
): Promise<Map<string, Endpoint | Error>> {
  const rows = await db.sql<Row[]>`
    select i.id, i.dialect, i.phone_number, i.webhook_url, i.webhook_enabled, i.webhook_secret, i.webhook_headers,
      i.notify_received, i.notify_sent, i.notify_delivery, i.notify_read, i.max_retries, i.retry_interval, state.*
    from instances i cross join lateral (
      select count(*)::int as seen,
        (count(*) filter (where status = 'succeeded'))::int as succeeded,
        (count(*) filter (where status = 'pending'))::int as waiting,
        (count(*) filter (where status <> 'succeeded' and attempts > 0
          and created_at > coalesce(last_success, '-infinity')))::int as failing,
        min(next_at) filter (where status = 'pending' and next_at > ${now.toISOString()}::timestamptz) as next_try
      from (
        select *, max(finished_at) filter (where status = 'succeeded') over () as last_success
        from (
          select status, attempts, next_at, created_at, finished_at from deliveries d
          where d.instance_id = i.id and d.url = i.webhook_url and d.created_at > ${now.toISOString()}::timestamptz - interval '1 day'
          order by d.created_at desc limit ${newest}
        ) recent
      ) dated
    ) state
    where i.id = any(${instanceIds as string[]}::uuid[])`;
  return new Map(rows.map((row) => [row.id, endpointOf(row, vault, now)]));
}

function endpointOf(row: Row, vault: Vault, now: Date): Endpoint | Error {
  const down = row.waiting > 0 && (row.failing >= downAfter || (row.seen === newest && row.succeeded === 0));
  let secret: string | undefined;
  try {
    secret = row.webhook_secret
      ? vault.open(row.webhook_secret, sealedPlace.webhookSecret(row.id)).toString()
      : undefined;
  } catch (error) {
    return new Error(`the webhook secret of instance ${row.id} cannot be decrypted`, { cause: error });
  }
  return {
    instanceId: row.id,
    url: row.webhook_enabled && row.webhook_url ? row.webhook_url : null,
    secret,
    headers: row.webhook_headers,
    dialect: row.dialect,
    ownJid: row.phone_number ? `${row.phone_number.replace(/[^0-9]/g, "")}@s.whatsapp.net` : null,
    notifyReceived: row.notify_received,
    notifySent: row.notify_sent,
    notifyDelivery: row.notify_delivery,
    notifyRead: row.notify_read,
    maxRetries: row.max_retries,
    retryInterval: row.retry_interval,
    failing: row.waiting > 0 ? row.failing : 0,
    downUntil: down ? new Date(row.next_try ?? now) : null,
    openQr: (sealed) => vault.open(Buffer.from(sealed, "base64"), sealedPlace.qr(row.id)).toString(),
  };
}
