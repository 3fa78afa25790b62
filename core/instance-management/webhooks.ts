import { and, asc, eq, inArray, isNull, sql } from "drizzle-orm";
import { recordActivity } from "../activity/index.ts";
import { sealedPlace } from "../crypto/sealed-place.ts";
import type { Database } from "../db/index.ts";
import { AppError } from "../error.ts";
import { isUuid } from "../id.ts";
import type { Instance } from "../instance/index.ts";
import { instances, type StoredHeaders, type WebhookFilters } from "../instance/instance.sql.ts";
import { defined } from "../object.ts";
import { resetBreakers } from "../webhook/delivery/circuit-breaker.ts";
import { sealHeaders } from "../webhook/delivery/stored-headers.ts";
import { webhooks } from "../webhook/webhook.sql.ts";
import { alignDefaults } from "./default-webhooks.ts";
import {
  changeInstance,
  generateSecret,
  type InstanceSettings,
  rotateWebhookSecret,
  type SettingsDeps,
} from "./settings.ts";

/** Maximum number of endpoints of an instance, and of default endpoints of a user. */
export const maxWebhooks = 10;

/** Whose endpoints: those of an instance, or the default endpoints of a user. */
export interface WebhookScope {
  userId: string;
  instance: Instance | null;
}

/** A webhook endpoint, as the API shows it. */
export interface WebhookEndpoint {
  /** The first endpoint of an instance has the id of the instance. */
  id: string;
  /** Whether the webhook settings of the instance are those of this endpoint. */
  isFirst: boolean;
  /** The default endpoint of the user that this is, if the instance has no own endpoints. */
  defaultId: string | null;
  name: string;
  description: string;
  url: string;
  enabled: boolean;
  /** Event types. Null means the default types. */
  events: string[] | null;
  filters: Partial<WebhookFilters>;
  timeoutMs: number;
  maxRetries: number;
  retryInterval: number;
  headers: StoredHeaders;
  hasSecret: boolean;
  previousSecretUntil: Date | null;
  createdAt: Date;
  updatedAt: Date;
}

/** Changes of an endpoint. Omitted settings keep their values, or get the default in a new endpoint. */
export interface WebhookSettings {
  name?: string | undefined;
  description?: string | undefined;
  url?: string | undefined;
  enabled?: boolean | undefined;
  /** Plaintext. Null removes the secret. Either way, the previous secret stops signing at once. */
  secret?: string | null | undefined;
  /** Replaces all headers. */
  headers?: Record<string, string> | undefined;
  events?: string[] | null | undefined;
  /** Replaces all filters. */
  filters?: Partial<WebhookFilters> | undefined;
  timeoutMs?: number | undefined;
  maxRetries?: number | undefined;
  retryInterval?: number | undefined;
}

type Row = typeof webhooks.$inferSelect;

const toEndpoint = (row: Row, settings: Row): WebhookEndpoint => ({
  ...settings,
  id: row.id,
  isFirst: false,
  defaultId: row.defaultId,
  url: row.url,
  enabled: row.enabled,
  hasSecret: settings.secret !== null,
});

const firstOf = (instance: Instance, url: string): WebhookEndpoint => ({
  id: instance.id,
  isFirst: true,
  defaultId: null,
  name: instance.webhookName,
  description: instance.webhookDescription,
  url,
  enabled: instance.webhookEnabled,
  events: instance.webhookEvents,
  filters: instance.webhookFilters,
  timeoutMs: instance.webhookTimeoutMs,
  maxRetries: instance.maxRetries,
  retryInterval: instance.retryInterval,
  headers: instance.webhookHeaders,
  hasSecret: instance.webhookSecret !== null,
  previousSecretUntil: instance.webhookPreviousSecretUntil,
  createdAt: instance.createdAt,
  updatedAt: instance.updatedAt,
});

/** The rows of a scope. */
const ofScope = ({ userId, instance }: WebhookScope) =>
  instance ? eq(webhooks.instanceId, instance.id) : and(eq(webhooks.userId, userId), isNull(webhooks.instanceId));

/** Lists the endpoints of an instance or the default endpoints of a user, the first endpoint first. */
export async function listWebhooks(db: Database, scope: WebhookScope): Promise<WebhookEndpoint[]> {
  const rows = await db.orm
    .select()
    .from(webhooks)
    .where(ofScope(scope))
    .orderBy(asc(webhooks.createdAt), asc(webhooks.id));
  const defaultIds = rows.flatMap(({ defaultId }) => defaultId ?? []);
  const defaults =
    defaultIds.length > 0 ? await db.orm.select().from(webhooks).where(inArray(webhooks.id, defaultIds)) : [];
  const byId = new Map(defaults.map((row) => [row.id, row]));
  const url = scope.instance?.webhookUrl;
  return [
    ...(scope.instance && url ? [firstOf(scope.instance, url)] : []),
    ...rows.map((row) => toEndpoint(row, byId.get(row.defaultId ?? "") ?? row)),
  ];
}

