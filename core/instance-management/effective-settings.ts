import * as z from "zod";
import type { Config } from "../config.ts";
import type { Database } from "../db/index.ts";
import type { Instance } from "../instance/index.ts";
import { instanceHistories, instancePresences } from "../instance/instance.sql.ts";
import { paceOf } from "../restriction/pace.ts";
import { defaultRetention } from "../retention/index.ts";
import { type OwnRetention, retentionKinds } from "../user/user.sql.ts";
import { showAccountSettings } from "./account-settings.ts";

/** The settings in use, by name. Settings that are objects have one entry for each of their fields where they differ. */
export const effectiveSettings = z.record(
  z.string(),
  z.object({
    value: z.unknown(),
    /**
     * `instance`: set for the instance. `user`: a shorter retention of the instance's user. `gateway`: a setting of the
     * operator. `default`: nobody has set it.
     */
    source: z.enum(["instance", "user", "gateway", "default"]),
  }),
);

type Effective = z.output<typeof effectiveSettings>;

/** Returns the settings of an instance as they apply, and where each comes from. */
export async function readEffectiveSettings(
  { db, config }: { db: Database; config: Config },
  instance: Instance,
): Promise<Effective> {
  const { pace: _, retention: __, ...shown } = showAccountSettings(instance);
  const isDefault: Partial<Record<keyof typeof shown, boolean>> = {
    history: instance.history === instanceHistories[0],
    presence: instance.presence === instancePresences[0],
  };
  const plain = Object.entries(shown).map(([name, value]) => {
    const key = name as keyof typeof shown;
    const unset = isDefault[key] ?? instance[key] === null;
    return [name, { value, source: unset ? "default" : "instance" }] as const;
  });
  const pace = Object.entries(paceOf(instance.pace)).map(([name, value]) => {
    const own = instance.pace && Object.hasOwn(instance.pace, name);
    return [`pace.${name}`, { value, source: own ? "instance" : "default" }] as const;
  });
  return Object.fromEntries([...plain, ...pace, ...(await retentionOf({ db, config }, instance))]);
}

async function retentionOf({ db, config }: { db: Database; config: Config }, instance: Instance) {
  const [user] = await db.sql<{ retention: OwnRetention | null }[]>`
    select retention from users where id = ${instance.userId}`;
  const byOperator = defaultRetention(config);
  return retentionKinds.map((kind) => {
    const days: [Effective[string]["source"], number | null | undefined][] = [
      ["gateway", byOperator[kind]],
      ["user", user?.retention?.[kind]],
      ["instance", instance.retention?.[kind]],
    ];
    const set = days.flatMap(([source, value]) => (typeof value === "number" ? [{ source, value }] : []));
    const shortest = set.toSorted((a, b) => a.value - b.value)[0];
    return [`retention.${kind}`, shortest ?? { value: null, source: "default" as const }] as const;
  });
}
