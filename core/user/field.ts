import * as z from "zod";
import { normalRange } from "../http/ip-ranges.ts";
import { scopes } from "../scope.ts";
import { singleLine } from "../text.ts";
import { maxPasswordLength } from "./password.ts";

export const personName = singleLine.trim().max(200);
export const keyName = singleLine.trim().min(1).max(200);
export const userSearch = singleLine.trim().max(200);
export const emailAddress = z.email().max(254);

/** This limit applies only to new passwords. A user login accepts any password up to the maximum length. */
const minPasswordLength = 8;
export const newPassword = z.string().min(minPasswordLength).max(maxPasswordLength);

const maxRanges = 100;

/** CIDRs or single addresses, normalized and without duplicates. Empty or null allows any address. */
export const allowedIps = z
  .array(
    z
      .string()
      .max(64)
      .transform((text, context) => {
        const range = normalRange(text);
        if (range !== undefined) return range;
        context.addIssue({ code: "custom", message: "must be an IPv4 or IPv6 address or CIDR" });
        return z.NEVER;
      }),
  )
  .max(maxRanges)
  .nullable()
  .transform((ranges) => (ranges === null || ranges.length === 0 ? null : [...new Set(ranges)]))
  .meta({ description: "CIDRs or single addresses, IPv4 or IPv6. An empty list or null allows any address." });

const maxKeyInstances = 1_000;

/** Ids of instances. Null allows all. An empty list would allow none, which is most likely a mistake. */
export const keyInstances = z
  .array(z.uuid())
  .min(1, "give at least one instance, or null for all")
  .max(maxKeyInstances)
  .transform((ids) => [...new Set(ids.map((id) => id.toLowerCase()))])
  .nullable()
  .meta({ description: "Ids of the instances that the key may be used for. Null allows all instances of the user." });

export const keyScopes = z
  .array(z.enum(scopes))
  .min(1, "give at least one scope, or null for all")
  .max(scopes.length)
  .transform((list) => [...new Set(list)])
  .nullable()
  .meta({ description: "What the key may be used for, within its permissions. Null allows everything." });

/**
 * The IANA name of a time zone. Refuses names that Postgres reads differently than JavaScript: offsets, whose sign
 * Postgres inverts, and abbreviations (`BST` is British in Postgres and Bangladeshi in JavaScript).
 */
export const timeZone = z
  .string()
  .max(64)
  .refine(
    (name) => /^(?:UTC|GMT|[A-Za-z]+\/.+)$/i.test(name) && isTimeZone(name),
    "must be the IANA name of a time zone",
  )
  .nullable()
  .meta({ description: "IANA name, such as Europe/Berlin. Null means UTC." });

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}
