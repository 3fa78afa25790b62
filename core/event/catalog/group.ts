import * as z from "zod";
import { defineEvent } from "./define.ts";

export const person = z.object({
  /** JID, by phone number where it is known. */
  id: z.string(),
  lid: z.string().nullable(),
});
export type Person = z.output<typeof person>;

const change = {
  /** JID of the group. */
  groupId: z.string(),
  /** Who did it; null where WhatsApp does not say so. */
  by: person.nullable(),
  /** Whether that was this account, by the API or on the phone. */
  fromMe: z.boolean(),
  /** Unix seconds, WhatsApp's clock. */
  timestamp: z.int(),
};

export const join = defineEvent({
  type: "group.join",
  summary: "This account has come into a group",
  data: z.object({
    ...change,
    /** Null where WhatsApp does not say so with it. */
    subject: z.string().nullable(),
    /** Members. */
    size: z.int().nullable(),
    /** `created`: the group is new, made by this account or with it in it. `invite`: by its link. `added`: by an admin. */
    reason: z.enum(["created", "invite", "added"]),
  }),
});

export const leave = defineEvent({
  type: "group.leave",
  summary: "This account is not in a group any more",
  data: z.object({
    ...change,
    /** `left`: by itself. `removed`: by an admin. `deleted`: the group is no more. */
    reason: z.enum(["left", "removed", "deleted"]),
  }),
});

/** What was changed, and to what; nothing else is there. */
export const groupChanges = z.object({
  subject: z.string().optional(),
  /** Null when it was taken away. */
  description: z.string().nullable().optional(),
  /** Whether only admins write. */
  announcement: z.boolean().optional(),
  /** Whether only admins change subject, description and picture. */
  locked: z.boolean().optional(),
  /** Seconds after which messages disappear; 0 is never. */
  ephemeral: z.int().optional(),
  /** Whether every member may add others. */
  membersAdd: z.boolean().optional(),
  /** Whether an admin must let in who follows the invite link. */
  approval: z.boolean().optional(),
  picture: z.enum(["changed", "removed"]).optional(),
  /** The invite link was revoked; the code of the new one, where WhatsApp tells it. */
  inviteCode: z.string().nullable().optional(),
});
export type GroupChanges = z.output<typeof groupChanges>;

export const update = defineEvent({
  type: "group.update",
  summary: "Subject, description, picture, invite link or settings of a group were changed",
  data: z.object({ ...change, changes: groupChanges }),
});

export const participantActions = ["add", "remove", "promote", "demote"] as const;

export const participantsUpdate = defineEvent({
  type: "group.participants.update",
  summary: "Others came into a group or left it, or somebody became an admin or is none any more",
  data: z.object({
    ...change,
    action: z.enum(participantActions),
    participants: z.array(person),
  }),
});
