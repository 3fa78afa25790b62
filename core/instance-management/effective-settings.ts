import type { Database } from "../db/index.ts";
import type { Instance } from "../instance/index.ts";
import { instanceHistories, instancePresences } from "../instance/instance.sql.ts";
import { showAccountSettings } from "../instance/setting/account.ts";
import type { EffectiveSettings } from "../instance/setting/effective.ts";
import { paceOf } from "../restriction/pace.ts";
import type { Retention } from "../retention/index.ts";
import { type OwnRetention, retentionKinds } from "../user/user.sql.ts";

interface SettingsReadDeps {
  db: Database;
  /** The retention that the operator has set. */
  retention: Retention;
}

/** The settings of the instance's user that apply to the instance. */
interface UserSettings {
  retention: OwnRetention | null;
  eventQueue: string | null;
  /** URL of the first default endpoint that the instance has from its user. */
  webhookUrl: string | null;
}

type Entries = (readonly [string, EffectiveSettings[string]])[];

/** Returns the settings of an instance as they apply, and where each comes from. */
export async function readEffectiveSettings(deps: SettingsReadDeps, instance: Instance): Promise<EffectiveSettings> {
  const { pace: _, retention: __, ...shown } = showAccountSettings(instance);
  const isDefault: Partial<Record<keyof typeof shown, boolean>> = {
    history: instance.history === instanceHistories[0],
    presence: instance.presence === instancePresences[0],
  };
  const plain: Entries = Object.entries(shown).map(([name, value]) => {
    const key = name as keyof typeof shown;
    const unset = isDefault[key] ?? instance[key] === null;
    return [name, { value, source: unset ? "default" : "instance" }];
  });
  const pace: Entries = Object.entries(paceOf(instance.pace)).map(([name, value]) => {
    const own = instance.pace && Object.hasOwn(instance.pace, name);
    return [`pace.${name}`, { value, source: own ? "instance" : "default" }];
  });
  const user = await userSettings(deps.db, instance);
  return Object.fromEntries([
    ...plain,
    ...pace,
    ...retentionOf(deps.retention, instance, user),
    ...deliveryOf(instance, user),
  ]);
}

async function userSettings({ sql }: Database, { id, userId }: Instance): Promise<UserSettings> {
  const [user] = await sql<UserSettings[]>`
    select retention, event_queue as "eventQueue", (
        select w.url from webhooks w where w.instance_id = ${id} and w.default_id is not null
        order by w.created_at, w.id limit 1
      ) as "webhookUrl"
    from users where id = ${userId}`;
  return user ?? { retention: null, eventQueue: null, webhookUrl: null };
}

function retentionOf(byOperator: Retention, instance: Instance, user: UserSettings): Entries {
  return retentionKinds.map((kind) => {
    const days: [EffectiveSettings[string]["source"], number | null | undefined][] = [
      ["gateway", byOperator[kind]],
      ["user", user.retention?.[kind]],
      ["instance", instance.retention?.[kind]],
    ];
    const set = days.flatMap(([source, value]) => (typeof value === "number" ? [{ source, value }] : []));
    const shortest = set.toSorted((a, b) => a.value - b.value)[0];
    return [`retention.${kind}`, shortest ?? { value: null, source: "default" }];
  });
}

/** The settings of the event queue and of the first webhook endpoint. Secret values are omitted. */
function deliveryOf(instance: Instance, user: UserSettings): Entries {
  const first = [
    ["eventQueue", instance.eventQueue, user.eventQueue],
    ["webhookUrl", instance.webhookUrl, user.webhookUrl],
  ] as const;
  const headers = Object.keys(instance.webhookHeaders).sort();
  const isSigned = instance.webhookSecret !== null;
  /** The name, the value, and whether it is the value of an instance that has set nothing. */
  const own: [name: string, value: unknown, isDefault: boolean][] = [
    ["webhookEnabled", instance.webhookEnabled, instance.webhookUrl === null || instance.webhookEnabled],
    ["webhookSecret", isSigned, !isSigned],
    ["webhookHeaders", headers, headers.length === 0],
    ["webhookEvents", instance.webhookEvents, instance.webhookEvents === null],
    ["webhookFilters", instance.webhookFilters, Object.keys(instance.webhookFilters).length === 0],
    ["webhookTimeoutSeconds", instance.webhookTimeoutMs / 1000, instance.webhookTimeoutMs === 15_000],
    ["notifyReceived", instance.notifyReceived, instance.notifyReceived],
    ["notifySent", instance.notifySent, instance.notifySent],
    ["notifyDelivery", instance.notifyDelivery, instance.notifyDelivery],
    ["notifyRead", instance.notifyRead, instance.notifyRead],
    ["maxRetries", instance.maxRetries, instance.maxRetries === 5],
    ["retryInterval", instance.retryInterval, instance.retryInterval === 60_000],
  ];
  return [
    ...first.map(([name, ofInstance, ofUser]) => {
      const source = ofInstance !== null ? "instance" : ofUser !== null ? "user" : "default";
      return [name, { value: ofInstance ?? ofUser, source }] as const;
    }),
    ...own.map(([name, value, isDefault]) => [name, { value, source: isDefault ? "default" : "instance" }] as const),
  ];
}