/** Throws `webhook_not_found`. */
export async function findWebhook(db: Database, scope: WebhookScope, id: string): Promise<WebhookEndpoint> {
  const found = (await listWebhooks(db, scope)).find((one) => one.id === id);
  if (!found) throw new AppError("webhook_not_found");
  return found;
}

/** Locks the instance or the user, so that concurrent requests can't exceed `maxWebhooks` together. */
async function lock(tx: Database["orm"], { userId, instance }: WebhookScope): Promise<Instance | null> {
  if (!instance) {
    await tx.execute(sql`select 1 from users where id = ${userId} for no key update`);
    return null;
  }
  const [row] = await tx
    .select()
    .from(instances)
    .where(and(eq(instances.id, instance.id), isNull(instances.deletedAt)))
    .for("no key update");
  if (!row) throw new AppError("instance_not_found");
  return row;
}

/** Encrypts and renames the settings of a row. The place of a secret contains the id of the row. */
function columnsOf(deps: SettingsDeps, id: string, settings: WebhookSettings) {
  const { secret, headers, ...plain } = settings;
  return {
    ...defined(plain),
    ...(headers && { headers: sealHeaders(deps.vault, id, headers) }),
    ...(secret !== undefined && {
      secret: secret === null ? null : deps.vault.seal(Buffer.from(secret), sealedPlace.webhookSecret(id)),
      previousSecret: null,
      previousSecretUntil: null,
    }),
  };
}

/** The settings of the first endpoint as settings of its instance. */
const toInstanceSettings = (settings: WebhookSettings): InstanceSettings => ({
  webhookName: settings.name,
  webhookDescription: settings.description,
  webhookUrl: settings.url,
  webhookEnabled: settings.enabled,
  webhookSecret: settings.secret,
  webhookHeaders: settings.headers,
  webhookEvents: settings.events,
  webhookFilters: settings.filters,
  webhookTimeoutMs: settings.timeoutMs,
  maxRetries: settings.maxRetries,
  retryInterval: settings.retryInterval,
});

/** The settings of a first endpoint that was just created or deleted. */
const initial = {
  name: "",
  description: "",
  secret: null,
  headers: {},
  events: null,
  filters: {},
  timeoutMs: 15_000,
  maxRetries: 5,
  retryInterval: 60_000,
} satisfies WebhookSettings;

async function firstAfter(tx: Database["orm"], deps: SettingsDeps, instance: Instance, settings: InstanceSettings) {
  const updated = await changeInstance(tx, deps, instance, settings);
  if (!updated.webhookUrl) throw new AppError("webhook_not_found");
  return firstOf(updated, updated.webhookUrl);
}

/**
 * Adds an endpoint. It becomes the first endpoint if the instance has none. Throws `quota_exceeded` if there are
 * `maxWebhooks` already.
 */
export function createWebhook(
  deps: SettingsDeps,
  scope: WebhookScope,
  { url, ...settings }: WebhookSettings & { url: string },
): Promise<WebhookEndpoint> {
  return deps.db.orm.transaction(async (tx) => {
    const instance = await lock(tx, scope);
    const others = await tx.$count(webhooks, and(ofScope(scope), isNull(webhooks.defaultId)));
    if (others + (instance?.webhookUrl ? 1 : 0) >= maxWebhooks) {
      const owner = instance ? "an instance" : "a user";
      throw new AppError("quota_exceeded", `${owner} can have at most ${maxWebhooks} webhook endpoints`);
    }
    if (instance && !instance.webhookUrl) {
      const given = toInstanceSettings({ ...initial, enabled: true, ...defined(settings), url });
      const notify = { notifyReceived: true, notifySent: true, notifyDelivery: true, notifyRead: true };
      return await firstAfter(tx, deps, instance, { ...notify, ...given });
    }
    const id = deps.ids.uuid();
    const now = deps.clock.now();
    const [row] = await tx
      .insert(webhooks)
      .values({
        ...columnsOf(deps, id, settings),
        ...{ id, url, userId: instance?.userId ?? scope.userId, instanceId: instance?.id ?? null },
        ...{ createdAt: now, updatedAt: now },
      })
      .returning();
    if (!row) throw new Error("the insert of a webhook endpoint returned no row");
    await alignDefaults(tx, deps.clock, instance ?? { userId: row.userId });
    if (instance) await recordActivity({ ...deps, orm: tx }, instance.id, "webhook_created", { endpointId: id, url });
    return toEndpoint(row, row);
  });
}

/** Throws `conflict` for an endpoint that an instance has from its user's defaults. */
function assertOwn({ defaultId }: { defaultId: string | null }): void {
  if (!defaultId) return;
  throw new AppError(
    "conflict",
    "the endpoint is a default endpoint of the user: change it there, or add own endpoints",
  );
}

