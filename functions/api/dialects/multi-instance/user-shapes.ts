import * as z from "zod";
import { retentionSetting } from "../../../../core/retention/setting.ts";
import * as field from "../../../../core/user/field.ts";
import type { OwnChanges, User } from "../../../../core/user/index.ts";
import { isoDate } from "../../shape/common.ts";
import { eventQueueSetting } from "../../shape/instance.ts";
import { ownQuotas } from "../../shape/quota.ts";

export const role = z.enum(["admin", "user"]);

/** Settings that users can change for themselves and admins for any user. */
export const ownSettings = z.object({
  firstName: field.personName.optional(),
  lastName: field.personName.optional(),
  timeZone: field.timeZone.optional(),
  allowedIps: field.allowedIps.optional(),
  eventQueue: eventQueueSetting.meta({
    description:
      "SQS FIFO queue that gets the events of all instances without their own eventQueue: its name, which starts with QUEUE_PREFIX-events-, or a URL from the setting EVENT_QUEUES. Empty or null: none",
  }),
  retention: retentionSetting.optional(),
});

export const force = z
  .boolean()
  .optional()
  .meta({ description: "Accepts `allowedIps` even if it does not include your own IP address" });

export function toSettings<Body extends z.output<typeof ownSettings>>(
  body: Body,
): Omit<Body, "allowedIps" | "eventQueue"> & Pick<OwnChanges, "ipRanges" | "eventQueue"> {
  const { allowedIps, eventQueue, ...rest } = body;
  return { ...rest, eventQueue: eventQueue === "" ? null : eventQueue, ipRanges: allowedIps };
}

export const userName = z.object({ id: z.string(), email: z.string(), firstName: z.string(), lastName: z.string() });

export const meShape = userName.extend({
  role,
  timeZone: z.string().nullable(),
  /** IP addresses and ranges in canonical form. Empty allows any address. */
  allowedIps: z.array(z.string()),
  eventQueue: z.string().nullable(),
  retention: retentionSetting,
});

export const toMe = (user: User): z.input<typeof meShape> => ({
  id: user.id,
  email: user.email,
  firstName: user.firstName,
  lastName: user.lastName,
  role: user.role,
  timeZone: user.timeZone,
  allowedIps: user.ipRanges ?? [],
  eventQueue: user.eventQueue,
  retention: user.retention,
});

export const userShape = meShape.extend({
  disabled: z.boolean(),
  quotas: ownQuotas,
  createdAt: isoDate,
  updatedAt: isoDate,
});

export const toUser = (user: User): z.input<typeof userShape> => ({
  ...toMe(user),
  disabled: user.disabledAt !== null,
  quotas: user.quotas,
  createdAt: user.createdAt.toISOString(),
  updatedAt: user.updatedAt.toISOString(),
});
