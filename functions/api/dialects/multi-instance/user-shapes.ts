import * as z from "zod";
import * as field from "../../../../core/user/field.ts";
import type { OwnChanges, User } from "../../../../core/user/index.ts";
import { isoDate } from "../../shapes.ts";

export const role = z.enum(["admin", "user"]);

/** What a user, or an admin for a user, may set. */
export const ownSettings = z.object({
  firstName: field.personName.optional(),
  lastName: field.personName.optional(),
  timeZone: field.timeZone.optional(),
  allowedIps: field.allowedIps.optional(),
});

export const force = z
  .boolean()
  .optional()
  .meta({ description: "Whether a list of addresses without your own is meant" });

export function toSettings<Body extends z.output<typeof ownSettings>>(
  body: Body,
): Omit<Body, "allowedIps"> & Pick<OwnChanges, "ipRanges"> {
  const { allowedIps, ...rest } = body;
  return { ...rest, ipRanges: allowedIps };
}

export const userName = z.object({ id: z.string(), email: z.string(), firstName: z.string(), lastName: z.string() });

export const meShape = userName.extend({
  role,
  timeZone: z.string().nullable(),
  /** In normal form; none is anywhere. */
  allowedIps: z.array(z.string()),
});

export const toMe = (user: User): z.input<typeof meShape> => ({
  id: user.id,
  email: user.email,
  firstName: user.firstName,
  lastName: user.lastName,
  role: user.role,
  timeZone: user.timeZone,
  allowedIps: user.ipRanges ?? [],
});

export const userShape = meShape.extend({ disabled: z.boolean(), createdAt: isoDate, updatedAt: isoDate });

export const toUser = (user: User): z.input<typeof userShape> => ({
  ...toMe(user),
  disabled: user.disabledAt !== null,
  createdAt: user.createdAt.toISOString(),
  updatedAt: user.updatedAt.toISOString(),
});
