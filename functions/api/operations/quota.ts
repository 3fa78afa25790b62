import { quotaNames, readQuotas } from "../../../core/quota/index.ts";
import type { CallerContext } from "../engine/context.ts";

/** Returns the usage and the limits of the caller's quotas. */
export const getQuotas = ({ deps, caller }: CallerContext) => readQuotas(deps, caller.userId, quotaNames);
