import type { Clock } from "../../clock.ts";
import type { Vault } from "../../crypto/index.ts";
import { sealedPlace } from "../../crypto/sealed-place.ts";
import { someIds } from "../../db/generic-plan.ts";
import type { Database } from "../../db/index.ts";
import type { Dialect, StoredHeaders, WebhookFilters } from "../../instance/instance.sql.ts";
import type { BodyContext } from "../body/context.ts";
import type { Selection } from "../body/selection.ts";
import { busyOfUsers } from "./busy.ts";
import { bothSpellings } from "./spellings.ts";
import { hasClearValue, openHeaders, sealStored } from "./stored-headers.ts";

/** How the deliveries to an endpoint are signed, and the caller's headers that are sent with them. */
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

/** The settings and the state of an endpoint, without its secrets. */
export interface EndpointSettings extends BodyContext, Selection {
  /** The id of the endpoint. The id of an instance's first endpoint is the id of the instance. */
  id: string;
  instanceId: string;
  userId: string;
  /** Null if the endpoint has no URL, is switched off, or the user is disabled. */
  url: string | null;
  /** Time limit of one attempt, in milliseconds. */
  timeoutMs: number;
  /** Maximum number of attempts after the first. */
  maxRetries: number;
  /** The pause before the first retry, in milliseconds. */
  retryInterval: number;
  breaker: Breaker;
  /** Moving average of the response time in milliseconds. 0 for an endpoint that is known to be fast, or not known. */
  averageMs: number;
  /** Number of endpoints of the user that occupy workers of the event queue. 0 unless loaded with `loadRecipients`. */
  busyOfUser: number;
  /** Whether the events of the instance are also sent to an event queue. */
  hasQueue: boolean;
}

/** Where and how webhooks are delivered. */
export interface Endpoint extends EndpointSettings, Signing {}

/** An endpoint whose secret or headers can't be decrypted. */
export interface BrokenEndpoint extends EndpointSettings {
  error: Error;
}

export const isBroken = (endpoint: Endpoint | BrokenEndpoint): endpoint is BrokenEndpoint => "error" in endpoint;

/** Identifies an endpoint, and the instance whose events it gets. */
export interface EndpointKey {
  endpointId: string;
  instanceId: string;
}

/** An endpoint with a URL. */
export type Target = Endpoint & { url: string };

export const hasUrl = <Kind extends EndpointSettings>(endpoint: Kind | undefined): endpoint is Kind & { url: string } =>
  endpoint !== undefined && endpoint.url !== null;

interface Row {
  id: string;
  /** The row that has the settings: the endpoint itself, or the default endpoint that it gives to the instance. */
  settings_id: string;
  instance_id: string;
  user_id: string;
  dialect: Dialect;
  phone_number: string | null;
  url: string | null;
  enabled: boolean;
  user_enabled: boolean;
  secret: Buffer | null;
  previous_secret: Buffer | null;
  previous_secret_until: Date | null;
  headers: StoredHeaders;
  events: string[] | null;
  filters: Partial<WebhookFilters>;
  timeout_ms: number;
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
  metadata: Record<string, string> | null;
  busy_of_user: number;
  delivered: string[] | null;
}

/** The endpoints of a batch of events. */
export interface Recipients {
  /** As `loadEndpoints` returns them. */
  endpoints: Map<string, (Endpoint | BrokenEndpoint)[]>;
  /** The ids of those events that have a delivery already, whatever its state. */
  delivered: ReadonlySet<string>;
}

/**
 * Loads the endpoints of some instances, by instance id, the first endpoint of each instance first. An instance that does
 * not exist is absent. If the URL of an endpoint has changed, its breaker is reset, and the backlog drains to the new URL.
 */
export async function loadEndpoints(
  db: Database,
  vault: Vault,
  instanceIds: readonly string[],
): Promise<Map<string, (Endpoint | BrokenEndpoint)[]>> {
  return (await load(db, vault, instanceIds)).endpoints;
}

/** Loads the endpoints of some instances, and which of some events have deliveries, in one statement. */
export function loadRecipients(
  { db, vault, clock }: { db: Database; vault: Vault; clock: Clock },
  instanceIds: readonly string[],
  eventIds: readonly string[],
): Promise<Recipients> {
  const { sql } = db;
  return load(db, vault, instanceIds, {
    columns: sql`coalesce(busy.endpoints, 0) as busy_of_user,
      (select array_agg(d.event_id) from deliveries d where d.event_id = any(${someIds(sql, eventIds)})) as delivered`,
    busy: sql`left join ${busyOfUsers(sql, clock.now())} busy on busy.user_id = i.user_id`,
  });
}

