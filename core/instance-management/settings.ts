import { randomBytes } from "node:crypto";
import { and, eq, isNull, sql } from "drizzle-orm";
import * as z from "zod";
import { recordActivity } from "../activity/index.ts";
import type { Clock } from "../clock.ts";
import type { Vault } from "../crypto/index.ts";
import { sealedPlace } from "../crypto/sealed-place.ts";
import type { Database } from "../db/index.ts";
import { AppError } from "../error.ts";
import { appendEvent } from "../event/append.ts";
import { alignSinks } from "../event-sink/setting.ts";
import type { Ids } from "../id.ts";
import type { Instance } from "../instance/index.ts";
import { instances, type WebhookFilters } from "../instance/instance.sql.ts";
import { liveSettings } from "../instance/session-settings.ts";
import { type AccountSettings, accountColumns, accountSettings, isSameProxy } from "../instance/setting/account.ts";
import type { webhookSettings } from "../instance/setting/webhook.ts";
import { statusChat } from "../message/status.ts";
import { defined } from "../object.ts";
import { checkHeaders } from "../webhook/delivery/attempt.ts";
import { resetBreakers } from "../webhook/delivery/circuit-breaker.ts";
import { sealHeaders } from "../webhook/delivery/stored-headers.ts";
import { alignDefaults } from "./default-webhooks.ts";

/** Headers sent with each webhook, for example an API key that the endpoint requires. At most 20. */
export const webhookHeaders = z
  .record(z.string(), z.string())
  .refine((headers) => Object.keys(headers).length <= 20, "must have at most 20 headers")
  .superRefine((headers, context) => {
    try {
      checkHeaders(headers);
    } catch (error) {
      context.addIssue({ code: "custom", message: error instanceof AppError ? error.message : String(error) });
    }
  });

export interface SettingsDeps {
  db: Database;
  vault: Vault;
  clock: Clock;
  ids: Ids;
}

export interface InstanceSettings extends z.infer<typeof webhookSettings>, AccountSettings {
  name?: string | undefined;
  description?: string | undefined;
  /** Null turns webhooks off. */
  webhookUrl?: string | null | undefined;
  webhookEnabled?: boolean | undefined;
  /**
   * Plaintext, encrypted before it is stored. Null removes the secret. Either way, the previous secret stops signing at
   * once.
   */
  webhookSecret?: string | null | undefined;
  /** Replaces all headers. */
  webhookHeaders?: Record<string, string> | undefined;
  webhookName?: string | undefined;
  webhookDescription?: string | undefined;
  /** Event types. Null means the default types. */
  webhookEvents?: string[] | null | undefined;
  /** Replaces all filters. */
  webhookFilters?: Partial<WebhookFilters> | undefined;
  webhookTimeoutMs?: number | undefined;
  /** Queue for the events, already checked by `assertEventQueue`. Null means the user's queue. */
  eventQueue?: string | null | undefined;
}

type Columns = Partial<typeof instances.$inferInsert>;

/** Converts settings to columns. Omits undefined settings. Such a setting keeps its value or gets the default. */
export function settingsColumns(deps: { vault: Vault }, id: string, settings: InstanceSettings): Columns {
  const { webhookSecret: secret, webhookHeaders: headers, ...plain } = settings;
  const columns: Columns = defined(accountColumns(deps.vault, id, plain));
  if (headers !== undefined) columns.webhookHeaders = sealHeaders(deps.vault, id, headers);
  if (secret === undefined) return columns;
  const sealed = secret === null ? null : deps.vault.seal(Buffer.from(secret), sealedPlace.webhookSecret(id));
  return { ...columns, webhookSecret: sealed, webhookPreviousSecret: null, webhookPreviousSecretUntil: null };
}

/** Returns a new secret in the form of Standard Webhooks: 24 random bytes. */
export const generateSecret = () => `whsec_${randomBytes(24).toString("base64")}`;

/**
 * Sets a new webhook secret, by default a random one. The previous secret also signs for `overlapSeconds`, so that
 * receivers can switch without losing webhooks. Returns the new secret, which can't be read again. Throws
 * `instance_not_found` if the instance is deleted meanwhile.
 */
