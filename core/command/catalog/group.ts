import * as z from "zod";
import { isGroupJid, recipient, toJid } from "../../message/recipient.ts";
import { defineCommand } from "./define.ts";
import { setPicture as setOwnPicture } from "./profile.ts";

/** Appends `@g.us` to a group id without it. */
export const withServer = (id: string) => (id.includes("@") ? id : `${id}@g.us`);

/** A group's JID, with or without `@g.us`. */
export const groupId = z
  .string()
  .max(128)
  .transform((value, context) => {
    const jid = toJid(withServer(value));
    if (jid && isGroupJid(jid)) return jid;
    context.addIssue({ code: "custom", message: "must be the id of a WhatsApp group" });
    return z.NEVER;
  });

/** WhatsApp's limits, in characters. */
export const subject = z.string().trim().min(1).max(100);
/** An empty text removes the description. */
export const description = z.string().max(2048);

/**
 * WhatsApp allows more participants, but an account that adds hundreds at once looks like an account that collects
 * numbers.
 */
const maxParticipants = 256;

const person = recipient.refine((jid) => !isGroupJid(jid), "must be a person");
export const participants = z.array(person).min(1).max(maxParticipants);

/** An invite link, or its code. */
export const inviteCode = z
  .string()
  .trim()
  .max(256)
  .transform(
    (value) => value.replace(/^(?:https?:\/\/)?chat\.whatsapp\.com\/(?:invite\/)?/i, "").split(/[?#]/, 1)[0] ?? "",
  )
  .pipe(z.string().regex(/^[\w-]{4,64}$/, "must be an invite code or an invite link"));

/** The timers for disappearing messages in WhatsApp's apps, in seconds: off, a day, a week, 90 days. */
/** The timers for disappearing messages that WhatsApp offers: off, 24 hours, 7 days, 90 days. */
export const ephemeralSeconds = [0, 86_400, 604_800, 7_776_000] as const;

export const roles = ["superadmin", "admin", "member"] as const;

export const participant = z.object({
  /** JID, by phone number if WhatsApp reports the number. */
  id: z.string(),
  lid: z.string().nullable(),
  role: z.enum(roles),
});

const summary = z.object({
  id: z.string(),
  subject: z.string(),
  description: z.string().nullable(),
  /** JID of the creator, by phone number if WhatsApp reports the number. */
  owner: z.string().nullable(),
  /** ISO 8601. */
  createdAt: z.string().nullable(),
  size: z.int(),
  /** Whether only admins can send messages. */
  announcement: z.boolean(),
  /** Whether only admins can change subject, description and picture. */
  locked: z.boolean(),
  /** Seconds after which messages disappear. 0 means never. */
  ephemeral: z.int(),
  /** Whether every member can add people. */
  membersAdd: z.boolean(),
  /** Whether an admin must approve people who use the invite link. */
  approval: z.boolean(),
  /** JID of the community that the group belongs to. */
  community: z.string().nullable(),
});
export type GroupSummary = z.output<typeof summary>;

export const group = summary.extend({ participants: z.array(participant) });
export type GroupDetails = z.output<typeof group>;

/** Why WhatsApp refused a change for one participant. */
export const refusals = [
  "not_on_whatsapp",
  "not_a_member",
  "not_asking",
  "already_a_member",
  /** The privacy settings of the participant forbid the change, or the account may not make it. */
  "not_allowed",
  /** WhatsApp does not let an account add somebody again who has just left. */
  "left_recently",
  "group_full",
  "refused",
] as const;

export const participantResult = z.object({
  /** JID, as requested. */
  id: z.string(),
  /** WhatsApp's status code. 200 means done. */
  status: z.int(),
  error: z.enum(refusals).optional(),
});
export type ParticipantResult = z.output<typeof participantResult>;

const target = z.object({ group: groupId });
const nothing = z.object({});
const groupAndParticipants = z.object({ group: groupId, participants });
const participantResults = z.object({ participants: z.array(participantResult) });
const errors = ["group_not_found", "forbidden", "whatsapp_error"] as const;

export const list = defineCommand({
  name: "group.list",
  kind: "query",
  summary: "List the groups of the account, without their members",
  input: nothing,
  output: z.object({ groups: z.array(summary) }),
  errors: ["whatsapp_error"],
});

export const get = defineCommand({
  name: "group.get",
  kind: "query",
  summary: "Get a group and its members",
  input: target,
  output: group,
  errors,
});

export const create = defineCommand({
  name: "group.create",
  kind: "mutate",
  summary: "Create a group",
  input: z.object({ subject, participants }),
  output: z.object({ group, participants: z.array(participantResult) }),
  errors: ["recipient_not_on_whatsapp", "forbidden", "outcome_unknown", "whatsapp_error"],
  repeatable: false,
});

export const setSubject = defineCommand({
  name: "group.setSubject",
  kind: "mutate",
  summary: "Change the subject of a group",
  input: target.extend({ subject }),
  output: nothing,
  errors,
  repeatable: true,
});

export const setDescription = defineCommand({
  name: "group.setDescription",
  kind: "mutate",
  summary: "Change or remove the description of a group",
  input: target.extend({ description }),
  output: nothing,
  errors: [...errors, "conflict"],
  repeatable: true,
});

export const addParticipants = defineCommand({
  name: "group.addParticipants",
  kind: "mutate",
  summary: "Add people to a group",
  input: groupAndParticipants,
  output: participantResults,
  errors,
  repeatable: true,
});

export const removeParticipants = defineCommand({
  name: "group.removeParticipants",
  kind: "mutate",
  summary: "Remove members from a group",
  input: groupAndParticipants,
  output: participantResults,
  errors,
  repeatable: true,
});

export const promote = defineCommand({
  name: "group.promote",
  kind: "mutate",
  summary: "Promote members of a group to admins",
  input: groupAndParticipants,
  output: participantResults,
  errors,
  repeatable: true,
});

export const demote = defineCommand({
  name: "group.demote",
  kind: "mutate",
  summary: "Demote admins of a group to members",
  input: groupAndParticipants,
  output: participantResults,
  errors,
  repeatable: true,
});

export const settings = {
  announcement: z.boolean().optional(),
  locked: z.boolean().optional(),
  ephemeral: z
    .literal([...ephemeralSeconds], `must be one of ${ephemeralSeconds.join(", ")} (seconds; 0 means never)`)
    .optional(),
  /** Whether every member can add people. */
  membersAdd: z.boolean().optional(),
  /** Whether an admin must approve people who use the invite link. */
  approval: z.boolean().optional(),
};

export const setSettings = defineCommand({
  name: "group.setSettings",
  kind: "mutate",
  summary: "Change the settings of a group: who can send, edit and add, and when messages disappear",
  input: target
    .extend(settings)
    .refine(
      ({ group: _group, ...changes }) => Object.values(changes).some((value) => value !== undefined),
      `give at least one of ${Object.keys(settings).join(", ")}`,
    ),
  output: nothing,
  errors,
  repeatable: true,
});

export const leave = defineCommand({
  name: "group.leave",
  kind: "mutate",
  summary: "Leave a group",
  input: target,
  output: nothing,
  errors: [...errors, "outcome_unknown"],
  // A repeated leave fails, because the account is no longer a member.
  repeatable: false,
});

export const getInviteCode = defineCommand({
  name: "group.inviteCode",
  kind: "query",
  summary: "Get the invite code of a group. Requires an admin of the group",
  input: target,
  output: z.object({ code: z.string() }),
  errors,
});

export const revokeInvite = defineCommand({
  name: "group.revokeInvite",
  kind: "mutate",
  summary: "Revoke the invite link of a group and get a new one",
  input: target,
  output: z.object({ code: z.string() }),
  errors,
  repeatable: true,
});

export const acceptInvite = defineCommand({
  name: "group.acceptInvite",
  kind: "mutate",
  summary: "Join a group by its invite link",
  input: z.object({ code: inviteCode }),
  output: z.object({
    group: z.string(),
    /** Whether an admin must approve the request first. */
    pending: z.boolean(),
  }),
  errors: ["invite_not_found", "forbidden", "whatsapp_error"],
  repeatable: true,
});

export const joinRequests = defineCommand({
  name: "group.joinRequests",
  kind: "query",
  summary: "List the requests to join a group. Requires an admin of the group",
  input: target,
  output: z.object({
    requests: z.array(
      z.object({
        /** JID, by phone number if WhatsApp reports the number. */
        id: z.string(),
        lid: z.string().nullable(),
        /** ISO 8601. */
        requestedAt: z.string().nullable(),
      }),
    ),
  }),
  errors,
});

export const joinAnswers = ["approve", "reject"] as const;

export const answerJoinRequests = defineCommand({
  name: "group.answerJoinRequests",
  kind: "mutate",
  summary: "Approve or reject requests to join a group",
  input: groupAndParticipants.extend({ action: z.enum(joinAnswers) }),
  output: participantResults,
  errors,
  repeatable: true,
});

export const setPicture = defineCommand({
  name: "group.setPicture",
  kind: "mutate",
  summary: "Set the picture of a group: a JPEG of at most 1 MiB, which WhatsApp crops to a square",
  input: setOwnPicture.input.safeExtend({ group: groupId }),
  output: nothing,
  errors: [...setOwnPicture.errors, "group_not_found", "forbidden"],
  repeatable: true,
});

export const removePicture = defineCommand({
  name: "group.removePicture",
  kind: "mutate",
  summary: "Remove the picture of a group",
  input: target,
  output: nothing,
  errors,
  repeatable: true,
});
