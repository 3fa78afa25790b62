import type { Caller } from "../caller.ts";
import type { CommandInput } from "../command/catalog/index.ts";
import type { Config } from "../config.ts";
import { assertEventQueue } from "../event-sink/allowed.ts";
import type { Instance } from "../instance/index.ts";
import { assertProxy } from "../instance/setting/account.ts";
import { defined } from "../object.ts";
import { validated } from "../validate.ts";
import { selectedTypes } from "../webhook/body/selection.ts";
import { type InstanceSettings, type SettingsDeps, updateInstance, webhookHeaders } from "./settings.ts";

export type QueueConfig = Pick<Config, "QUEUE_PREFIX" | "EVENT_QUEUES" | "EGRESS_ALLOW">;

/**
 * Changes the given settings if the caller may. Throws `invalid_request`, `url_not_allowed`, `forbidden` and
 * `instance_not_found`.
 */
export async function changeSettings(
  { config, ...deps }: SettingsDeps & { config: QueueConfig },
  caller: Caller,
  instance: Instance,
  changes: InstanceSettings,
): Promise<Instance> {
  if (changes.eventQueue) assertEventQueue(config, caller, changes.eventQueue, instance.eventQueue);
  if (changes.proxy) assertProxy(config, changes.proxy);
  return await updateInstance(deps, instance, changes);
}

/** Converts the input of `instance.updateSettings`. Throws `invalid_request`. */
export function settingsOf(input: CommandInput<"instance.updateSettings">, instance: Instance): InstanceSettings {
  const { webhookHeaders: headers, webhookEvents: events, webhookFilters, webhookTimeoutSeconds, ...plain } = input;
  const { chats, ...flags } = webhookFilters ?? {};
  return {
    ...plain,
    webhookHeaders: headers && validated(webhookHeaders, headers, { whole: "webhookHeaders", field: "header" }),
    webhookEvents: events && selectedTypes([instance.dialect], events),
    webhookFilters: webhookFilters && defined({ ...flags, chats: chats ?? undefined }),
    webhookTimeoutMs: webhookTimeoutSeconds === undefined ? undefined : webhookTimeoutSeconds * 1000,
  };
}