export async function rotateWebhookSecret(
  deps: SettingsDeps,
  instance: Pick<Instance, "id">,
  options: { secret: string | undefined; overlapSeconds: number },
): Promise<{ secret: string; previousValidUntil: Date | null }> {
  const secret = options.secret ?? generateSecret();
  const now = deps.clock.now();
  const until = new Date(now.getTime() + options.overlapSeconds * 1000);
  return deps.db.orm.transaction(async (tx) => {
    const [row] = await tx
      .select({ webhookSecret: instances.webhookSecret })
      .from(instances)
      .where(and(eq(instances.id, instance.id), isNull(instances.deletedAt)))
      .for("update");
    if (!row) throw new AppError("instance_not_found");
    const overlaps = row.webhookSecret !== null && options.overlapSeconds > 0;
    const place = {
      current: sealedPlace.webhookSecret(instance.id),
      previous: sealedPlace.webhookPreviousSecret(instance.id),
    };
    await tx
      .update(instances)
      .set({
        ...settingsColumns(deps, instance.id, { webhookSecret: secret }),
        ...(row.webhookSecret !== null &&
          overlaps && {
            webhookPreviousSecret: deps.vault.seal(deps.vault.open(row.webhookSecret, place.current), place.previous),
            webhookPreviousSecretUntil: until,
          }),
        updatedAt: now,
      })
      .where(eq(instances.id, instance.id));
    await recordActivity({ ...deps, orm: tx }, instance.id, "webhook_secret_rotated", {});
    return { secret, previousValidUntil: overlaps ? until : null };
  });
}

/**
 * Changes the given settings. The first webhook URL turns webhooks on, unless `webhookEnabled` is given too. Throws
 * `instance_not_found` if the instance is deleted meanwhile.
 */
export function updateInstance(deps: SettingsDeps, instance: Instance, settings: InstanceSettings): Promise<Instance> {
  return deps.db.orm.transaction((tx) => changeInstance(tx, deps, instance, settings));
}

/** Forgets the messages of kinds that are no longer marked as read on arrival. */
async function dropAutoReads(tx: Database["orm"], { id, autoRead }: Instance): Promise<void> {
  const { direct = false, groups = false, statuses = false } = autoRead ?? {};
  await tx.execute(sql`
    delete from auto_reads using messages m
    where auto_reads.instance_id = ${id} and m.id = auto_reads.message_id and not case
      when m.chat_id = ${statusChat} then ${statuses}::boolean
      when m.chat_id like '%@g.us' then ${groups}::boolean else ${direct}::boolean end`);
}

/** Makes the messages that wait for the pace due, because the new pace may allow them. If not, they wait again. */
async function releasePaced(tx: Database["orm"], { id }: Instance): Promise<void> {
  await tx.execute(sql`
    update commands set run_at = statement_timestamp()
    where instance_id = ${id} and status = 'scheduled' and waiting_reason = 'pace'`);
}

/** Like `updateInstance`, within a transaction of the caller. */
export async function changeInstance(
  tx: Database["orm"],
  deps: SettingsDeps,
  instance: Instance,
  settings: InstanceSettings,
): Promise<Instance> {
  const isFirstUrl = settings.webhookUrl && !instance.webhookUrl && settings.webhookEnabled === undefined;
  const columns = settingsColumns(deps, instance.id, {
    ...settings,
    ...(isFirstUrl && { webhookEnabled: true }),
    ...(isSameProxy(deps.vault, instance, settings.proxy) && { proxy: undefined }),
  });
  // Names only, because a value may be a secret.
  const changed = Object.keys(columns).filter((name) => !/^(webhookPrevious|proxyPassword$)/.test(name));
  // The breaker is reset in the same transaction, so that a webhook that was just turned on doesn't keep its old
  // failures. With those, the next failure would turn the webhook off.
  const [updated] = await tx
    .update(instances)
    .set({
      ...columns,
      updatedAt: deps.clock.now(),
      ...(liveSettings.some((name) => name in columns) && { settingsAt: sql`clock_timestamp()` }),
    })
    .where(and(eq(instances.id, instance.id), isNull(instances.deletedAt)))
    .returning();
  if (!updated) throw new AppError("instance_not_found");
  const reset = columns.webhookEnabled || updated.webhookUrl !== instance.webhookUrl;
  if (reset) await resetBreakers(tx, [instance.id], deps.clock.now());
  if (columns.autoRead !== undefined) await dropAutoReads(tx, updated);
  if (columns.pace !== undefined || columns.timezone !== undefined) await releasePaced(tx, updated);
  if (columns.webhookUrl !== undefined) await alignDefaults(tx, deps.clock, updated);
  if (columns.eventQueue !== undefined) await alignSinks({ orm: tx, clock: deps.clock }, { instanceId: instance.id });
  await recordActivity({ ...deps, orm: tx }, instance.id, "instance_updated", { changed });
  const told = changed.filter((name) => Object.hasOwn(accountSettings.shape, name));
  if (told.length > 0) {
    const event = { type: "instance.updated" as const, data: { changed: told } };
    await appendEvent(tx, { ...event, id: deps.ids.uuid(), instanceId: instance.id, at: deps.clock.now() });
  }
  return updated;
}
