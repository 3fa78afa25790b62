import * as z from "zod";
import { destination } from "../../message/recipient.ts";
import { text } from "../../message/text.ts";
import type { Instance } from "../index.ts";
import type { AutoRead, IgnoreRules, RejectCalls } from "../instance.sql.ts";
import { timeZoneName } from "../timezone.ts";

/** Maximum number of chats that an instance ignores by name. */
const maxIgnoredChats = 1_000;

/** For how many hours a caller gets no second answer. `core/db/prune.ts` keeps the time of the last answer as long. */
const maxAnswerHours = 7 * 24;
const answerHours = z.int().min(1).max(maxAnswerHours);
const allCalls: RejectCalls = { message: null, groups: true, answerAfterHours: 24 };

const rejectCalls = z.union([
  z.boolean().transform((all) => (all ? allCalls : null)),
  z
    .strictObject({
      message: text.nullish(),
      groups: z.boolean().optional(),
      answerAfterHours: answerHours.optional(),
    })
    .transform(
      ({ message = null, groups = allCalls.groups, answerAfterHours = allCalls.answerAfterHours }): RejectCalls => ({
        ...{ message, groups, answerAfterHours },
      }),
    ),
]);

const autoReadKinds = { direct: z.boolean(), groups: z.boolean(), statuses: z.boolean() };

const autoRead = z.union([
  z.boolean().transform((on): AutoRead | null => (on ? { direct: true, groups: true, statuses: false } : null)),
  z
    .strictObject(z.object(autoReadKinds).partial().shape)
    .transform(({ direct = false, groups = false, statuses = false }): AutoRead => ({ direct, groups, statuses })),
]);

const ignoreFlags = {
  groups: z.boolean(),
  statuses: z.boolean(),
  channels: z.boolean(),
  broadcasts: z.boolean(),
};

const nothing: IgnoreRules = { groups: false, statuses: false, channels: false, broadcasts: false, chats: [] };

const ignore = z
  .strictObject({
    ...z.object(ignoreFlags).partial().shape,
    chats: z.array(destination).max(maxIgnoredChats).optional(),
  })
  .transform(
    ({ groups = false, statuses = false, channels = false, broadcasts = false, chats = [] }): IgnoreRules => ({
      ...{ groups, statuses, channels, broadcasts },
      chats: [...new Set(chats)],
    }),
  );

const metadataKey = z
  .string()
  .regex(/^[A-Za-z0-9_.-]{1,40}$/, "must be 1 to 40 letters, digits, dots, dashes or underscores");
const metadataValue = z
  .string()
  .max(500)
  .refine((text) => text.isWellFormed() && !text.includes("\u0000"), "must be valid Unicode without NUL characters");
const maxPairs = 20;

const metadata = z
  .record(metadataKey, metadataValue)
  .refine((pairs) => Object.keys(pairs).length <= maxPairs, `must have at most ${maxPairs} pairs`)
  .transform((pairs) => (Object.keys(pairs).length > 0 ? pairs : null));

/** The settings of an instance that concern messages and calls from others, in the requests of both dialects. */
export const incomingSettings = {
  metadata: metadata.nullish().meta({
    description:
      "Your own key–value pairs, which every event and webhook of the instance repeats: at most 20, with keys of up to 40 letters, digits, dots, dashes and underscores, and texts of up to 500 characters. Replaces all pairs. null: none",
  }),
  timezone: timeZoneName.nullish().meta({
    description:
      "IANA time zone, such as Europe/Berlin, of times without an offset in sendAt, and of the days of pace.newContactsPerDay. null: such times are refused, and days are those of UTC",
  }),
  rejectCalls: rejectCalls.nullish().meta({
    description:
      "Whether incoming calls are rejected: true, or an object. message: a text for the caller, which each caller gets once in answerAfterHours (default 24, at most 168). groups: whether calls to groups are rejected too, without an answer; default true. Takes effect at once. null or false: calls ring",
  }),
  autoRead: autoRead.nullish().meta({
    description:
      "Whether messages are marked as read when they arrive: true (chats with one person and groups), or an object that chooses direct, groups and statuses. Takes effect at once. null or false: only your requests mark messages as read",
  }),
  ignore: ignore.nullish().meta({
    description:
      "Which messages are neither stored nor told, nor their files downloaded: of groups, status posts, channels, broadcast lists, and of the chats in chats (phone numbers or JIDs). Replaces the whole setting, and takes effect at once. null: nothing is ignored",
  }),
};

/** The same settings in the responses of both dialects. */
export const shownIncomingSettings = {
  metadata: z.record(z.string(), z.string()),
  timezone: z.string().nullable(),
  rejectCalls: z.object({ message: z.string().nullable(), groups: z.boolean(), answerAfterHours: z.int() }).nullable(),
  autoRead: z.object(autoReadKinds).nullable(),
  ignore: z.object({ ...ignoreFlags, chats: z.array(z.string()) }),
};

export const showIncomingSettings = (instance: Instance) => ({
  metadata: instance.metadata ?? {},
  timezone: instance.timezone,
  rejectCalls: instance.rejectCalls,
  autoRead: instance.autoRead,
  ignore: instance.ignore ?? nothing,
});
