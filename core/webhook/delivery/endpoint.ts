import type { Vault } from "../../crypto/index.ts";
import { sealedPlace } from "../../crypto/sealed-place.ts";
import type { Database } from "../../db/index.ts";
import type { Dialect } from "../../instance/instance.sql.ts";
import type { BodyContext } from "../body/context.ts";

/** With what the deliveries of an instance are signed and sent. */
export interface Signing {
  secret: string | undefined;
  /** The secret before, which signs as well until then. */
  previous: { secret: string; until: Date } | undefined;
  headers: Record<string, string>;
}

/** How an endpoint fares. */
export interface Health {
  /** `failing`: some tries failed. `parked`: only a probe is tried. `draining`: what waited in line is worked off. */
  state: "healthy" | "failing" | "parked" | "draining";
  /** In a row; a probe counts once. */
  failures: number;
  /** Since when nothing has succeeded; null when the last try did. */
  failingSince: Date | null;
}

export const healthy: Health = { state: "healthy", failures: 0, failingSince: null };

/** Where the webhooks of an instance go, and how. */
export interface Endpoint extends BodyContext, Signing {
  instanceId: string;
  /** Null when there is none or it is switched off. */
  url: string | null;
  /** Tries after the first. */
  maxRetries: number;
  /** Milliseconds, the first pause. */
  retryInterval: number;
  health: Health;
  /** Whether events of the instance go to a queue, too. */
  hasQueue: boolean;
}

/** One that deliveries can be made to. */
export type Target = Endpoint & { url: string };

export const hasUrl = (endpoint: Endpoint | undefined): endpoint is Target =>
  endpoint !== undefined && endpoint.url !== null;

interface Row {
  id: string;
  dialect: Dialect;
  phone_number: string | null;
  webhook_url: string | null;
  webhook_enabled: boolean;
  webhook_secret: Buffer | null;
  webhook_previous_secret: Buffer | null;
  webhook_previous_secret_until: Date | null;
  webhook_headers: Record<string, string>;
  notify_received: boolean;
  notify_sent: boolean;
  notify_delivery: boolean;
  notify_read: boolean;
  max_retries: number;
  retry_interval: number;
  state: "failing" | "parked" | "draining" | null;
  same_url: boolean | null;
  failures: number | null;
  failing_since: Date | null;
  has_queue: boolean;
}

/**
 * The endpoints of some instances, by instance; one that does not exist is absent, one whose secret cannot be decrypted
 * is an `Error`. What is known of another URL counts for nothing, but what waits in its line goes to the new one in order.
 */
export async function loadEndpoints(
  db: Database,
  vault: Vault,
  instanceIds: readonly string[],
): Promise<Map<string, Endpoint | Error>> {
  if (instanceIds.length === 0) return new Map();
  const rows = await db.sql<Row[]>`
    select i.id, i.dialect, i.phone_number, i.webhook_url, i.webhook_enabled, i.webhook_secret, i.webhook_headers,
      i.webhook_previous_secret, i.webhook_previous_secret_until,
      i.notify_received, i.notify_sent, i.notify_delivery, i.notify_read, i.max_retries, i.retry_interval,
      w.state, w.url = i.webhook_url as same_url, w.failures, w.failing_since,
      s.instance_id is not null as has_queue
    from instances i left join webhook_endpoints w on w.instance_id = i.id
      left join event_sinks s on s.instance_id = i.id
    where i.id = any(${instanceIds as string[]}::uuid[])`;
  return new Map(rows.map((row) => [row.id, endpointOf(row, vault)]));
}

function endpointOf(row: Row, vault: Vault): Endpoint | Error {
  let signing: Signing;
  try {
    signing = signingOf(row, vault);
  } catch (error) {
    return new Error(`the webhook secret of instance ${row.id} cannot be decrypted`, { cause: error });
  }
  return {
    ...signing,
    instanceId: row.id,
    url: row.webhook_enabled && row.webhook_url ? row.webhook_url : null,
    dialect: row.dialect,
    ownJid: row.phone_number ? `${row.phone_number.replace(/[^0-9]/g, "")}@s.whatsapp.net` : null,
    notifyReceived: row.notify_received,
    notifySent: row.notify_sent,
    notifyDelivery: row.notify_delivery,
    notifyRead: row.notify_read,
    maxRetries: row.max_retries,
    retryInterval: row.retry_interval,
    health: healthOf(row),
    hasQueue: row.has_queue,
    openQr: (sealed) => vault.open(Buffer.from(sealed, "base64"), sealedPlace.qr(row.id)).toString(),
  };
}

function healthOf({ state, same_url, failures, failing_since }: Row): Health {
  if (!state) return healthy;
  if (!same_url) return state === "failing" ? healthy : { ...healthy, state: "draining" };
  return { state, failures: failures ?? 0, failingSince: failures ? failing_since : null };
}

function signingOf(row: Row, vault: Vault): Signing {
  const { webhook_secret: secret, webhook_previous_secret: previous, webhook_previous_secret_until: until } = row;
  return {
    secret: secret ? vault.open(secret, sealedPlace.webhookSecret(row.id)).toString() : undefined,
    previous:
      previous && until
        ? { secret: vault.open(previous, sealedPlace.webhookPreviousSecret(row.id)).toString(), until }
        : undefined,
    headers: row.webhook_headers,
  };
}
