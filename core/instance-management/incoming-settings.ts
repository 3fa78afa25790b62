import * as z from "zod";
import type { Instance } from "../instance/index.ts";
import type { IgnoreRules } from "../instance/instance.sql.ts";
import { destination } from "../message/recipient.ts";

/** Maximum number of chats that an instance ignores by name. */
const maxIgnoredChats = 1_000;

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

/** The settings of an instance that concern messages and calls from others, in the requests of both dialects. */
export const incomingSettings = {
  ignore: ignore.nullish().meta({
    description:
      "Which messages are neither stored nor told, nor their files downloaded: of groups, status posts, channels, broadcast lists, and of the chats in chats (phone numbers or JIDs). Replaces the whole setting, and takes effect at once. null: nothing is ignored",
  }),
};

/** The same settings in the responses of both dialects. */
export const shownIncomingSettings = {
  ignore: z.object({ ...ignoreFlags, chats: z.array(z.string()) }),
};

export const showIncomingSettings = (instance: Instance) => ({
  ignore: instance.ignore ?? nothing,
});
