import { AppError } from "../../../core/error.ts";
import { createErasure } from "../../../core/privacy/index.ts";
import type { CallerContext } from "../engine/context.ts";

/** Throws `forbidden` for a key that is limited to some instances, because an erasure concerns all. */
export async function eraseEverywhere({ deps, caller }: CallerContext, jid: string) {
  if (caller.key?.instances)
    throw new AppError("forbidden", "this key is limited to instances: an erasure concerns all");
  return await createErasure(deps, caller.userId, jid);
}
