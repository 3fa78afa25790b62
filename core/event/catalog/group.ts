import * as z from "zod";
import { defineEvent } from "./define.ts";

export const person = z.object({
  /** JID, by phone number if the number is known. */
  id: z.string(),
  lid: z.string().nullable(),
});
export type Person = z.output<typeof person>;

const change = {
  /** JID of the group. */
  groupId: z.string(),
  /** Who made the change. Null if WhatsApp does not report this person. */
  by: person.nullable(),
  /** Whether the account itself made the change, through the API or on the phone. */
  fromMe: z.boolean(),
  /** Unix seconds, by WhatsApp's clock. */
  timestamp: z.int(),
};

export const join = defineEvent({
  type: "group.join",
  summary: "The account became a member of a group",
  data: z.object({
    ...change,
    /** Null if WhatsApp does not report it. */
    subject: z.string().nullable(),
    /** Number of members. */
    size: z.int().nullable(),
    /**
     * `created`: the group is new. `invite`: the account joined through the invite link. `added`: an admin added the
     * account.
     */
    reason: z.enum(["created", "invite", "added"]),
  }),
});

export const leave = defineEvent({
  type: "group.leave",
  summary: "The account is no longer a member of a group",
  data: z.object({
    ...change,
    /** `left`: the account left. `removed`: an admin removed the account. `deleted`: the group no longer exists. */
    reason: z.enum(["left", "removed", "deleted"]),
  }),
});

/** The new values of the changed fields. Other fields are absent. */
export const groupChanges = z.object({
  subject: z.string().optional(),
  /** Null if the description was removed. */
  description: z.string().nullable().optional(),
  /** Whether only admins can send messages. */
  announcement: z.boolean().optional(),
  /** Whether only admins can change subject, description and picture. */
  locked: z.boolean().optional(),
  /** Seconds after which messages disappear. 0 means never. */
  ephemeral: z.int().optional(),
  /** Whether every member can add people. */
  membersAdd: z.boolean().optional(),
  /** Whether an admin must approve people who use the invite link. */
  approval: z.boolean().optional(),
  picture: z.enum(["changed", "removed"]).optional(),
  /** Present if the invite link was revoked: the new code, or null if WhatsApp does not report the new code. */
  inviteCode: z.string().nullable().optional(),
});
export type GroupChanges = z.output<typeof groupChanges>;

export const update = defineEvent({
  type: "group.update",
  summary: "The subject, description, picture, invite link or settings of a group changed",
  data: z.object({ ...change, changes: groupChanges }),
});

export const participantActions = ["add", "remove", "promote", "demote"] as const;

export const participantsUpdate = defineEvent({
  type: "group.participants.update",
  summary: "Other people joined or left a group, or somebody became or stopped being an admin",
  data: z.object({
    ...change,
    action: z.enum(participantActions),
    participants: z.array(person),
  }),
});
