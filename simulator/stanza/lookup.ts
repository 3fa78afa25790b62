import type { Lookup } from "../model/limit/lookup-limits.ts";
import { type BinaryNode, child } from "../wire/node.ts";
import { Refusal } from "./errors.ts";
import type { Origin } from "./iq.ts";

/** Throws `Refusal` with 429 if the device makes too many look-ups. */
export function limitLookups(iq: BinaryNode, { world, device }: Origin): void {
  const lookup = lookupOf(iq);
  if (!lookup || device.lookups.take(lookup, world.lookupLimits[lookup], world.clock())) return;
  const relaxed = {
    account: world.rules.relaxed("account_lookup_limit"),
    group: world.rules.relaxed("group_lookup_limit"),
    prekey: world.rules.relaxed("prekey_lookup_limit"),
  };
  if (!relaxed[lookup]) throw new Refusal(429, "rate-overlimit");
}

function lookupOf(iq: BinaryNode): Lookup | undefined {
  const { xmlns, type } = iq.attrs;
  if (xmlns === "usync") return "account";
  if (xmlns === "w:g2" && type === "get") return "group";
  return xmlns === "encrypt" && child(iq, "key") ? "prekey" : undefined;
}
