import type { Vault } from "../../crypto/index.ts";
import { sealedPlace } from "../../crypto/sealed-place.ts";
import type { Database } from "../../db/index.ts";
import type { Dialect, StoredHeaders } from "../../instance/instance.sql.ts";
import type { BodyContext } from "../body/context.ts";
import { hasClearValue, openHeaders, sealStored } from "./stored-headers.ts";

/** How the deliveries of an instance are signed, and the caller's headers that are sent with them. */
export interface Signing {
  secret: string | undefined;
  /** The previous secret, which also signs until `until`. */
  previous: { secret: string; until: Date } | undefined;
  headers: Record<string, string>;
}

/** The circuit breaker of an endpoint. */
export interface Breaker {
  /** `failing`: some attempts failed. `parked`: only probes are sent. `draining`: the backlog is being delivered. */
  state: "healthy" | "failing" | "parked" | "draining";
  /** Consecutive failures. A probe counts as one, even if it attempts two deliveries. */
  failures: number;
  /** When the current failures began; null after a success. */
  failingSince: Date | null;
}

export const healthy: Breaker = { state: "healthy", failures: 0, failingSince: null };

/** Where and how the webhooks of an instance are delivered. */
export interface Endpoint extends BodyContext, Signing {
  instanceId: string;
  userId: string;
  /** Null if the instance has no webhook, the webhook is switched off, or the user is disabled. */
  url: string | null;
  /** Maximum number of attempts after the first. */
  maxRetries: number;
  /** The pause before the first retry, in milliseconds. */
  retryInterval: number;
  breaker: Breaker;
  /** Moving average of the response time in milliseconds. 0 for an endpoint that is known to be fast, or not known. */
  averageMs: number;
  /** Whether the events of the instance are also sent to an event queue. */
  hasQueue: boolean;
}

/** An endpoint with a URL. */
export type Target = Endpoint & { url: string };

export const hasUrl = (endpoint: Endpoint | undefined): endpoint is Target =>
  endpoint !== undefined && endpoint.url !== null;

interface Row {
  id: string;
  user_id: string;
  dialect: Dialect;
  phone_number: string | null;
  webhook_url: string | null;
  webhook_enabled: boolean;
  webhook_secret: Buffer | null;
  webhook_previous_secret: Buffer | null;
  webhook_previous_secret_until: Date | null;
  webhook_headers: StoredHeaders;
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
  average_ms: number | null;
  has_queue: boolean;
}

/**
 * Loads the endpoints of some instances, by instance id. An instance that does not exist is absent. The value is an
 * `Error` if the secret or a header can't be decrypted. If the URL has changed, the breaker is reset, and the backlog drains to the
 * new URL.
 */
export async function loadEndpoints(
  db: Database,
  vault: Vault,
  instanceIds: readonly string[],
): Promise<Map<string, Endpoint | Error>> {
  if (instanceIds.length === 0) return new Map();
  const rows = await db.sql<Row[]>`
    select i.id, i.user_id, i.dialect, i.phone_number, i.webhook_url,
      i.webhook_enabled and u.disabled_at is null as webhook_enabled, i.webhook_secret, i.webhook_headers,
      i.webhook_previous_secret, i.webhook_previous_secret_until,
      i.notify_received, i.notify_sent, i.notify_delivery, i.notify_read, i.max_retries, i.retry_interval,
      w.state, w.url = i.webhook_url as same_url, w.failures, w.failing_since, p.average_ms,
      s.instance_id is not null as has_queue
    from instances i join users u on u.id = i.user_id left join webhook_endpoints w on w.instance_id = i.id
      left join event_sinks s on s.instance_id = i.id
      left join webhook_paces p on p.instance_id = i.id and p.url = i.webhook_url
    where i.id = any(${instanceIds as string[]}::uuid[])`;
  // During a deployment, a process of version 0.1 may still store headers in clear text.
  for (const { id, webhook_headers: headers } of rows) {
    if (hasClearValue(headers)) await sealStored(db, vault, id, headers);
  }
  return new Map(rows.map((row) => [row.id, endpointOf(row, vault)]));
}

function endpointOf(row: Row, vault: Vault): Endpoint | Error {
  let signing: Signing;
  try {
    signing = signingOf(row, vault);
  } catch (error) {
    return new Error(`can't decrypt the webhook secret or headers of instance ${row.id}`, { cause: error });
  }
  return {
    ...signing,
    instanceId: row.id,
    userId: row.user_id,
    url: row.webhook_enabled && row.webhook_url ? row.webhook_url : null,
    dialect: row.dialect,
    ownJid: row.phone_number ? `${row.phone_number.replace(/[^0-9]/g, "")}@s.whatsapp.net` : null,
    notifyReceived: row.notify_received,
    notifySent: row.notify_sent,
    notifyDelivery: row.notify_delivery,
    notifyRead: row.notify_read,
    maxRetries: row.max_retries,
    retryInterval: row.retry_interval,
    breaker: breakerOf(row),
    averageMs: row.average_ms ?? 0,
    hasQueue: row.has_queue,
    openQr: (sealed) => vault.open(Buffer.from(sealed, "base64"), sealedPlace.qr(row.id)).toString(),
  };
}

function breakerOf({ state, same_url, failures, failing_since }: Row): Breaker {
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
    headers: openHeaders(vault, row.id, row.webhook_headers),
  };
}
