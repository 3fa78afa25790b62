import type { NewEvent } from "../../../core/event/catalog/index.ts";
import type { Restrictions } from "../../../core/restriction/index.ts";

type RestrictionName = Extract<NewEvent, { type: "instance.restricted" }>["data"]["restriction"];
const nameOf = { timeLock: "time_lock", newChatCap: "new_chat_cap", rateLimit: "rate_limit" } as const;

/** Returns the restrictions that have ended. */
export function endedOf(before: Restrictions, lasting: Restrictions): RestrictionName[] {
  const names = Object.keys(before) as (keyof Restrictions)[];
  // A cap that was not reached restricted nothing.
  return names.flatMap((name) =>
    name in lasting || (name === "newChatCap" && !before.newChatCap?.reached) ? [] : [nameOf[name]],
  );
}

export const restricted = (restriction: RestrictionName, until: Date, type: string | null = null): NewEvent => ({
  type: "instance.restricted",
  data: { restriction, type, until: until.toISOString() },
});

export const unrestricted = (restriction: RestrictionName, endedBy: "time" | "whatsapp"): NewEvent => ({
  type: "instance.unrestricted",
  data: { restriction, endedBy },
});