async function load(
  db: Database,
  vault: Vault,
  instanceIds: readonly string[],
  more = { columns: db.sql`0 as busy_of_user, null as delivered`, busy: db.sql`` },
): Promise<Recipients> {
  if (instanceIds.length === 0) return { endpoints: new Map(), delivered: new Set() };
  const ids = [...new Set(instanceIds)];
  const rows = await db.sql<Row[]>`
    with endpoint as (
      select id, id as settings_id, id as instance_id, webhook_url as url, webhook_enabled as enabled,
        webhook_secret as secret, webhook_previous_secret as previous_secret,
        webhook_previous_secret_until as previous_secret_until, webhook_headers as headers, webhook_events as events,
        webhook_filters as filters, webhook_timeout_ms as timeout_ms, max_retries, retry_interval, notify_received,
        notify_sent, notify_delivery, notify_read, '-infinity'::timestamptz as since
      from instances where id = any(${someIds(db.sql, ids)})
      union all
      select w.id, s.id, w.instance_id, w.url, w.enabled, s.secret, s.previous_secret, s.previous_secret_until, s.headers,
        s.events, s.filters, s.timeout_ms, s.max_retries, s.retry_interval, true, true, true, true, w.created_at
      from webhooks w join webhooks s on s.id = coalesce(w.default_id, w.id) where w.instance_id = any(${someIds(db.sql, ids)})
    )
    select endpoint.*, u.disabled_at is null as user_enabled, i.user_id, i.dialect, i.phone_number, i.metadata,
      b.state, b.url = endpoint.url as same_url, b.failures, b.failing_since, p.average_ms,
      q.instance_id is not null as has_queue, ${more.columns}
    from endpoint join instances i on i.id = endpoint.instance_id join users u on u.id = i.user_id
      left join endpoint_breakers b on b.endpoint_id = endpoint.id
      left join event_sinks q on q.instance_id = i.id
      left join endpoint_paces p on p.endpoint_id = endpoint.id and p.url = endpoint.url
      ${more.busy}
    order by endpoint.since, endpoint.id`;
  // During a deployment, a process of version 0.1 may still store headers in clear text.
  for (const { id, instance_id: instanceId, headers } of rows) {
    if (id === instanceId && hasClearValue(headers)) await sealStored(db, vault, id, headers);
  }
  const spelled = await bothSpellings(db, vault, rows);
  const loaded = spelled.map((row) => endpointOf(row, vault));
  return {
    endpoints: Map.groupBy(loaded, ({ instanceId }) => instanceId),
    delivered: new Set(rows[0]?.delivered),
  };
}

/** Like `loadEndpoints`, but by the id of the endpoint. */
export async function loadEndpointsById(
  db: Database,
  vault: Vault,
  instanceIds: readonly string[],
): Promise<Map<string, Endpoint | BrokenEndpoint>> {
  const loaded = await loadEndpoints(db, vault, instanceIds);
  return new Map([...loaded.values()].flat().map((endpoint) => [endpoint.id, endpoint]));
}

function endpointOf(row: Row, vault: Vault): Endpoint | BrokenEndpoint {
  const settings = settingsOf(row, vault);
  try {
    return { ...settings, ...signingOf(row, vault) };
  } catch (error) {
    const message = `can't decrypt the secret or the headers of the webhook endpoint ${row.id}`;
    return { ...settings, error: new Error(message, { cause: error }) };
  }
}

const settingsOf = (row: Row, vault: Vault): EndpointSettings => ({
  id: row.id,
  instanceId: row.instance_id,
  userId: row.user_id,
  url: row.enabled && row.user_enabled && row.url ? row.url : null,
  dialect: row.dialect,
  ownJid: row.phone_number ? `${row.phone_number.replace(/[^0-9]/g, "")}@s.whatsapp.net` : null,
  events: row.events,
  filters: row.filters,
  notifyReceived: row.notify_received,
  notifySent: row.notify_sent,
  notifyDelivery: row.notify_delivery,
  notifyRead: row.notify_read,
  timeoutMs: row.timeout_ms,
  maxRetries: row.max_retries,
  retryInterval: row.retry_interval,
  breaker: breakerOf(row),
  averageMs: row.average_ms ?? 0,
  busyOfUser: row.busy_of_user,
  hasQueue: row.has_queue,
  metadata: row.metadata,
  openQr: (sealed) => vault.open(Buffer.from(sealed, "base64"), sealedPlace.qr(row.instance_id)).toString(),
});

function breakerOf({ state, same_url, failures, failing_since }: Row): Breaker {
  if (!state) return healthy;
  if (!same_url) return state === "failing" ? healthy : { ...healthy, state: "draining" };
  return { state, failures: failures ?? 0, failingSince: failures ? failing_since : null };
}

function signingOf(row: Row, vault: Vault): Signing {
  const { settings_id: id, secret, previous_secret: previous, previous_secret_until: until } = row;
  return {
    secret: secret ? vault.open(secret, sealedPlace.webhookSecret(id)).toString() : undefined,
    previous:
      previous && until
        ? { secret: vault.open(previous, sealedPlace.webhookPreviousSecret(id)).toString(), until }
        : undefined,
    headers: openHeaders(vault, id, row.headers),
  };
}
