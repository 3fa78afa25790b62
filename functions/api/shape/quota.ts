import * as z from "zod";
import { type QuotaUsage, quotaNames } from "../../../core/quota/index.ts";

const names = z.enum(quotaNames);

/** The usage of each quota. */
export const quotasShape = z.record(names, z.object({ used: z.int(), limit: z.int().nullable() })).meta({
  description: "The usage and the limit of each quota. A limit of null means no limit",
});

/** Limits that an admin sets for a user. */
export const ownQuotas = z.partialRecord(names, z.int().min(0).max(Number.MAX_SAFE_INTEGER)).nullable().meta({
  description: "Limits that differ from the settings, by quota. 0: no limit. Null: the limits of the settings",
});

export const toQuotas = (usage: QuotaUsage): z.input<typeof quotasShape> => usage;