/** Changes the given settings of an endpoint. Throws `webhook_not_found` and `conflict`. */
export function updateWebhook(
  deps: SettingsDeps,
  scope: WebhookScope,
  id: string,
  settings: WebhookSettings,
): Promise<WebhookEndpoint> {
  return deps.db.orm.transaction(async (tx) => {
    const instance = await lock(tx, scope);
    if (instance && id === instance.id) {
      if (!instance.webhookUrl) throw new AppError("webhook_not_found");
      return await firstAfter(tx, deps, instance, toInstanceSettings(settings));
    }
    const before = await lockRow(tx, scope, id);
    const columns = columnsOf(deps, id, settings);
    const [row] = await tx
      .update(webhooks)
      .set({ ...columns, updatedAt: deps.clock.now() })
      .where(eq(webhooks.id, id))
      .returning();
    if (!row) throw new AppError("webhook_not_found");
    const reset = settings.enabled || row.url !== before.url;
    const ids = [id];
    if (!instance && (reset || settings.enabled === false)) {
      const { url, enabled } = row;
      const copies = await tx
        .update(webhooks)
        .set({ url, enabled })
        .where(eq(webhooks.defaultId, id))
        .returning({ id: webhooks.id });
      ids.push(...copies.map((copy) => copy.id));
    }
    if (reset) await resetBreakers(tx, ids, deps.clock.now());
    // Names only, because a value may be a secret.
    const changed = Object.keys(columns).filter((name) => !name.startsWith("previous"));
    if (instance)
      await recordActivity({ ...deps, orm: tx }, instance.id, "webhook_updated", { endpointId: id, changed });
    return toEndpoint(row, row);
  });
}

async function lockRow(tx: Database["orm"], scope: WebhookScope, id: string): Promise<Row> {
  const [row] = isUuid(id)
    ? await tx
        .select()
        .from(webhooks)
        .where(and(ofScope(scope), eq(webhooks.id, id)))
        .for("update")
    : [];
  if (!row) throw new AppError("webhook_not_found");
  assertOwn(row);
  return row;
}

/**
 * Deletes an endpoint. Its unfinished deliveries fail. An instance whose last endpoint is deleted gets the default endpoints
 * of its user. Throws `webhook_not_found` and `conflict`.
 */
export function deleteWebhook(deps: SettingsDeps, scope: WebhookScope, id: string): Promise<void> {
  return deps.db.orm.transaction(async (tx) => {
    const instance = await lock(tx, scope);
    if (instance && id === instance.id) {
      if (!instance.webhookUrl) throw new AppError("webhook_not_found");
      const off = { ...toInstanceSettings(initial), webhookUrl: null, webhookEnabled: false };
      await changeInstance(tx, deps, instance, off);
      return;
    }
    const row = await lockRow(tx, scope, id);
    await tx.delete(webhooks).where(eq(webhooks.id, id));
    if (!instance) return;
    await alignDefaults(tx, deps.clock, instance);
    const details = { endpointId: id, url: row.url };
    await recordActivity({ ...deps, orm: tx }, instance.id, "webhook_deleted", details);
  });
}

/** Like `rotateWebhookSecret`, for any endpoint. Throws `webhook_not_found` and `conflict`. */
export async function rotateSecret(
  deps: SettingsDeps,
  scope: WebhookScope,
  id: string,
  options: { secret: string | undefined; overlapSeconds: number },
): Promise<{ secret: string; previousValidUntil: Date | null }> {
  if (scope.instance && id === scope.instance.id) {
    if (!scope.instance.webhookUrl) throw new AppError("webhook_not_found");
    return await rotateWebhookSecret(deps, scope.instance, options);
  }
  const secret = options.secret ?? generateSecret();
  return deps.db.orm.transaction(async (tx) => {
    await lock(tx, scope);
    const { secret: current } = await lockRow(tx, scope, id);
    const until = new Date(deps.clock.now().getTime() + options.overlapSeconds * 1000);
    const overlaps = current !== null && options.overlapSeconds > 0;
    const place = { current: sealedPlace.webhookSecret(id), previous: sealedPlace.webhookPreviousSecret(id) };
    await tx
      .update(webhooks)
      .set({
        ...columnsOf(deps, id, { secret }),
        ...(current !== null &&
          overlaps && {
            previousSecret: deps.vault.seal(deps.vault.open(current, place.current), place.previous),
            previousSecretUntil: until,
          }),
        updatedAt: deps.clock.now(),
      })
      .where(eq(webhooks.id, id));
    if (scope.instance)
      await recordActivity({ ...deps, orm: tx }, scope.instance.id, "webhook_secret_rotated", { endpointId: id });
    return { secret, previousValidUntil: overlaps ? until : null };
  });
}
